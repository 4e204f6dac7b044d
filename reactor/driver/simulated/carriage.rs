//! How bytes, ends of streams and resets get from one end of a connection to the other.

use std::io;
use std::time::Duration;

use super::end::{End, EndId, Owner, Sending, take_front};
use super::network::{Happening, Network};
use crate::driver::Readiness;

/// What an owner does with its end.
impl Network {
    pub(crate) fn read(&mut self, id: EndId, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(end) = self.ends.get_mut(&id) else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let result = end.read(buffer, false);
        let other = end.other;
        // The other end may have waited for room.
        self.carry_later(other);
        result
    }

    /// Takes as much as there is room for, and promises an event when that was not everything.
    pub(crate) fn write(&mut self, id: EndId, data: &[u8]) -> io::Result<usize> {
        let shorter = self.surprise();
        let at_most = if shorter {
            self.random.below(data.len() as u64) as usize + 1
        } else {
            data.len()
        };
        let Some(end) = self.ends.get_mut(&id) else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        // Like the kernel's, an error is reported once; what is written after it finds a broken pipe.
        end.take_error()?;
        if end.broken || end.sending != Sending::Open {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let room = end.capacity.saturating_sub(end.sent.len());
        let count = if end.established {
            room.min(at_most).min(data.len())
        } else {
            0
        };
        end.sent.extend(&data[..count]);
        end.wants_room |= count < data.len();
        // At once: a write that a surprise cut short has room already, and nothing later would say so.
        self.tell_about_room(id);
        self.carry_later(id);
        if count == 0 && !data.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(count)
    }

    pub(crate) fn shutdown_write(&mut self, id: EndId) -> io::Result<()> {
        match self.ends.get_mut(&id) {
            Some(end) if !end.broken => {
                if end.sending == Sending::Open {
                    end.sending = Sending::Shut;
                }
                self.carry_later(id);
                Ok(())
            }
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// What the kernel does: unread bytes, or `reset_on_close`, reset the connection; otherwise what
    /// was written still arrives, and then the end.
    pub(crate) fn close(&mut self, id: EndId) {
        let Some(end) = self.ends.get_mut(&id) else {
            return;
        };
        if let Owner::Loop(token) = end.owner {
            self.give_descriptor(token);
        }
        let Some(end) = self.ends.get_mut(&id) else {
            return;
        };
        end.owner = Owner::Nobody;
        if end.broken || (!end.established && end.other == 0) {
            self.ends.remove(&id);
        } else if end.is_reset_by_close() {
            self.reset_and_close(id);
        } else if end.sending == Sending::Over {
            self.ends.remove(&id);
        } else {
            end.sending = Sending::Shut;
            self.carry_later(id);
        }
    }

    /// A reset overtakes what does not fit into the other end's buffer, and by chance any of it.
    pub(super) fn reset_and_close(&mut self, id: EndId) {
        let Some(end) = self.ends.remove(&id) else {
            return;
        };
        let mut last_words: Vec<u8> = end.sent.into();
        if self.surprise() {
            last_words.truncate(self.random.below(last_words.len() as u64 + 1) as usize);
        }
        if !end.vanished {
            self.later(Happening::Reset(end.other, last_words));
        }
    }
}

/// What the network does.
impl Network {
    /// Puts the next segment of an end on the agenda, unless one is there already.
    pub(super) fn carry_later(&mut self, from: EndId) {
        let Some(end) = self.ends.get_mut(&from) else {
            return;
        };
        let has_something = !end.sent.is_empty() || end.sending == Sending::Shut;
        if !has_something || end.carrying || end.vanished || !end.established {
            return;
        }
        let other = end.other;
        let empty = end.sent.is_empty();
        // An end of stream needs no room in the other end's buffer, so it goes even when that is full.
        let fits = self
            .ends
            .get_mut(&other)
            .is_none_or(|other| other.window_left() > 0);
        if empty || fits {
            self.later(Happening::Carry(from));
            if let Some(end) = self.ends.get_mut(&from) {
                end.carrying = true;
            }
        }
    }

    /// A segment arrives, and the end of the stream with it or on its own.
    pub(super) fn carry(&mut self, from: EndId) {
        let segment = self.random.size_within(&self.conditions.segment).max(1);
        let (alone, resets) = (self.surprise(), self.random.chance(self.conditions.resets));
        let Some(end) = self.ends.get_mut(&from) else {
            return;
        };
        end.carrying = false;
        let (other, is_pipe) = (end.other, end.is_pipe);
        if end.vanished || end.broken {
            return;
        }
        if resets && !is_pipe {
            self.later(Happening::Reset(from, Vec::new()));
            return self.reset(other, &[]);
        }
        let there = |other: &End| other.owner != Owner::Nobody && !other.broken;
        let there = self.ends.get(&other).is_some_and(there);
        if !there {
            return self.arrives_at_nobody(from);
        }
        // A server's first segment may overtake its answer to the client's first packet.
        self.established(other);
        let moved = self.move_bytes(from, other, segment);
        self.tell_about_room(from);
        self.end_of_stream(from, other, alone && moved > 0);
        self.carry_later(from);
    }

    fn move_bytes(&mut self, from: EndId, to: EndId, at_most: usize) -> usize {
        let left = self.ends.get_mut(&to).map_or(0, End::window_left);
        let Some(end) = self.ends.get_mut(&from) else {
            return 0;
        };
        let count = end.sent.len().min(at_most).min(left);
        let bytes = take_front(&mut end.sent, count);
        self.arrive(to, &bytes);
        count
    }

    fn arrive(&mut self, to: EndId, bytes: &[u8]) {
        let Some(end) = self.ends.get_mut(&to) else {
            return;
        };
        if bytes.is_empty() {
            return;
        }
        end.arrived.extend(bytes);
        if end.owner == (Owner::Script { reads: true }) {
            end.read_all();
        }
        self.news(to, Readiness::READABLE);
    }

    /// The end of the stream arrives when all bytes have.
    fn end_of_stream(&mut self, from: EndId, to: EndId, later: bool) {
        let Some(end) = self.ends.get_mut(&from) else {
            return;
        };
        if !end.sent.is_empty() || end.sending != Sending::Shut || later {
            return;
        }
        end.sending = Sending::Over;
        if end.owner == Owner::Nobody {
            self.ends.remove(&from);
        }
        let Some(end) = self.ends.get_mut(&to) else {
            return;
        };
        end.read_closed = true;
        self.news(to, Readiness::READABLE | Readiness::READ_CLOSED);
    }

    /// Bytes for an end that was closed: its system answers with a reset. The end of a stream is
    /// taken note of.
    fn arrives_at_nobody(&mut self, from: EndId) {
        let Some(end) = self.ends.get_mut(&from) else {
            return;
        };
        if !end.sent.is_empty() {
            // Cleared, or the next segment would be answered by another reset.
            end.sent.clear();
            if !end.is_pipe {
                return self.later(Happening::Reset(from, Vec::new()));
            }
        }
        end.sending = Sending::Over;
        if end.owner == Owner::Nobody {
            self.ends.remove(&from);
        }
    }

    /// A reset arrives. What came before can still be read, though on some systems it is gone.
    pub(super) fn reset(&mut self, to: EndId, last_words: &[u8]) {
        let forgets = self.surprise();
        let Some(end) = self.ends.get_mut(&to) else {
            return;
        };
        if end.broken {
            return; // what is read after one reset has no end to be continued at
        }
        let fits = last_words.len().min(end.window_left());
        self.arrive(to, &last_words[..fits]);
        if let Some(end) = self.ends.get_mut(&to)
            && forgets
        {
            end.arrived.clear();
        }
        self.break_end(to, io::ErrorKind::ConnectionReset);
    }

    /// Lets an end notice, after a time, that nothing comes from the other one any more.
    pub(super) fn keep_alive(&mut self, id: EndId, within: Option<Duration>) {
        if let Some(end) = self.ends.get_mut(&id) {
            end.keepalive = within;
            self.watch_silence(id);
        }
    }

    pub(super) fn watch_silence(&mut self, id: EndId) {
        if let Some(end) = self.ends.get(&id)
            && let (true, Some(within)) = (end.vanished, end.keepalive)
        {
            self.after(within, Happening::Silence(id));
        }
    }

    /// Both halves of an end are gone.
    pub(super) fn break_end(&mut self, id: EndId, error: io::ErrorKind) {
        let Some(end) = self.ends.get_mut(&id) else {
            return;
        };
        if end.owner == Owner::Nobody {
            self.ends.remove(&id);
            return;
        }
        if !end.broken {
            end.broken = true;
            end.error = Some(error);
            end.sent.clear();
            self.news(id, Readiness::ALL);
        }
    }

    /// An event that was promised when a write came short.
    fn tell_about_room(&mut self, id: EndId) {
        if let Some(end) = self.ends.get_mut(&id)
            && end.wants_room
            && end.level().has(Readiness::WRITABLE)
        {
            end.wants_room = false;
            self.news(id, Readiness::WRITABLE);
        }
    }
}
