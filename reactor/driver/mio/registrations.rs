//! What is registered with the poll, and whose token comes back with an event.
//!
//! A [`Token`] has 64 bits on every target, so that its serial number is used once. mio hands back a
//! `usize`. Where that has 64 bits it is the whole token, and nothing is kept here. Where it has 32 it
//! is the token's slot only, and the token that owns the slot is kept here:
//!
//! ```text
//!   wait        events of slots -> tokens, all at once, before any of them is served
//!   serve 1st   closes slot 7 (serial 40), and accepts into slot 7 (serial 41)
//!   serve 2nd   the event of slot 7 became serial 40 above, which finds nothing by now
//! ```
//!
//! It is sound because no event is reported of a socket that was closed before the wait, for closing it
//! takes it out of the poll, and because an owner is noted before its socket is registered: at the
//! time of the wait the owner of a slot is who was registered last, and no code of a consumer runs
//! between the wait and the look at the owners.

use std::io;
#[cfg(unix)]
use std::os::fd::{AsRawFd, BorrowedFd};

use mio::event::Source;
#[cfg(unix)]
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token as MioToken};

#[cfg(unix)]
use crate::driver::Readiness;
use crate::engine::table::Token;

/// The poll, as what registers sockets sees it.
pub(super) struct Registrations {
    registry: Registry,
    keys: Keys,
}

impl Registrations {
    pub(super) fn new(registry: Registry) -> Self {
        Self {
            registry,
            keys: Keys::default(),
        }
    }

    /// Both directions, at once and for good.
    pub(super) fn register(&self, source: &mut impl Source, token: Token) -> io::Result<()> {
        // An event of a direction that nothing waits for costs less than the system call that would
        // register it later.
        self.register_for(source, token, Interest::READABLE | Interest::WRITABLE)
    }

    pub(super) fn register_for(
        &self,
        source: &mut impl Source,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        let key = MioToken(self.keys.key(token));
        self.registry.register(source, key, interest)
    }

    /// A descriptor that is not the driver's own: see [`Driver::watch`](crate::driver::Driver::watch).
    #[cfg(unix)]
    pub(super) fn watch(
        &self,
        descriptor: BorrowedFd<'_>,
        token: Token,
        before: Readiness,
        now: Readiness,
    ) -> io::Result<()> {
        let number = descriptor.as_raw_fd();
        let mut source = SourceFd(&number);
        let key = || MioToken(self.keys.key(token));
        match (interest(before), interest(now)) {
            (None, None) => Ok(()),
            // Leaves the key alone: another may own the slot by now.
            (Some(_), None) => self.registry.deregister(&mut source),
            (None, Some(now)) => self.registry.register(&mut source, key(), now),
            // Both kernels look at a descriptor whose registration is renewed, and report what is ready
            // already: Linux in `ep_modify`, "if the item is hot", and FreeBSD in `kqueue_register`, which asks
            // the filter at every `EV_ADD`, also of a filter that is there. Their manuals do not say so.
            (Some(_), Some(now)) => self.registry.reregister(&mut source, key(), now),
        }
    }

    /// For what is the driver's own and has no token of the table.
    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Whom an event of the last wait belongs to.
    #[inline]
    pub(super) fn token(&self, key: MioToken) -> Option<Token> {
        self.keys.token(key.0)
    }
}

/// In mio's words; its set of nothing does not exist.
#[cfg(unix)]
fn interest(what: Readiness) -> Option<Interest> {
    let read = what.has(Readiness::READABLE).then_some(Interest::READABLE);
    let write = what.has(Readiness::WRITABLE).then_some(Interest::WRITABLE);
    match (read, write) {
        (Some(read), Some(write)) => Some(read | write),
        (one, other) => one.or(other),
    }
}

#[cfg(target_pointer_width = "64")]
type Keys = WholeTokens;

#[cfg(not(target_pointer_width = "64"))]
type Keys = OwnersOfSlots;

/// For 64 bits: the key is the token.
#[cfg(target_pointer_width = "64")]
#[derive(Default)]
struct WholeTokens;

#[cfg(target_pointer_width = "64")]
impl WholeTokens {
    fn key(&self, token: Token) -> usize {
        token.to_u64() as usize
    }

    #[inline]
    fn token(&self, key: usize) -> Option<Token> {
        Some(Token::from_u64(key as u64))
    }
}

/// For 32 bits: the key is the slot, and its owner is looked up.
#[cfg(any(test, not(target_pointer_width = "64")))]
#[derive(Default)]
struct OwnersOfSlots(std::cell::RefCell<Vec<Token>>);

#[cfg(any(test, not(target_pointer_width = "64")))]
impl OwnersOfSlots {
    fn key(&self, token: Token) -> usize {
        let mut owners = self.0.borrow_mut();
        let slot = token.slot();
        if slot >= owners.len() {
            // The slots between belong to what has no socket, and nobody asks for them: any token
            // would do, and this one's own slot tells it from theirs.
            owners.resize(slot + 1, token);
        }
        owners[slot] = token;
        slot
    }

    #[inline]
    fn token(&self, key: usize) -> Option<Token> {
        self.0.borrow().get(key).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::table::Table;

    #[test]
    fn a_key_leads_to_the_token_that_was_registered() {
        let token = Token::from_u64(u64::from(u32::MAX - 2) << 32 | 7);
        let keys = Keys::default();
        let key = keys.key(token);
        assert_eq!(keys.token(key), Some(token));
    }

    #[test]
    fn an_event_in_32_bits_is_of_the_owner_at_the_time_of_the_wait_and_finds_no_later_one() {
        let (mut table, owners) = (Table::default(), OwnersOfSlots::default());
        let other = table.reserve();
        let first = table.reserve();
        assert!(table.put(first, "first").is_none());
        let key = owners.key(first);
        // The wait: an event becomes a token.
        let reported = owners.token(key).expect("it is registered");
        // What is served before it closes the first owner, and accepts another.
        assert_eq!(table.remove(first), Some("first"));
        let second = table.reserve();
        assert!(table.put(second, "second").is_none());
        assert_eq!(owners.key(second), key, "the slot is reused");
        assert_eq!(table.take(reported), None, "the event came too late");
        // The next wait.
        assert_eq!(owners.token(key), Some(second));
        assert_eq!(owners.token(other.slot() + 2), None);
    }
}
