//! Plain mio with httparse, as one writes it at first: each event reads until `WouldBlock`, what is
//! complete is parsed and answered, and the answers are written together.

use std::io::{self, Read, Write};
use std::mem::MaybeUninit;

use comparison::system::{self, would_block};
use comparison::{READ_BUFFER, Result, announce};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use super::answers::{Answers, Request};

const LISTENER: Token = Token(usize::MAX);

/// How many fields a head may have.
const FIELDS: usize = 64;

pub(super) fn run() -> Result<()> {
    let mut listener = TcpListener::from_std(system::listen()?);
    let mut poll = Poll::new()?;
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    announce(listener.local_addr()?)?;
    let mut server = Server {
        connections: Slab::new(),
        buffer: vec![0; READ_BUFFER],
        answers: Answers::new(),
    };
    let mut events = Events::with_capacity(1024);
    loop {
        if let Err(error) = poll.poll(&mut events, None) {
            if error.kind() == io::ErrorKind::Interrupted {
                continue;
            }
            return Err(error.into());
        }
        server.answers.renew_date();
        for event in &events {
            match event.token() {
                LISTENER => server.accept(&listener, &poll)?,
                Token(key) => server.serve(key),
            }
        }
    }
}

struct Server {
    connections: Slab<Connection>,
    buffer: Vec<u8>,
    answers: Answers,
}

struct Connection {
    stream: TcpStream,
    /// The beginning of a request.
    received: Vec<u8>,
    unsent: Vec<u8>,
    /// Whether nothing more is to be read, but what is unsent is to be sent.
    closes: bool,
}

impl Server {
    fn accept(&mut self, listener: &TcpListener, poll: &Poll) -> io::Result<()> {
        loop {
            match listener.accept() {
                Ok((mut stream, _)) => {
                    let entry = self.connections.vacant_entry();
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    poll.registry()
                        .register(&mut stream, Token(entry.key()), interest)?;
                    entry.insert(Connection {
                        stream,
                        received: Vec::new(),
                        unsent: Vec::new(),
                        closes: false,
                    });
                }
                Err(error) if would_block(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    fn serve(&mut self, key: usize) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        let is_open = connection.read_all(&mut self.buffer, &self.answers);
        let is_sent = connection.flush();
        if !matches!(is_open, Ok(true)) || is_sent.is_err() || connection.has_ended() {
            self.connections.remove(key);
        }
    }
}

impl Connection {
    /// Reads until there is nothing more, and answers. Says whether the peer may still send.
    fn read_all(&mut self, buffer: &mut [u8], answers: &Answers) -> io::Result<bool> {
        while !self.closes {
            match self.stream.read(buffer) {
                Ok(0) => return Ok(false),
                Ok(length) => self.answer(&buffer[..length], answers)?,
                Err(error) if would_block(&error) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Answers what is complete and keeps the rest.
    fn answer(&mut self, bytes: &[u8], answers: &Answers) -> io::Result<()> {
        let mut received = std::mem::take(&mut self.received);
        let mut rest = bytes;
        if !received.is_empty() {
            received.extend_from_slice(bytes);
            rest = &received;
        }
        while !self.closes {
            let Some((request, length)) = parse(rest)? else {
                break;
            };
            answers.write(request, &mut self.unsent);
            self.closes = request.closes;
            rest = &rest[length..];
        }
        self.received = rest.to_vec();
        Ok(())
    }

    /// Writes until the socket takes no more.
    fn flush(&mut self) -> io::Result<()> {
        let mut sent = 0;
        while sent < self.unsent.len() {
            match self.stream.write(&self.unsent[sent..]) {
                Ok(length) => sent += length,
                Err(error) if would_block(&error) => break,
                Err(error) => return Err(error),
            }
        }
        self.unsent.drain(..sent);
        Ok(())
    }

    fn has_ended(&self) -> bool {
        self.closes && self.unsent.is_empty()
    }
}

/// The first request and its length; `None` while it is not complete.
fn parse(bytes: &[u8]) -> io::Result<Option<(Request<'_>, usize)>> {
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS];
    let mut request = httparse::Request::new(&mut []);
    let status = request
        .parse_with_uninit_headers(bytes, &mut fields)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    let httparse::Status::Complete(length) = status else {
        return Ok(None);
    };
    let closes = request.headers.iter().any(|field| {
        field.name.eq_ignore_ascii_case("connection") && field.value.eq_ignore_ascii_case(b"close")
    });
    let path = request.path.unwrap_or_default().as_bytes();
    Ok(Some((Request { path, closes }, length)))
}
