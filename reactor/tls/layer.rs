//! TLS on one connection: `rustls` between two buffers.
//!
//! `rustls` does no I/O either. It is handed what came, and returns it in the clear with what the peer is to
//! get for it. All that is added here is that the protocol's bytes wait for the end of the handshake.

use std::any::Any;
use std::fmt;
use std::io::{self, BufRead, Write};
use std::rc::Rc;
use std::time::Duration;

use rustls::Connection;

use super::error::TlsError;
use super::info::TlsInfo;
use crate::layer::Layer;
use crate::reason::Reason;

/// How many bytes are encrypted at a time, four records of the largest size, which bounds what is there in the clear, encrypted and as a copy
/// at the same time.
const CHUNK: usize = 64 << 10;

/// What `rustls` says when a server has no certificate for a client.
const UNRESOLVED: &str = "no server certificate chain resolved";

/// How long a handshake may take, if its configuration does not say otherwise: 10 seconds. That is some
/// thirty round trips of a slow network, of which a handshake takes two.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// TLS on one connection, made by [`TlsClientConfig::layer`](super::TlsClientConfig::layer) or
/// [`TlsServerConfig::layer`](super::TlsServerConfig::layer).
///
/// What it does at the ends of a connection is in the [module's description](super).
pub struct TlsLayer {
    tls: Connection,
    /// The name that the peer's certificate has to have, for errors.
    peer: Box<str>,
    /// What the protocol has written before the handshake was done.
    held: Vec<u8>,
    /// The peer has sent `close_notify`.
    has_ended: bool,
    /// How long the handshake may take.
    time: Option<Duration>,
}

impl TlsLayer {
    pub(super) fn new(mut tls: Connection, peer: &str, time: Option<Duration>) -> Self {
        // The limits are those of the connection, which counts what it is handed.
        tls.set_buffer_limit(None);
        Self {
            tls,
            peer: peer.into(),
            held: Vec::new(),
            has_ended: false,
            time,
        }
    }

    /// Processes what was read. An error in it is the reason why the connection ends.
    fn process(&mut self, up: &mut Vec<u8>, down: &mut Vec<u8>) -> Result<(), Reason> {
        let result = self.tls.process_new_packets();
        // What was in order before an error is in order.
        self.pass_up(up)?;
        match result {
            Ok(state) => self.has_ended = state.peer_has_closed(),
            Err(error) => {
                self.pass_down(down)?; // an alert
                if let Some(error) = self.unknown_name(&error) {
                    return Err(error.into());
                }
                // Before both sides have agreed on a version the likeliest mistake is a peer that does
                // not speak TLS at all, which deserves another sentence.
                let has_said_hello = self.tls.protocol_version().is_some();
                let failed = if has_said_hello {
                    TlsError::failed
                } else {
                    TlsError::failed_at_first
                };
                return Err(failed(&self.peer, error).into());
            }
        }
        Ok(())
    }

    fn pass_up(&mut self, up: &mut Vec<u8>) -> Result<(), Reason> {
        let mut reader = self.tls.reader();
        loop {
            let read = match reader.fill_buf() {
                Ok(chunk) => {
                    up.extend_from_slice(chunk);
                    chunk.len()
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                Err(error) => return Err(error.into()),
            };
            if read == 0 {
                return Ok(());
            }
            reader.consume(read);
        }
    }

    fn pass_down(&mut self, down: &mut Vec<u8>) -> Result<(), Reason> {
        while self.tls.wants_write() {
            self.tls.write_tls(down)?;
        }
        Ok(())
    }

    fn encrypt(&mut self, data: &[u8], down: &mut Vec<u8>) -> Result<(), Reason> {
        for chunk in data.chunks(CHUNK) {
            self.tls.writer().write_all(chunk)?;
            self.pass_down(down)?;
        }
        Ok(())
    }

    /// A server has found no certificate for what the client has asked for, if that is the error.
    fn unknown_name(&self, error: &rustls::Error) -> Option<TlsError> {
        // The error has no variant of its own; a test sees to it that the words are the same.
        let is_it = matches!(error, rustls::Error::General(words) if words == UNRESOLVED);
        match &self.tls {
            Connection::Server(server) if is_it => {
                let name = server.server_name().map(ToOwned::to_owned);
                Some(TlsError::UnknownName { name })
            }
            _ => None,
        }
    }

    fn closed_in_handshake(&self) -> Reason {
        let peer = self.peer.to_string();
        TlsError::ClosedInHandshake { peer }.into()
    }
}

impl Layer for TlsLayer {
    fn started(&mut self, down: &mut Vec<u8>) -> Result<(), Reason> {
        self.pass_down(down)
    }

    fn receive(
        &mut self,
        mut data: &[u8],
        up: &mut Vec<u8>,
        down: &mut Vec<u8>,
    ) -> Result<(), Reason> {
        // `read_tls` takes what its own buffer has room for, and `process` makes room. What comes behind
        // `close_notify` is not the peer's: nothing proves who has sent it.
        while !data.is_empty() && !self.has_ended {
            self.tls.read_tls(&mut data)?;
            self.process(up, down)?;
        }
        // Before what is held: the last message of the handshake has to be in front of it.
        self.pass_down(down)?;
        if !self.tls.is_handshaking() {
            let held = std::mem::take(&mut self.held);
            return self.encrypt(&held, down);
        }
        if self.has_ended {
            return Err(self.closed_in_handshake());
        }
        Ok(())
    }

    fn send(&mut self, data: &[u8], down: &mut Vec<u8>) -> Result<(), Reason> {
        // `rustls` would keep it too, but has no method for how much that is, and limits and back-pressure count
        // what a layer holds.
        if self.tls.is_handshaking() {
            self.held.extend_from_slice(data);
            return Ok(());
        }
        self.encrypt(data, down)
    }

    fn holds(&self) -> usize {
        self.held.len()
    }

    fn has_ended(&self) -> bool {
        self.has_ended
    }

    fn is_ready(&self) -> bool {
        !self.tls.is_handshaking()
    }

    fn handshake_timeout(&self) -> Option<Duration> {
        self.time
    }

    fn handshake_timed_out(&mut self) -> Reason {
        let peer = self.peer.to_string();
        let limit = self.time.unwrap_or_default();
        TlsError::HandshakeTimedOut { peer, limit }.into()
    }

    fn negotiated(&self) -> Option<Rc<dyn Any>> {
        let info = TlsInfo::of(&self.tls, Some(&self.peer))?;
        Some(Rc::new(info))
    }

    fn read_closed(&mut self) -> Result<(), Reason> {
        if self.has_ended {
            return Ok(());
        }
        // Anyone on the way can end a stream, so an end without `close_notify` proves nothing.
        if self.tls.is_handshaking() {
            return Err(self.closed_in_handshake());
        }
        let peer = self.peer.to_string();
        Err(TlsError::Truncated { peer }.into())
    }

    fn finish(&mut self, down: &mut Vec<u8>) -> Result<(), Reason> {
        self.tls.send_close_notify();
        self.pass_down(down)
    }
}

impl fmt::Debug for TlsLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsLayer")
            .field("peer", &self.peer)
            .field("is_handshaking", &self.tls.is_handshaking())
            .field("held", &self.held.len())
            .finish_non_exhaustive()
    }
}
