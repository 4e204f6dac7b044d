//! The standard input and output: a connection that is there from the beginning, whose other end a test
//! plays.

use std::io;
use std::net::SocketAddr;

use super::end::{EndId, Owner};
use super::names::{PORT, STDIO};
use super::network::Network;
use crate::address::Address;
use crate::driver::Readiness;
use crate::engine::table::Token;

impl Network {
    /// What stands for an address: see `names.rs`.
    pub(crate) fn place(&mut self, address: &Address) -> io::Result<SocketAddr> {
        self.names.place(address)
    }

    /// The two ends of the standard input and output: the terminal's, and this process's.
    pub(crate) fn stdio(&mut self) -> (EndId, EndId) {
        if let Some(ends) = self.names.stdio {
            return ends;
        }
        let at = SocketAddr::new(STDIO.into(), PORT);
        let terminal = self.new_end(Owner::Script { reads: true }, at, at);
        let ours = self.new_end(Owner::Backlog, at, at);
        for (id, other) in [(terminal, ours), (ours, terminal)] {
            if let Some(end) = self.ends.get_mut(&id) {
                end.other = other;
                end.established = true;
                end.is_pipe = true;
            }
        }
        self.names.stdio = Some((terminal, ours));
        (terminal, ours)
    }

    /// The loop takes its end, once.
    pub(super) fn take_stdio(&mut self, token: Token) -> io::Result<(EndId, Readiness)> {
        let (_, ours) = self.stdio();
        let is_there = self.ends.get(&ours);
        if !is_there.is_some_and(|end| end.owner == Owner::Backlog) {
            return Err(io::Error::other("the standard input was taken already"));
        }
        self.take_descriptor()?;
        let Some(end) = self.ends.get_mut(&ours) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        end.owner = Owner::Loop(token);
        let level = end.level();
        self.news(ours, level);
        Ok((ours, Readiness::NONE))
    }
}
