//! Netstrings: `5:hello,`.
//!
//! ```text
//! netstring = length ":" bytes ","        length = "0" / ( "1" … "9" digit* )
//! ```
//!
//! What deviates from it by a byte ends the connection: two programs that read a length with a zero, a
//! sign or a space before it may read two lengths, which an attacker makes use of. From
//! D. J. Bernstein, *Netstrings*, 1997.

use crate::framing::messages::{DEFAULT_MAX_LENGTH, Framing, LONGEST, MessageTooLong, Parsed};
use crate::transport::Transport;

/// Messages as netstrings, for a [`MessageReceiver`](crate::framing::MessageReceiver).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Netstrings {
    max_length: usize,
}

impl Netstrings {
    /// Netstrings of at most 99,999 bytes are taken, unless [`max_length`](Self::max_length) says
    /// otherwise.
    #[must_use]
    pub fn new() -> Self {
        Self {
            max_length: DEFAULT_MAX_LENGTH,
        }
    }

    /// Netstrings of at most this many bytes are taken. Those that are sent may have any length.
    #[must_use]
    pub fn max_length(mut self, bytes: usize) -> Self {
        self.max_length = bytes.min(LONGEST);
        self
    }
}

impl Default for Netstrings {
    fn default() -> Self {
        Self::new()
    }
}

impl Framing for Netstrings {
    fn parse(&self, received: &[u8]) -> Result<Parsed, String> {
        let mut length = 0;
        for (at, byte) in received.iter().enumerate() {
            match byte {
                b':' if at > 0 => return self.parse_body(received, at + 1, length),
                b'0'..=b'9' if at == 0 || length > 0 => {
                    length = length * 10 + usize::from(byte - b'0');
                }
                _ => return Err("expected the length of a netstring".to_owned()),
            }
            // After each digit: the error comes with the first one that is too much, and the sum stays
            // below ten times `LONGEST`.
            if length > self.max_length {
                let max = self.max_length;
                return Err(format!("expected netstrings of at most {max} bytes"));
            }
        }
        // The length has a few digits, so looking again after each is no work.
        let wanted = received.len() + 1;
        Ok(Parsed::Incomplete { wanted })
    }

    fn send(&self, transport: &Transport, message: &[u8]) -> Result<bool, MessageTooLong> {
        let length = format!("{}:", message.len());
        Ok(transport.write_sequence(&[length.as_bytes(), message, b","]))
    }
}

impl Netstrings {
    /// The length is known.
    fn parse_body(&self, received: &[u8], begin: usize, length: usize) -> Result<Parsed, String> {
        let message = begin..begin + length;
        let end = message.end + 1;
        match received.get(message.end) {
            None => Ok(Parsed::Incomplete { wanted: end }),
            Some(b',') => Ok(Parsed::Message { message, end }),
            Some(_) => Err("expected a comma behind a netstring".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(received: &[u8]) -> Result<Parsed, String> {
        Netstrings::new().parse(received)
    }

    #[test]
    fn what_is_whole_is_found_and_what_is_not_is_waited_for() {
        let incomplete = |wanted| Ok(Parsed::Incomplete { wanted });
        let found = |message, end| Ok(Parsed::Message { message, end });
        assert_eq!(parse(b"0:,"), found(2..2, 3));
        assert_eq!(parse(b"3:a,b,4:"), found(2..5, 6));
        assert_eq!(parse(b""), incomplete(1));
        assert_eq!(parse(b"5"), incomplete(2));
        assert_eq!(parse(b"5:hel"), incomplete(8));
        assert_eq!(parse(b"99999:"), incomplete(100_006));
    }

    #[test]
    fn what_is_no_netstring_is_refused_at_its_first_wrong_byte() {
        let length = "expected the length of a netstring";
        let long = "expected netstrings of at most 99999 bytes";
        for (received, expected) in [
            ("00", length),
            ("01", length),
            (" ", length),
            ("-", length),
            ("+", length),
            (":", length),
            ("5x", length),
            ("5 ", length),
            ("100000", long),
            ("99999999999999999999999999", long),
            ("5:hello;", "expected a comma behind a netstring"),
        ] {
            assert_eq!(parse(received.as_bytes()), Err(expected.to_owned()));
        }
    }

    #[test]
    fn no_limit_is_a_limit() {
        let endless = Netstrings::new().max_length(usize::MAX);
        assert!(endless.parse(b"99999999999999999999999999:").is_err());
        assert!(endless.parse(b"18446744073709551615:").is_err());
    }
}
