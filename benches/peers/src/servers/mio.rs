//! Plain mio, as one writes it at first: each event reads until `WouldBlock` and what was read is
//! answered at once, to one connection after the other.
//!
//! It registers once for both directions and writes without waiting for writability, so what it
//! does more than the raw loop is the read that finds nothing and, in the chat, a send for each
//! reading of each author.

use std::io::{self, Read, Write};

use comparison::system::{self, would_block};
use comparison::{READ_BUFFER, Result, announce};
use mio::net::{TcpListener, TcpStream, UdpSocket};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use super::Mode;

const LISTENER: Token = Token(usize::MAX);

struct Connection {
    stream: TcpStream,
    /// In an echo what is to be sent back; in a chat the beginning of a line.
    received: Vec<u8>,
    unsent: Vec<u8>,
}

pub(super) fn run(mode: Mode) -> Result<()> {
    if matches!(mode, Mode::Udp) {
        return serve_datagrams();
    }
    let mut listener = TcpListener::from_std(system::listen()?);
    let mut poll = Poll::new()?;
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    announce(listener.local_addr()?)?;
    let mut server = Server {
        mode,
        connections: Slab::new(),
        buffer: vec![0; READ_BUFFER],
    };
    let mut events = Events::with_capacity(1024);
    loop {
        if let Err(error) = poll.poll(&mut events, None) {
            if error.kind() == io::ErrorKind::Interrupted {
                continue;
            }
            return Err(error.into());
        }
        for event in &events {
            match event.token() {
                LISTENER => server.accept(&listener, &poll)?,
                Token(key) => server.serve(key, event.is_writable()),
            }
        }
    }
}

fn serve_datagrams() -> Result<()> {
    let mut socket = UdpSocket::bind("127.0.0.1:0".parse()?)?;
    let mut poll = Poll::new()?;
    poll.registry()
        .register(&mut socket, LISTENER, Interest::READABLE)?;
    announce(socket.local_addr()?)?;
    let mut events = Events::with_capacity(1024);
    let mut buffer = vec![0; READ_BUFFER];
    loop {
        if let Err(error) = poll.poll(&mut events, None) {
            if error.kind() == io::ErrorKind::Interrupted {
                continue;
            }
            return Err(error.into());
        }
        loop {
            match socket.recv_from(&mut buffer) {
                Ok((length, from)) => {
                    socket.send_to(&buffer[..length], from)?;
                }
                Err(error) if would_block(&error) => break,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

struct Server {
    mode: Mode,
    connections: Slab<Connection>,
    buffer: Vec<u8>,
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
                    });
                }
                Err(error) if would_block(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    fn serve(&mut self, key: usize, is_writable: bool) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        if is_writable && connection.flush().is_err() {
            self.connections.remove(key);
            return;
        }
        let is_open = matches!(connection.read_all(&mut self.buffer), Ok(true));
        match self.mode {
            Mode::Echo | Mode::Udp => self.answer(key),
            Mode::Chat => self.broadcast(key),
        }
        if !is_open {
            self.connections.try_remove(key);
        }
    }

    fn answer(&mut self, key: usize) {
        let connection = &mut self.connections[key];
        let mut received = std::mem::take(&mut connection.received);
        let result = connection.send(&received);
        received.clear();
        connection.received = received;
        if result.is_err() {
            self.connections.remove(key);
        }
    }

    fn broadcast(&mut self, author: usize) {
        let received = &mut self.connections[author].received;
        let Some(last) = received.iter().rposition(|&byte| byte == b'\n') else {
            return;
        };
        let partial_line = received.split_off(last + 1);
        let lines = std::mem::replace(received, partial_line);
        self.connections
            .retain(|key, connection| key == author || connection.send(&lines).is_ok());
    }
}

impl Connection {
    /// Reads until there is nothing more. Says whether the peer may still send.
    fn read_all(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return Ok(false),
                Ok(length) => self.received.extend_from_slice(&buffer[..length]),
                Err(error) if would_block(&error) => return Ok(true),
                Err(error) => return Err(error),
            }
        }
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        if !self.unsent.is_empty() {
            self.unsent.extend_from_slice(bytes);
            return Ok(());
        }
        let sent = write_some(&mut self.stream, bytes)?;
        self.unsent.extend_from_slice(&bytes[sent..]);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.unsent.is_empty() {
            let sent = write_some(&mut self.stream, &self.unsent)?;
            self.unsent.drain(..sent);
        }
        Ok(())
    }
}

/// Writes until the socket takes no more, and says how much it took.
fn write_some(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let mut sent = 0;
    while sent < bytes.len() {
        match stream.write(&bytes[sent..]) {
            Ok(length) => sent += length,
            Err(error) if would_block(&error) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(sent)
}
