//! Looking at bytes without taking them, where the kernel cannot: pipes have nothing like TCP's `MSG_PEEK`,
//! and of UNIX sockets the standard library does not offer it. So what was looked at is kept, and the
//! next read begins with it.

use std::io::{self, Read};

/// The bytes that were looked at. Most connections never have any, and then nothing is allocated.
#[derive(Default)]
pub(super) struct Lookahead {
    bytes: Vec<u8>,
    /// The end was seen behind them.
    at_end: bool,
}

impl Lookahead {
    #[inline]
    pub(super) fn read(&mut self, source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bytes.is_empty() {
            return source.read(buffer);
        }
        let kept = self.bytes.len().min(buffer.len());
        buffer[..kept].copy_from_slice(&self.bytes[..kept]);
        self.bytes.drain(..kept);
        if kept == buffer.len() || self.at_end {
            return Ok(kept);
        }
        // A short read means that the socket is empty, so what is behind belongs to this one. An error
        // waits for the next read: the system reports it again.
        let more = source.read(&mut buffer[kept..]).unwrap_or(0);
        Ok(kept + more)
    }

    pub(super) fn peek(&mut self, source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
        let missing = buffer.len().saturating_sub(self.bytes.len());
        if missing > 0 && !self.at_end {
            let have = self.bytes.len();
            self.bytes.resize(have + missing, 0);
            let result = source.read(&mut self.bytes[have..]);
            let more = *result.as_ref().unwrap_or(&0);
            self.bytes.truncate(have + more);
            self.at_end = matches!(result, Ok(0));
            if self.bytes.is_empty() {
                return result;
            }
        }
        let count = self.bytes.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.bytes[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// What each read returns; an error is a socket that is empty.
    struct Script(VecDeque<Option<&'static [u8]>>);

    impl Read for Script {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some(next) = self.0.pop_front() else {
                return Ok(0);
            };
            let bytes = next.ok_or(io::ErrorKind::WouldBlock)?;
            let count = bytes.len().min(buffer.len());
            buffer[..count].copy_from_slice(&bytes[..count]);
            if count < bytes.len() {
                self.0.push_front(Some(&bytes[count..]));
            }
            Ok(count)
        }
    }

    fn script(reads: &[Option<&'static [u8]>]) -> Script {
        Script(reads.iter().copied().collect())
    }

    #[test]
    fn what_was_looked_at_is_read_first_and_once() {
        let mut source = script(&[Some(b"abcdef")]);
        let (mut lookahead, mut buffer) = (Lookahead::default(), [0; 4]);
        assert_eq!(lookahead.peek(&mut source, &mut buffer[..2]).ok(), Some(2));
        assert_eq!(lookahead.peek(&mut source, &mut buffer[..3]).ok(), Some(3));
        assert_eq!(&buffer[..3], b"abc");
        assert_eq!(lookahead.read(&mut source, &mut buffer).ok(), Some(4));
        assert_eq!(&buffer, b"abcd");
        assert_eq!(lookahead.read(&mut source, &mut buffer).ok(), Some(2));
        assert_eq!(lookahead.read(&mut source, &mut buffer).ok(), Some(0));
    }

    #[test]
    fn an_empty_socket_would_block_and_loses_nothing() {
        let mut source = script(&[None, Some(b"x"), None, None, Some(b"y")]);
        let (mut lookahead, mut buffer) = (Lookahead::default(), [0; 4]);
        let nothing = lookahead.peek(&mut source, &mut buffer).expect_err("empty");
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
        assert_eq!(lookahead.peek(&mut source, &mut buffer).ok(), Some(1));
        assert_eq!(lookahead.read(&mut source, &mut buffer).ok(), Some(1));
        let nothing = lookahead.read(&mut source, &mut buffer).expect_err("empty");
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
        assert_eq!(lookahead.read(&mut source, &mut buffer).ok(), Some(1));
    }

    #[test]
    fn the_end_is_seen_behind_the_last_bytes_and_stays() {
        let mut source = script(&[Some(b"x")]);
        let (mut lookahead, mut buffer) = (Lookahead::default(), [0; 4]);
        assert_eq!(lookahead.peek(&mut source, &mut buffer).ok(), Some(1));
        assert_eq!(lookahead.peek(&mut source, &mut buffer).ok(), Some(1));
        assert_eq!(lookahead.read(&mut source, &mut buffer).ok(), Some(1));
        assert_eq!(lookahead.peek(&mut source, &mut buffer).ok(), Some(0));
        assert_eq!(lookahead.read(&mut source, &mut buffer).ok(), Some(0));
    }
}
