//! Looking at bytes without taking them, where the kernel cannot: pipes have nothing like TCP's `MSG_PEEK`,
//! and of UNIX sockets the standard library does not offer it. So what was looked at is kept, and the
//! next read begins with it.

use std::io::{self, Read};

/// The bytes that were looked at. Most connections never have any, and then nothing is allocated.
#[derive(Default)]
pub(super) struct Lookahead {
    bytes: Vec<u8>,
    behind: Behind,
}

/// What was found behind the bytes.
#[derive(Default)]
enum Behind {
    #[default]
    Unknown,
    End,
    /// Kept, because a socket reports its error once: the read after that one finds a clean end.
    Failure(io::Error),
}

impl Lookahead {
    #[inline]
    pub(super) fn read(&mut self, source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bytes.is_empty() && !matches!(self.behind, Behind::Failure(_)) {
            return source.read(buffer);
        }
        self.read_kept(source, buffer)
    }

    #[cold]
    fn read_kept(&mut self, source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bytes.is_empty()
            && let Behind::Failure(error) = std::mem::take(&mut self.behind)
        {
            return Err(error);
        }
        let kept = self.bytes.len().min(buffer.len());
        buffer[..kept].copy_from_slice(&self.bytes[..kept]);
        self.bytes.drain(..kept);
        if kept == buffer.len() || !matches!(self.behind, Behind::Unknown) {
            return Ok(kept);
        }
        // A short read means that the socket is empty, so what is behind belongs to this one.
        let result = source.read(&mut buffer[kept..]);
        Ok(kept + self.note(result))
    }

    /// What is looked at stays to be read: bytes, the end and a failure.
    pub(super) fn peek(&mut self, source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
        let missing = buffer.len().saturating_sub(self.bytes.len());
        if missing > 0 && matches!(self.behind, Behind::Unknown) {
            let have = self.bytes.len();
            self.bytes.resize(have + missing, 0);
            let result = source.read(&mut self.bytes[have..]);
            let would_block = matches!(&result, Err(error) if is_passing(error));
            if would_block && have == 0 {
                self.bytes.clear();
                return result;
            }
            let more = self.note(result);
            self.bytes.truncate(have + more);
        }
        if self.bytes.is_empty()
            && let Behind::Failure(error) = &self.behind
        {
            return Err(copy(error));
        }
        let count = self.bytes.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.bytes[..count]);
        Ok(count)
    }

    /// Notes what a read behind the bytes has found, and returns how many bytes that were.
    fn note(&mut self, result: io::Result<usize>) -> usize {
        match result {
            Ok(0) => self.behind = Behind::End,
            Ok(more) => return more,
            Err(error) if is_passing(&error) => {}
            Err(error) => self.behind = Behind::Failure(error),
        }
        0
    }
}

/// Whether the next read may find something else.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

/// An error of the system has a number, and no more.
fn copy(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(number) => io::Error::from_raw_os_error(number),
        None => error.kind().into(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io::Write;

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

    /// A peer that has closed with bytes unread: the kernel reports that once.
    fn reset_behind(bytes: &[u8]) -> std::os::unix::net::UnixStream {
        let (mut ours, mut theirs) = std::os::unix::net::UnixStream::pair().expect("a pair");
        ours.write_all(b"left unread").expect("room");
        theirs.write_all(bytes).expect("room");
        ours
    }

    #[test]
    fn a_failure_behind_what_was_looked_at_is_reported_after_it() {
        let mut source = reset_behind(b"x");
        let (mut lookahead, mut buffer) = (Lookahead::default(), [0; 4]);
        assert_eq!(lookahead.peek(&mut source, &mut buffer[..1]).ok(), Some(1));
        assert_eq!(lookahead.read(&mut source, &mut buffer).ok(), Some(1));
        let failure = lookahead.read(&mut source, &mut buffer).expect_err("reset");
        assert_eq!(failure.kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(lookahead.read(&mut source, &mut buffer).ok(), Some(0));
    }

    #[test]
    fn to_look_at_a_failure_does_not_take_it() {
        for bytes in [&b""[..], b"x"] {
            let mut source = reset_behind(bytes);
            let (mut lookahead, mut buffer) = (Lookahead::default(), [0; 4]);
            for _ in 0..2 {
                let seen = lookahead.peek(&mut source, &mut buffer);
                assert_eq!(seen.ok(), (!bytes.is_empty()).then_some(1));
            }
            if !bytes.is_empty() {
                assert_eq!(lookahead.read(&mut source, &mut buffer).ok(), Some(1));
            }
            let failure = lookahead.read(&mut source, &mut buffer).expect_err("reset");
            assert_eq!(failure.kind(), io::ErrorKind::ConnectionReset);
        }
    }
}
