//! Length prefixes: a number of one, two or four bytes, the most significant first, and as many
//! bytes as it says.

use crate::framing::messages::{DEFAULT_MAX_LENGTH, Framing, LONGEST, MessageTooLong, Parsed};
use crate::transport::Transport;

/// Messages behind their lengths, for a [`MessageReceiver`](crate::framing::MessageReceiver).
///
/// ```
/// use reactor::framing::LengthPrefix;
///
/// let framing = LengthPrefix::u32().max_length(8 << 20);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LengthPrefix {
    width: usize,
    max_length: usize,
}

impl LengthPrefix {
    /// Lengths of 8 bits: messages of at most 255 bytes.
    #[must_use]
    pub fn u8() -> Self {
        Self::of_width(1)
    }

    /// Lengths of 16 bits: messages of at most 65,535 bytes.
    #[must_use]
    pub fn u16() -> Self {
        Self::of_width(2)
    }

    /// Lengths of 32 bits. Messages of at most 99,999 bytes are taken, unless
    /// [`max_length`](Self::max_length) says otherwise.
    #[must_use]
    pub fn u32() -> Self {
        Self::of_width(4)
    }

    /// Messages of at most this many bytes are taken. Those that are sent may have any length that
    /// the prefix can express.
    #[must_use]
    pub fn max_length(mut self, bytes: usize) -> Self {
        self.max_length = bytes.min(LONGEST);
        self
    }

    fn of_width(width: usize) -> Self {
        Self {
            width,
            max_length: DEFAULT_MAX_LENGTH,
        }
    }

    /// The longest message that the prefix can express.
    fn longest(self) -> usize {
        // `1 << (8 * width)` would overflow where a `usize` has 32 bits.
        usize::MAX >> (usize::BITS as usize - 8 * self.width)
    }
}

impl Framing for LengthPrefix {
    fn parse(&self, received: &[u8]) -> Result<Parsed, String> {
        let Some(prefix) = received.get(..self.width) else {
            return Ok(Parsed::Incomplete { wanted: self.width });
        };
        let length = prefix
            .iter()
            .fold(0, |length, byte| length << 8 | usize::from(*byte));
        // Before the message has come, so that it is never buffered.
        if length > self.max_length {
            let max = self.max_length;
            return Err(format!("expected messages of at most {max} bytes"));
        }
        let end = self.width + length;
        if received.len() < end {
            return Ok(Parsed::Incomplete { wanted: end });
        }
        let message = self.width..end;
        Ok(Parsed::Message { message, end })
    }

    fn send(&self, transport: &Transport, message: &[u8]) -> Result<bool, MessageTooLong> {
        let (length, max) = (message.len(), self.longest());
        if length > max {
            return Err(MessageTooLong { length, max });
        }
        let bytes = length.to_be_bytes();
        let prefix = &bytes[bytes.len() - self.width..];
        Ok(transport.write_sequence(&[prefix, message]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_read_with_its_most_significant_byte_first() {
        let found = |message, end| Ok(Parsed::Message { message, end });
        let incomplete = |wanted| Ok(Parsed::Incomplete { wanted });
        assert_eq!(LengthPrefix::u8().parse(b"\x02abc"), found(1..3, 3));
        assert_eq!(LengthPrefix::u16().parse(b"\x00\x00"), found(2..2, 2));
        assert_eq!(LengthPrefix::u16().parse(b"\x01"), incomplete(2));
        assert_eq!(LengthPrefix::u16().parse(b"\x01\x02a"), incomplete(260));
        assert_eq!(LengthPrefix::u32().parse(b"\0\0\x01\0"), incomplete(260));
    }

    #[test]
    fn a_message_of_exactly_the_limit_is_taken_and_a_longer_one_refused() {
        let u32 = LengthPrefix::u32();
        let wanted = 4 + 99_999;
        assert_eq!(
            u32.parse(&99_999_u32.to_be_bytes()),
            Ok(Parsed::Incomplete { wanted })
        );
        let expected = "expected messages of at most 99999 bytes".to_owned();
        assert_eq!(u32.parse(&100_000_u32.to_be_bytes()), Err(expected));
        assert!(u32.max_length(3).parse(b"\0\0\0\x04").is_err());
    }

    #[test]
    fn a_prefix_can_say_as_much_as_it_has_bits() {
        assert_eq!(LengthPrefix::u8().longest(), 255);
        assert_eq!(LengthPrefix::u16().longest(), 65_535);
        assert_eq!(LengthPrefix::u32().longest(), 4_294_967_295);
    }
}
