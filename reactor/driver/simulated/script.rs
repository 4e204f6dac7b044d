//! The ends of connections that a test plays.

use std::io;
use std::net::SocketAddr;

use super::end::{EndId, Owner, take_front};
use super::network::Network;

impl Network {
    /// Whether the connection takes the bytes, of any number.
    pub(crate) fn script_write(&mut self, id: EndId, data: &[u8]) -> bool {
        let Some(end) = self.ends.get_mut(&id) else {
            return false;
        };
        if end.broken || !end.sends() {
            return false;
        }
        end.sent.extend(data);
        self.carry_later(id);
        true
    }

    /// How many bytes were written for which there was no room on the way.
    pub(crate) fn script_unsent(&mut self, id: EndId) -> usize {
        self.ends.get(&id).map_or(0, |end| end.sent.len())
    }

    /// Reads at most this many of the bytes that have come.
    pub(crate) fn script_read(&mut self, id: EndId, at_most: usize) -> Vec<u8> {
        let Some(end) = self.ends.get_mut(&id) else {
            return Vec::new();
        };
        let from_log = end.log.len().min(at_most);
        let mut bytes: Vec<u8> = end.log.drain(..from_log).collect();
        bytes.extend(take_front(&mut end.arrived, at_most - from_log));
        let other = end.other;
        self.carry_later(other);
        bytes
    }

    pub(crate) fn set_script_reads(&mut self, id: EndId, reads: bool) {
        let Some(end) = self.ends.get_mut(&id) else {
            return;
        };
        if !matches!(end.owner, Owner::Script { .. }) {
            return; // it was closed
        }
        end.owner = Owner::Script { reads };
        if reads {
            end.read_all();
        }
        let other = end.other;
        self.carry_later(other);
    }

    pub(crate) fn set_window(&mut self, id: EndId, bytes: usize) {
        let Some(end) = self.ends.get_mut(&id) else {
            return;
        };
        end.window = bytes;
        let other = end.other;
        self.carry_later(other);
    }

    pub(crate) fn script_reset(&mut self, id: EndId) {
        if let Some(end) = self.ends.get_mut(&id) {
            end.reset_on_close = true;
            self.close(id);
        }
    }

    /// Nothing passes between an end and its other any more.
    pub(crate) fn vanish(&mut self, id: EndId) {
        let Some(end) = self.ends.get_mut(&id) else {
            return;
        };
        let ends = [id, end.other];
        for id in ends {
            if let Some(end) = self.ends.get_mut(&id)
                && !std::mem::replace(&mut end.vanished, true)
            {
                self.watch_silence(id);
            }
        }
    }

    pub(crate) fn is_connected(&self, id: EndId) -> bool {
        let is_connected = |end: &super::end::End| {
            end.established && !end.broken && matches!(end.owner, Owner::Script { .. })
        };
        self.ends.get(&id).is_some_and(is_connected)
    }

    pub(crate) fn has_ended(&self, id: EndId) -> bool {
        let end = self.ends.get(&id);
        end.is_some_and(|end| end.read_closed && end.arrived.is_empty())
    }

    pub(crate) fn error(&self, id: EndId) -> Option<io::ErrorKind> {
        self.ends.get(&id).and_then(|end| end.error)
    }

    /// This end's address, and the other's.
    pub(crate) fn addresses(&self, id: EndId) -> (SocketAddr, SocketAddr) {
        let end = self.ends.get(&id);
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        end.map_or((nowhere, nowhere), |end| (end.local, end.remote))
    }
}
