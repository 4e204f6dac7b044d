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

use std::fmt;
use std::rc::Rc;

use super::Location;
use super::node::{Root, Waits, peek};

/// The chain that `root` waits as, if it is not itself what waits.
fn waits_as(root: &dyn Root) -> Option<Rc<dyn Root>> {
    peek(root.waits(), |waits| match waits {
        Waits::AsChain(chain) => chain.upgrade(),
        Waits::ForNothing | Waits::ForResolver | Waits::ForCanceller => None,
    })
}

/// The source that `root` waits for in the end.
pub(super) fn last(root: Rc<dyn Root>) -> Rc<dyn Root> {
    let mut last = root;
    // Brent's search, for cycles longer than `is_circle` looks.
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
    pub(super) fn new(chain: Rc<dyn Root>) -> Self {
        Self { chain: Some(chain) }
    }

    /// Asks what the chain waits for now to stop, and returns whether there was anything, as
    /// [`Deferred::cancel`](super::Deferred::cancel) does.
    #[track_caller]
    pub fn cancel(&self) -> bool {
        // Those in between wait for others and have nothing of their own to stop.
        let source = self.chain.clone().map(last);
        let waits = |source: &Rc<dyn Root>| {
            peek(source.waits(), |waits| matches!(waits, Waits::ForResolver))
        };
        let Some(source) = source.filter(waits) else {
            return false;
        };
        source.cancel(Location::caller());
        true
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.chain {
            None => f.write_str("Canceller of a fired Deferred"),
            Some(chain) => write!(f, "Canceller of the chain made at {}", chain.made()),
        }
    }
}
