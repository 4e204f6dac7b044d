//! Cancelling: asking whatever a chain waits for now to stop.
//!
//! The source of a chain knows what the chain waits for: its own resolver, or another chain that a
//! callback returned. A cancellation follows that to the end and stops there:
//!
//! ```text
//!   cancel ─▶ chain ── waits for ─▶ chain ── waits for ─▶ resolver: on_cancel, or Cancelled
//! ```
//!
//! From there the failure runs down the chains like any other, so an errback may still make a value
//! of it.

use std::error::Error;
use std::fmt;
use std::rc::Rc;

use super::node::{Root, Waits};
use super::{Location, Place};

/// The chain that `root` waits as, if it is not itself what waits.
fn waits_as(root: &dyn Root) -> Option<Rc<dyn Root>> {
    let waits = root.waits().take();
    let chain = match &waits {
        Waits::AsChain(chain) => chain.upgrade(),
        Waits::ForNothing | Waits::ForResolver | Waits::ForCanceller => None,
    };
    root.waits().set(waits);
    chain
}

/// The source that `root` waits for in the end.
pub(super) fn last(root: Rc<dyn Root>) -> Rc<dyn Root> {
    let mut last = root;
    // Brent's search for a circle, of those that `is_circle` was too short-sighted to see.
    let mut marked = Rc::clone(&last);
    let mut steps = 0_usize;
    while let Some(next) = waits_as(&*last) {
        last = next;
        if is_same(&last, &marked) {
            break;
        }
        steps += 1;
        if steps.is_power_of_two() {
            marked = Rc::clone(&last);
        }
    }
    last
}

/// Whether `inner` waits for `chain`, so that `chain` must not wait for it.
///
/// Follows 64 chains and no more: building a nest of a million would take a million squared steps.
pub(super) fn is_circle(inner: &Rc<dyn Root>, chain: &Rc<dyn Root>) -> bool {
    const FAR_ENOUGH: usize = 64;
    std::iter::successors(Some(Rc::clone(inner)), |root| waits_as(&**root))
        .take(FAR_ENOUGH)
        .any(|root| is_same(&root, chain))
}

fn is_same(one: &Rc<dyn Root>, other: &Rc<dyn Root>) -> bool {
    std::ptr::addr_eq(Rc::as_ptr(one), Rc::as_ptr(other))
}

/// Cancels a chain from anywhere: what [`Deferred::canceller`](super::Deferred::canceller) returns.
///
/// It stays good after its Deferred went into a callback, a list or an `.await`, and reaches what
/// the chain waits for at the time of the call. On a chain that waits for nothing it does nothing.
#[derive(Clone, Default)]
pub struct Canceller {
    /// `None` if the Deferred was fired already.
    chain: Option<Rc<dyn Root>>,
}

impl Canceller {
    pub(super) fn new(chain: Option<Rc<dyn Root>>) -> Self {
        Self { chain }
    }

    /// Asks what the chain waits for now to stop, as
    /// [`Deferred::cancel`](super::Deferred::cancel) does.
    #[track_caller]
    pub fn cancel(&self) {
        let place = Location::caller();
        let Some(chain) = &self.chain else { return };
        cancel(Rc::clone(chain), place);
    }
}

pub(super) fn cancel(chain: Rc<dyn Root>, place: Place) {
    let source = last(chain);
    let waits = source.waits().take();
    let is_waiting = matches!(waits, Waits::ForResolver);
    source.waits().set(waits);
    if is_waiting {
        source.cancel(place);
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.chain {
            None => formatter.write_str("Canceller of a fired Deferred"),
            Some(chain) => write!(formatter, "Canceller of the chain made at {}", chain.made()),
        }
    }
}

/// What a Deferred was to bring was cancelled. The place of the [`Failure`](super::Failure) is
/// where `cancel` was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancelled;

impl fmt::Display for Cancelled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("cancelled")
    }
}

impl Error for Cancelled {}

/// A callback returned a Deferred that waits, in the end, for this same callback. It would wait
/// for ever.
///
/// The types forbid it as long as nobody keeps Deferreds in shared places. A circle of more than
/// 64 chains is not seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Circular;

impl fmt::Display for Circular {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a callback returned a Deferred that waits for this same callback")
    }
}

impl Error for Circular {}
