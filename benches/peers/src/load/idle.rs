//! Connections that echo one message and then say nothing. What they cost the server is for the
//! driver to see.

use std::net::TcpStream;
use std::time::Duration;

use super::{Load, open_echoing};
use crate::Result;

/// Opened before the measurement begins, so that what a server allocates once is there already.
const FIRST: usize = 100;

pub(super) struct Idle {
    port: u16,
    connections: usize,
    streams: Vec<TcpStream>,
}

impl Idle {
    pub(super) fn connect(port: u16, connections: usize) -> Result<Self> {
        Ok(Self {
            port,
            connections,
            streams: open_echoing(port, 0, FIRST)?,
        })
    }
}

impl Load for Idle {
    fn connections(&self) -> usize {
        self.streams.len()
    }

    /// Opens the connections. They stay open, so a second run adds as many again; the duration
    /// means nothing.
    fn run(&mut self, _duration: Duration) -> Result<u64> {
        let more = open_echoing(self.port, self.streams.len(), self.connections)?;
        self.streams.extend(more);
        Ok(self.connections as u64)
    }
}
