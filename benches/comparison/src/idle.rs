//! Connections that the server answers on once and that then say nothing. What they cost the server
//! is for the driver to see.

use std::net::TcpStream;
use std::time::Duration;

use crate::Result;
use crate::load::{Exchange, Load, open_served};
use crate::system;

/// Opened before the measurement begins, so that what a server allocates once is there already.
const FIRST: usize = 100;

/// What else a server may have open.
const OTHER_FILES: usize = 50;

/// Connections that stay open and idle.
pub struct Idle<E> {
    port: u16,
    connections: usize,
    exchange: E,
    streams: Vec<TcpStream>,
}

impl<E: Exchange> Idle<E> {
    /// Opens the first few of them.
    pub fn connect(port: u16, connections: usize, exchange: E) -> Result<Self> {
        let files = (FIRST + connections + OTHER_FILES) as u64;
        let limit = system::open_file_limit()?;
        if limit < files {
            return Err(format!(
                "{connections} idle connections want `ulimit -n {files}`, not {limit}; \
                 fewer can be asked for by `--scenarios`"
            )
            .into());
        }
        Ok(Self {
            port,
            connections,
            streams: open_served(port, 0, FIRST, &exchange)?,
            exchange,
        })
    }
}

impl<E: Exchange> Load for Idle<E> {
    fn connections(&self) -> usize {
        self.streams.len()
    }

    /// Opens the connections. They stay open, so a second run adds as many again; the duration
    /// means nothing.
    fn run(&mut self, _duration: Duration) -> Result<u64> {
        let first = self.streams.len();
        let more = open_served(self.port, first, self.connections, &self.exchange)?;
        self.streams.extend(more);
        Ok(self.connections as u64)
    }
}
