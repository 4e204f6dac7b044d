//! Sends each line to everybody but its author: the lines of a turn are gathered, and each receiver
//! gets them in one send at the end of the turn.
//!
//! Everybody who said nothing this turn gets the same bytes, from the one buffer where they were
//! gathered.

use std::io;
use std::ops::Range;
use std::os::fd::RawFd;

use comparison::raw::{Readable, Service, Unsent};
use comparison::system::{self, Event};

/// Whoever has more than this waiting is dropped, so that memory stays bounded.
const UNSENT_LIMIT: usize = 16 * 1024 * 1024;

#[derive(Default)]
pub(super) struct Chat {
    /// In no particular order, so that a turn's end walks them without gaps.
    members: Vec<Member>,
    /// Where a descriptor's member is.
    places: Vec<Option<usize>>,
    /// The complete lines of this turn, in the order in which they were read.
    gathered: Vec<u8>,
    /// Who wrote which part of `gathered`.
    parts: Vec<Part>,
    /// What an author gets: `gathered` without that author's own parts.
    from_others: Vec<u8>,
}

struct Member {
    socket: RawFd,
    readable: Readable,
    unsent: Unsent,
    /// The beginning of a line whose end has not come yet.
    partial_line: Vec<u8>,
    /// Whether some part of this turn's lines is this member's.
    spoke: bool,
}

struct Part {
    author: RawFd,
    range: Range<usize>,
}

impl Service for Chat {
    fn connected(&mut self, socket: RawFd) {
        let index = socket as usize;
        if self.places.len() <= index {
            self.places.resize(index + 1, None);
        }
        self.places[index] = Some(self.members.len());
        self.members.push(Member::new(socket));
    }

    fn ready(&mut self, socket: RawFd, event: Event, buffer: &mut [u8]) {
        let Some(place) = self.places[socket as usize] else {
            return;
        };
        let member = &mut self.members[place];
        member.readable.note(event);
        let start = self.gathered.len();
        let result = member.proceed(buffer, &mut self.gathered);
        let range = start..self.gathered.len();
        if !range.is_empty() {
            member.spoke = true;
            self.parts.push(Part {
                author: socket,
                range,
            });
        }
        if !result.is_ok_and(|is_open| is_open) {
            self.remove(place);
        }
    }

    fn turn_ended(&mut self) {
        if self.parts.is_empty() {
            return;
        }
        let mut place = 0;
        while place < self.members.len() {
            match self.deliver(place) {
                Ok(()) => place += 1,
                // The last member is in this place now.
                Err(_) => self.remove(place),
            }
        }
        self.gathered.clear();
        self.parts.clear();
    }
}

impl Chat {
    fn deliver(&mut self, place: usize) -> io::Result<()> {
        let member = &mut self.members[place];
        if member.spoke {
            member.spoke = false;
            self.from_others.clear();
            for part in self
                .parts
                .iter()
                .filter(|part| part.author != member.socket)
            {
                self.from_others
                    .extend_from_slice(&self.gathered[part.range.clone()]);
            }
            member.send(&self.from_others)
        } else {
            member.send(&self.gathered)
        }
    }

    fn remove(&mut self, place: usize) {
        let member = self.members.swap_remove(place);
        self.places[member.socket as usize] = None;
        if let Some(moved) = self.members.get(place) {
            self.places[moved.socket as usize] = Some(place);
        }
        system::close(member.socket);
    }
}

impl Member {
    fn new(socket: RawFd) -> Self {
        Self {
            socket,
            readable: Readable::default(),
            unsent: Unsent::default(),
            partial_line: Vec::new(),
            spoke: false,
        }
    }

    /// Sends what was waiting, reads, and gathers the complete lines. Says whether the connection
    /// is open.
    fn proceed(&mut self, buffer: &mut [u8], gathered: &mut Vec<u8>) -> io::Result<bool> {
        if !self.unsent.is_empty() {
            self.unsent.flush(self.socket)?;
        }
        while let Some(length) = self.readable.receive(self.socket, buffer)? {
            if length == 0 {
                return Ok(false);
            }
            self.gather(&buffer[..length], gathered);
        }
        Ok(true)
    }

    fn gather(&mut self, bytes: &[u8], gathered: &mut Vec<u8>) {
        let Some(last) = bytes.iter().rposition(|&byte| byte == b'\n') else {
            self.partial_line.extend_from_slice(bytes);
            return;
        };
        let (lines, rest) = bytes.split_at(last + 1);
        gathered.append(&mut self.partial_line);
        gathered.extend_from_slice(lines);
        self.partial_line.extend_from_slice(rest);
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.unsent.send(self.socket, bytes)?;
        if self.unsent.len() > UNSENT_LIMIT {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        Ok(())
    }
}
