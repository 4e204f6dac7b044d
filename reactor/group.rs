//! Sending one message to many connections: chat, publish and subscribe, games.
//!
//! A message is copied once, into the turn's block, and each member notes where it lies. What a
//! member's socket does not take is copied then, so one that is slow holds no memory but its own.
//!
//! A sender is read no faster than the slowest member takes what it writes; how that is done, and what
//! it costs, is in `transport/group_flow.rs`. A sender that writes so much at once that other
//! connections would have to wait is read again when they have had their share of the turn.

use std::cell::{OnceCell, RefCell};
use std::fmt;
use std::rc::{Rc, Weak};

use slab::Slab;

use crate::transport::{Transport, Watcher};

/// Bytes to a member that cost as much as a delivery itself: a message of 256 bytes counts twice.
const BYTES_A_DELIVERY: usize = 256;

/// A set of connections that are sent the same messages. Clones are the same group.
///
/// A member leaves by itself when its connection is lost. A connection may be in many groups.
///
/// A sender is read no faster than all members take what it writes: while a
/// member has more than [`Limits::high_water`](crate::Limits::high_water) bytes unsent, the
/// connection in whose callback the group was written to is not read. So a member that reads
/// steadily is not dropped, down to half a KiB a second. What that costs, with the default limits:
///
/// - A sender of at most 4 KiB a second is held back only when all such senders together write more than
///   the slowest member takes, and two thirds of a MiB wait for it.
/// - A sender of more is as fast as the slowest member.
/// - A member that takes less than 16 KiB in [`Limits::patience`](crate::Limits::patience), 30 s, has
///   stopped. Until that is clear, senders of more are slowed down to 16 KiB a second. Then no sender
///   waits for it until it goes on, and when its buffer is full it is dropped with
///   [`Reason::UnsentOverflow`](crate::Reason::UnsentOverflow).
///
/// What is written outside of a connection's callbacks, from a timer for example, holds no sender back.
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

    /// Adds a connection; it is sent what is written from now on. Returns `false`, and changes
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

    /// Writes `data` to all members except one, which need not be a member: usually to all except the
    /// sender.
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
        let loop_side = first.loop_side();
        let sender = loop_side.current();
        // Copied for the first member that accepts it: where all are lost or full, the block does not grow.
        let part = OnceCell::new();
        let part = || *part.get_or_init(|| loop_side.blocks.append(data));
        let mut much = None;
        for (_, member) in members.iter() {
            if except == Some(member) {
                continue;
            }
            // A member that belongs to another loop has another block, and gets a copy of its own.
            let is_taken = match Rc::ptr_eq(member.loop_side(), loop_side) {
                true => member.write_part(part),
                false => member.write(data),
            };
            if !is_taken {
                continue;
            }
            if let Some(sender) = &sender
                && member.is_behind()
            {
                let much = *much.get_or_insert_with(|| sender.sends_much(data.len()));
                if member.makes_wait(much) {
                    member.hold(sender, much);
                }
                // So full that a read of any member could drop it: all are held back, also those that
                // have written nothing yet, since the loop may read all of them in this turn.
                if member.begins_to_make_all_wait() {
                    let others = members.iter().filter(|(_, other)| *other != member);
                    others.for_each(|(_, other)| member.hold(other, false));
                }
            }
        }
        // Charged to the sender, if there is one, which yields when that was its share.
        let work = members.len() * (1 + data.len() / BYTES_A_DELIVERY);
        match &sender {
            Some(sender) => sender.charge(work),
            None => _ = loop_side.budget.charge(work),
        }
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
