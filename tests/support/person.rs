//! Somebody with a connection to the chat. What they do and expect reads as an assertion.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::PATIENCE;

/// How long a numbered line is, without its end.
const LENGTH: usize = 999;

/// How many of them are said at once.
const LINES_AT_ONCE: usize = 32;

/// Somebody with a connection to the chat.
pub(crate) struct Person {
    stream: TcpStream,
}

impl Person {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream =
            TcpStream::connect_timeout(&address, PATIENCE).expect("the server can be reached");
        stream
            .set_nodelay(true)
            .and_then(|()| stream.set_read_timeout(Some(PATIENCE)))
            .and_then(|()| stream.set_write_timeout(Some(PATIENCE)))
            .expect("the socket is open");
        Self { stream }
    }

    /// Where this person is: what the log calls them.
    pub(crate) fn address(&self) -> SocketAddr {
        let address = self.stream.local_addr();
        address.expect("a socket has an address")
    }

    /// Sends exactly these bytes.
    #[track_caller]
    pub(crate) fn says(&self, bytes: &[u8]) {
        if let Err(error) = self.tries_to_say(bytes) {
            panic!("could not say {:?}: {error}", shown(bytes));
        }
    }

    /// Sends these bytes, to a server that may not want them.
    pub(crate) fn tries_to_say(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.stream).write_all(bytes)
    }

    /// Expects exactly these bytes next.
    #[track_caller]
    pub(crate) fn hears(&self, expected: &[u8]) {
        let mut heard = vec![0; expected.len()];
        let mut bytes = 0;
        while bytes < expected.len() {
            let result = (&self.stream).read(&mut heard[bytes..]);
            bytes += result.as_ref().map_or(0, |bytes| *bytes);
            assert!(
                matches!(result, Ok(1..)) && heard[..bytes] == expected[..bytes],
                "expected {:?}, heard {:?}, and at last {result:?}",
                shown(expected),
                shown(&heard[..bytes])
            );
        }
    }

    /// Expects to hear nothing at all in this time.
    #[track_caller]
    pub(crate) fn hears_nothing_for(&self, time: Duration) {
        self.set_patience(time);
        let result = self.stream.peek(&mut [0]);
        self.set_patience(PATIENCE);
        assert!(
            matches!(&result, Err(error) if would_block(error)),
            "expected nothing, heard something: {result:?}"
        );
    }

    /// Waits until there is something to hear, and leaves it there.
    #[track_caller]
    pub(crate) fn leaves_something_unread(&self) {
        let result = self.stream.peek(&mut [0]);
        assert!(matches!(result, Ok(1)), "there is {result:?} to hear");
    }

    /// Ends the conversation, without a reset: it has heard everything.
    pub(crate) fn leaves(self) {
        let result = self.stream.shutdown(Shutdown::Write);
        result.expect("the socket is open");
        self.hears_the_end();
    }

    /// Expects the orderly end of the conversation.
    #[track_caller]
    pub(crate) fn hears_the_end(&self) {
        let mut heard = [0; 256];
        match (&self.stream).read(&mut heard) {
            Ok(0) => {}
            Ok(bytes) => panic!("expected the end, heard {:?}", shown(&heard[..bytes])),
            Err(error) => panic!("expected the end: {error}"),
        }
    }

    /// Hears whatever there still is, until the end of the conversation, be it orderly or not.
    /// Returns how many bytes there were.
    #[track_caller]
    pub(crate) fn hears_out(&self) -> usize {
        let mut heard = [0; 4096];
        let mut bytes = 0;
        loop {
            match (&self.stream).read(&mut heard) {
                Ok(0) => return bytes,
                Ok(more) => bytes += more,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return bytes,
                Err(error) => panic!("expected the end, sooner or later: {error}"),
            }
        }
    }

    /// The next line, with its end, and not a byte more.
    pub(crate) fn hears_a_line(&self) -> Vec<u8> {
        let mut line = Vec::new();
        let mut byte = [0];
        while !line.ends_with(b"\n") {
            let result = (&self.stream).read(&mut byte);
            assert!(matches!(result, Ok(1)), "expected a line: {result:?}");
            line.extend(byte);
        }
        line
    }

    /// All that is still to be heard, as lines without their ends. It reads ahead.
    pub(crate) fn lines(&self) -> impl Iterator<Item = Vec<u8>> {
        BufReader::with_capacity(64 << 10, &self.stream)
            .split(b'\n')
            .map(|line| line.expect("another line comes"))
    }

    /// Says numbered lines of so many bytes together.
    pub(crate) fn says_numbered_lines(&self, bytes: usize) {
        let numbers: Vec<usize> = (0..bytes / (LENGTH + 1)).collect();
        for numbers in numbers.chunks(LINES_AT_ONCE) {
            let lines: Vec<_> = numbers.iter().copied().map(numbered_line).collect();
            self.says(&lines.concat());
        }
    }

    /// Hears the same lines from somebody else, each once and in order. Returns the longest wait
    /// between two of them.
    pub(crate) fn hears_numbered_lines(&self, bytes: usize) -> Duration {
        let mut longest = Duration::ZERO;
        let mut last = None;
        let mut stream = BufReader::with_capacity(64 << 10, &self.stream);
        let mut line = vec![0; LENGTH + 1];
        for number in 0..bytes / (LENGTH + 1) {
            let result = stream.read_exact(&mut line);
            let expected = numbered_line(number);
            assert!(
                result.is_ok() && line == expected,
                "expected line {number}, heard {:?} and {result:?}",
                shown(&line)
            );
            let now = Instant::now();
            longest = longest.max(now - last.replace(now).unwrap_or(now));
        }
        longest
    }

    fn set_patience(&self, time: Duration) {
        let result = self.stream.set_read_timeout(Some(time));
        result.expect("the time is not zero");
    }
}

/// Line number `number` of a long conversation.
fn numbered_line(number: usize) -> Vec<u8> {
    let mut line = format!("{number:08} ").into_bytes();
    line.resize(LENGTH, b'x');
    line.push(b'\n');
    line
}

/// Bytes as they are written in a test.
pub(crate) fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

fn would_block(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
