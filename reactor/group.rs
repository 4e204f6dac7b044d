//! Sending one message to many connections: chat, publish and subscribe, games.
//!
//! A message is copied once, into a block that all members share for the rest of the turn; each
//! member notes which part of it is its own. What a member's socket does not take is copied then,
//! so one that is slow holds no memory but its own.
//!
//! Whoever talks to a group is read from no faster than the listeners can take what it says: when
//! a member has more than [`Limits::high_water`](crate::Limits::high_water) bytes unsent, the
//! connection in whose callback the group is written to is not read until that member has caught
//! up. A member that takes nothing at all for 100 ms is not waited for, until it takes something
//! again; if others go on talking, it is dropped when its buffer is full.

use std::cell::RefCell;
use std::fmt;
use std::rc::{Rc, Weak};

use slab::Slab;

use crate::transport::{Transport, Watcher};
use crate::unsent::Block;

/// A block that has grown beyond this is left to those who refer to it, and a new one begun.
const BLOCK: usize = 64 << 10;

/// A set of connections that hear the same things. Clones are the same group.
///
/// A member leaves by itself when its connection is lost. A connection may be in many groups.
///
/// ```
/// use reactor::{Group, Protocol, Transport};
///
/// struct Talker { room: Group }
///
/// impl Protocol for Talker {
///     fn connection_made(&mut self, transport: &Transport) {
///         self.room.add(transport);
///     }
///
///     fn data_received(&mut self, transport: &Transport, data: &[u8]) {
///         self.room.write_except(transport, data);
///     }
/// }
/// ```
#[derive(Clone, Default)]
pub struct Group(Rc<Inner>);

#[derive(Default)]
struct Inner {
    members: RefCell<Slab<Transport>>,
    block: RefCell<Block>,
}

impl Watcher for Inner {
    fn connection_lost(&self, key: usize) {
        let member = self.members.borrow_mut().try_remove(key);
        drop(member);
    }
}

impl Group {
    /// A group without members.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a connection; it hears what is written from now on. Returns `false`, and changes
    /// nothing, when it is a member already or is lost.
    pub fn add(&self, transport: &Transport) -> bool {
        if transport.is_lost() || self.contains(transport) {
            return false;
        }
        let key = self.0.members.borrow_mut().insert(transport.clone());
        transport.watch(self.watcher(), key);
        true
    }

    /// Removes a connection; it still gets what was written before. Returns whether it was a
    /// member.
    pub fn remove(&self, transport: &Transport) -> bool {
        let Some(key) = transport.unwatch(&self.watcher()) else {
            return false;
        };
        let member = self.0.members.borrow_mut().try_remove(key);
        member.is_some()
    }

    /// Whether a connection is a member.
    #[must_use]
    pub fn contains(&self, transport: &Transport) -> bool {
        transport.is_watched_by(&self.watcher())
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.members.borrow().len()
    }

    /// Whether there are no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The members, in no particular order.
    #[must_use]
    pub fn members(&self) -> Vec<Transport> {
        self.0
            .members
            .borrow()
            .iter()
            .map(|(_, member)| member.clone())
            .collect()
    }

    /// Writes `data` to all members. Each write is as [`Transport::write`].
    pub fn write(&self, data: &[u8]) {
        self.write_to_all_but(None, data);
    }

    /// Writes `data` to all members but one, which need not be a member: usually to all but the
    /// one who talks.
    pub fn write_except(&self, transport: &Transport, data: &[u8]) {
        self.write_to_all_but(Some(transport), data);
    }

    fn write_to_all_but(&self, except: Option<&Transport>, data: &[u8]) {
        let members = self.0.members.borrow();
        let Some((_, first)) = members.iter().next() else {
            return;
        };
        if data.is_empty() {
            return;
        }
        let talker = first.requests().talker();
        let block = self.block_for(data.len());
        let from = block.borrow().len() as u32;
        block.borrow_mut().extend_from_slice(data);
        let to = from + data.len() as u32;
        for (_, member) in members.iter() {
            if except == Some(member) || !member.write_shared(&block, from, to) {
                continue;
            }
            match &talker {
                Some(talker) if member.is_behind() => member.hold(talker),
                _ => {}
            }
        }
    }

    /// The block of this turn, if there is room, or an empty one.
    fn block_for(&self, bytes: usize) -> Block {
        let mut block = self.0.block.borrow_mut();
        if Rc::strong_count(&block) == 1 {
            // All members have sent their parts: the memory is used again, unless it grew large.
            let mut bytes = block.borrow_mut();
            bytes.clear();
            bytes.shrink_to(BLOCK);
        } else if block.borrow().len() + bytes > BLOCK {
            *block = Block::default();
        }
        Rc::clone(&block)
    }

    fn watcher(&self) -> Weak<dyn Watcher> {
        let weak: Weak<Inner> = Rc::downgrade(&self.0);
        weak
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("members", &self.len())
            .finish()
    }
}
