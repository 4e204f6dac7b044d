//! What each token refers to: slots are reused, and tokens are not.
//!
//! The operating system reports readiness by a number that we chose. If a slot's number were all
//! of it, an event of a connection that was closed could reach the next owner of the same slot,
//! in the same batch. So a token is a slot and a serial number, and an old token finds nothing.
//!
//! What is being served is taken out of its slot and put back afterwards, so that no borrow of
//! the table is held while a consumer's code runs.

use slab::Slab;

/// Names one occupant of a [`Table`]: a serial number above a slot. In 64 bits on every target, since a
/// serial number in 32 would be used again after a few thousand connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Token(u64);

impl Token {
    fn new(slot: usize, serial: u32) -> Self {
        // A slot is less than 2^32: so many would take more than 100 GB, without what is in them.
        Self(u64::from(serial) << 32 | slot as u64)
    }

    /// What a driver gives to the operating system, which hands it back with each event.
    #[cfg(any(test, all(feature = "os", unix, target_pointer_width = "64")))]
    pub(crate) fn to_u64(self) -> u64 {
        self.0
    }

    /// The reverse of [`to_u64`](Self::to_u64).
    #[cfg(any(test, all(feature = "os", unix, target_pointer_width = "64")))]
    pub(crate) fn from_u64(number: u64) -> Self {
        Self(number)
    }

    /// Which slot it names. Others may have owned it before, and may later.
    pub(crate) fn slot(self) -> usize {
        self.0 as u32 as usize
    }

    /// The number by which people know a connection: they count from one.
    pub(crate) fn serial(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

#[derive(Debug)]
struct Slot<T> {
    token: Token,
    /// `None` while the occupant is out, being served.
    occupant: Option<T>,
}

/// What is in the slots, by token. All operations are O(1).
#[derive(Debug)]
pub(crate) struct Table<T> {
    slots: Slab<Slot<T>>,
    last_serial: u32,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            slots: Slab::new(),
            last_serial: 0,
        }
    }
}

impl<T> Table<T> {
    /// Reserves a slot, whose occupant comes with [`put`](Self::put).
    pub(crate) fn reserve(&mut self) -> Token {
        // From 1 to 2^32 - 3, since the highest are in keys of the driver's own. After four billion it
        // begins again, which is safe: an event is late by a few turns, not by that many reservations.
        self.last_serial = self.last_serial % (u32::MAX - 2) + 1;
        let slot = self.slots.vacant_entry();
        let token = Token::new(slot.key(), self.last_serial);
        slot.insert(Slot {
            token,
            occupant: None,
        });
        token
    }

    /// Takes an occupant out, to serve it. Nothing is found by an old token, or when it is out.
    #[inline]
    pub(crate) fn take(&mut self, token: Token) -> Option<T> {
        self.slot(token)?.occupant.take()
    }

    /// Puts an occupant into the slot that it was taken from, or that was reserved for it. Returns it
    /// if the slot was freed while it was out.
    #[inline]
    #[must_use = "an occupant owns a consumer's values, which must not be dropped under a borrow"]
    pub(crate) fn put(&mut self, token: Token, occupant: T) -> Option<T> {
        match self.slot(token) {
            Some(slot) if slot.occupant.is_none() => {
                slot.occupant = Some(occupant);
                None
            }
            _ => Some(occupant),
        }
    }

    /// Whether the token's slot is still taken, even if its occupant is out.
    pub(crate) fn contains(&mut self, token: Token) -> bool {
        self.slot(token).is_some()
    }

    /// Looks at an occupant without taking it out. No consumer's code may run while it is borrowed.
    pub(crate) fn peek(&mut self, token: Token) -> Option<&mut T> {
        self.slot(token)?.occupant.as_mut()
    }

    /// Frees the slot. Its token finds nothing from now on.
    pub(crate) fn remove(&mut self, token: Token) -> Option<T> {
        self.slot(token)?; // an old token must not free the slot of its next owner
        self.slots.remove(token.slot()).occupant
    }

    /// How many slots are taken, those of occupants that are out included.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// All tokens in use, in the order of their slots.
    pub(crate) fn tokens(&self) -> Vec<Token> {
        // A copy, because whoever walks over it calls consumers, who open and close.
        self.slots.iter().map(|(_, slot)| slot.token).collect()
    }

    #[inline]
    fn slot(&mut self, token: Token) -> Option<&mut Slot<T>> {
        self.slots
            .get_mut(token.slot())
            .filter(|slot| slot.token == token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_token_does_not_find_the_next_owner_of_its_slot() {
        let mut table = Table::default();
        let first = table.reserve();
        assert_eq!(table.put(first, "first"), None);
        assert_eq!(table.remove(first), Some("first"));
        let second = table.reserve();
        assert_eq!(table.put(second, "second"), None);
        assert_eq!(first.slot(), second.slot(), "the slot is reused");
        assert_eq!(table.take(first), None);
        assert_eq!(table.put(first, "late"), Some("late"));
        assert_eq!(table.remove(first), None);
        assert_eq!(table.take(second), Some("second"));
    }

    #[test]
    fn an_occupant_that_is_out_is_not_found_and_keeps_its_slot() {
        let mut table = Table::default();
        let token = table.reserve();
        assert_eq!(table.put(token, 1), None);
        assert_eq!(table.take(token), Some(1));
        assert_eq!(table.take(token), None);
        assert_ne!(table.reserve(), token);
        assert_eq!(table.put(token, 2), None);
        assert_eq!(table.put(token, 3), Some(3), "it is in already");
        assert_eq!(table.peek(token), Some(&mut 2));
        assert_eq!(table.len(), 2);
    }

    #[test]
    fn serial_numbers_begin_again_at_one_and_leave_the_highest_to_the_driver() {
        let mut table = Table::<()>::default();
        assert_eq!(table.reserve().serial(), 1);
        table.last_serial = u32::MAX - 3;
        assert_eq!(table.reserve().serial(), u32::MAX - 2);
        assert_eq!(table.reserve().serial(), 1);
    }

    #[test]
    fn a_token_survives_the_journey_through_the_operating_system() {
        let token = Token::new(7, u32::MAX - 2);
        assert_eq!(Token::from_u64(token.to_u64()), token);
    }
}
