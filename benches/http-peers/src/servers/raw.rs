//! The reference: the loop of [`comparison::raw`], and of HTTP only what the two pages need.
//!
//! - What was read is parsed where it lies; only the beginning of a request that is not complete is
//!   kept.
//! - The answers to one reading are gathered and sent once.
//! - An answer is copied as a whole from where it was made; the date in it is renewed once a second,
//!   by a clock that is read once a turn.
//! - A head is looked through once, for the ends of its lines.

use std::io;
use std::os::fd::RawFd;

use comparison::Result;
use comparison::raw::{self, Readable, Service, Unsent};
use comparison::system::{self, Event};

use super::answers::{Answers, Request};

/// The longest request. Whoever sends a longer one is not answered any more.
const LIMIT: usize = 16 * 1024;

pub(super) fn run() -> Result<()> {
    raw::serve(Pages {
        connections: Vec::new(),
        answers: Answers::new(),
        output: Vec::new(),
    })
}

struct Pages {
    /// By descriptor.
    connections: Vec<Option<Connection>>,
    answers: Answers,
    /// What is to be sent to one connection; here so that it is allocated once.
    output: Vec<u8>,
}

#[derive(Default)]
struct Connection {
    readable: Readable,
    unsent: Unsent,
    /// The beginning of a request.
    partial: Vec<u8>,
    /// Whether the connection is to be closed when all is sent.
    closes: bool,
}

#[derive(PartialEq, Eq)]
enum Progress {
    /// Nothing more to do until the next edge.
    Waiting,
    Ended,
}

impl Service for Pages {
    fn turn_began(&mut self) {
        self.answers.renew_date();
    }

    fn connected(&mut self, socket: RawFd) {
        let index = socket as usize;
        if self.connections.len() <= index {
            self.connections.resize_with(index + 1, || None);
        }
        self.connections[index] = Some(Connection::default());
    }

    fn ready(&mut self, socket: RawFd, event: Event, buffer: &mut [u8]) {
        let slot = &mut self.connections[socket as usize];
        let Some(connection) = slot else { return };
        connection.readable.note(event);
        let progress = connection.proceed(socket, buffer, &self.answers, &mut self.output);
        if !matches!(progress, Ok(Progress::Waiting)) {
            *slot = None;
            system::close(socket);
        }
    }
}

impl Connection {
    fn proceed(
        &mut self,
        socket: RawFd,
        buffer: &mut [u8],
        answers: &Answers,
        output: &mut Vec<u8>,
    ) -> io::Result<Progress> {
        loop {
            if !self.unsent.is_empty() {
                self.unsent.flush(socket)?;
                if !self.unsent.is_empty() {
                    return Ok(Progress::Waiting);
                }
            }
            if self.closes {
                return Ok(Progress::Ended);
            }
            match self.readable.receive(socket, buffer)? {
                None => return Ok(Progress::Waiting),
                Some(0) => return Ok(Progress::Ended),
                Some(length) => {
                    output.clear();
                    self.received(&buffer[..length], answers, output)?;
                    if !output.is_empty() {
                        self.unsent.send(socket, output)?;
                    }
                }
            }
        }
    }

    /// Answers all requests that are complete, and keeps the beginning of the next.
    fn received(
        &mut self,
        bytes: &[u8],
        answers: &Answers,
        output: &mut Vec<u8>,
    ) -> io::Result<()> {
        if self.partial.is_empty() {
            let rest = self.answer(bytes, answers, output)?;
            self.partial.extend_from_slice(rest);
        } else {
            let mut kept = std::mem::take(&mut self.partial);
            kept.extend_from_slice(bytes);
            let rest = self.answer(&kept, answers, output)?;
            self.partial.extend_from_slice(rest);
        }
        if self.partial.len() > LIMIT {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(())
    }

    /// Returns what is behind the last complete request.
    #[inline]
    fn answer<'a>(
        &mut self,
        mut bytes: &'a [u8],
        answers: &Answers,
        output: &mut Vec<u8>,
    ) -> io::Result<&'a [u8]> {
        while let Some((request, length)) = parse(bytes)? {
            bytes = &bytes[length..];
            answers.write(request, output);
            if request.closes {
                self.closes = true;
                return Ok(&[]);
            }
        }
        Ok(bytes)
    }
}

/// The first request and its length; `None` while it is not complete.
#[inline]
fn parse(bytes: &[u8]) -> io::Result<Option<(Request<'_>, usize)>> {
    let Some(end) = memchr::memchr(b'\n', bytes) else {
        return Ok(None);
    };
    let path = bytes[..end]
        .strip_prefix(b"GET ")
        .and_then(|line| line.strip_suffix(b" HTTP/1.1\r"))
        .ok_or(io::ErrorKind::InvalidData)?;
    let mut closes = false;
    let mut start = end + 1;
    while let Some(length) = memchr::memchr(b'\n', &bytes[start..]) {
        let line = &bytes[start..start + length];
        start += length + 1;
        match line {
            b"\r" => return Ok(Some((Request { path, closes }, start))),
            [b'C' | b'c', ..] => closes |= says_close(line),
            _ => {}
        }
    }
    Ok(None)
}

/// Whether a line of the head is the one that wants the connection closed.
fn says_close(line: &[u8]) -> bool {
    let mut parts = line.splitn(2, |&byte| byte == b':');
    let (Some(name), Some(value)) = (parts.next(), parts.next()) else {
        return false;
    };
    name.eq_ignore_ascii_case(b"connection") && value.trim_ascii().eq_ignore_ascii_case(b"close")
}

#[cfg(test)]
mod tests {
    use super::{Request, parse};

    const REQUEST: &[u8] = b"GET /users/ HTTP/1.1\r\nHost: a\r\nconnection: Close\r\n\r\n";

    #[test]
    fn a_request_that_is_not_complete_is_waited_for() {
        for length in 0..REQUEST.len() {
            assert_eq!(parse(&REQUEST[..length]).unwrap(), None);
        }
    }

    #[test]
    fn a_request_ends_where_its_head_does() {
        let mut bytes = REQUEST.to_vec();
        bytes.extend_from_slice(b"GET");
        let request = Request {
            path: b"/users/",
            closes: true,
        };
        assert_eq!(parse(&bytes).unwrap(), Some((request, REQUEST.len())));
    }

    #[test]
    fn another_method_is_refused() {
        assert!(parse(b"PUT /users/ HTTP/1.1\r\n\r\n").is_err());
    }
}
