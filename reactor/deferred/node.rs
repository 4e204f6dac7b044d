//! What a chain is made of: four traits, and the outlet where a result leaves a node.
//!
//! ```text
//!   Resolver ──▶ Source ──▶ Link ──▶ Link ◀── Deferred      Source: Node, Run, Root
//!                   ▲                            │          Link:   Node, Run, Inlet
//!                   └────────── chain ───────────┘
//! ```
//!
//! Who fires owns what runs: the arrows point down, and a chain lives as long as its
//! [`Resolver`](super::Resolver), whether or not anyone keeps its Deferred. The source is also what
//! the chain is known by, as [`Root`]: it knows what the chain waits for now.
//!
//! Three links `a`, `b`, `c`, of which `b` returns the Deferred of another chain, whose source is
//! `i`, and waits inside:
//!
//! 1. `resolver.callback(1)`: the source puts 1 into its outlet ([`Outlet::put`]), and `firing` runs
//!    it as the first [`Run`].
//! 2. `source.run(chain)` takes the 1 out again and hands it to the [`Inlet`] behind it,
//!    `a.receive(1)`. `a` calls its callback, puts what that returned, 2, into its own outlet, and
//!    returns itself: it is the next to run.
//! 3. `a.run(chain)` hands the 2 to `b`, whose callback returns a Deferred that is not fired. So `b`
//!    makes itself the [`Next::Adopter`] of the last node of that chain, notes in `chain` what it
//!    waits for, and returns `None`: nothing can run, and `callback` returns.
//! 4. Later `i` is fired, with 3. Its last node finds the adopter: the 3 becomes what `b` puts into
//!    its outlet, and `chain`, which was that of `i`, becomes that of `b`, which waits no more.
//! 5. `b.run(chain)`, which the loop of step 4 does next, hands the 3 to `c`. `c` has nothing behind
//!    it: the result stays in its outlet until somebody comes for it.
//!
//! A cancellation between 3 and 4 goes the other way: the last link has the chain, that has what
//! it waits for, and so it comes to `i` ([`Root::cancel`]).
//!
//! Invariant: every state is in a `Cell` and taken out of it before a callback, a waker or a
//! destructor of the consumer runs, so whatever those do finds the chain in order.

use std::cell::{Cell, OnceCell};
use std::rc::{Rc, Weak};
use std::task::Waker;

use super::Place;
use super::loan::{Carried, Passing};
use super::record::Row;
use super::unhandled::Unhandled;

/// What can hand on a `T`: the source of a chain or one of its links.
pub(super) trait Node<T> {
    fn outlet(&self) -> &Outlet<T>;
    /// The chain of which this is the last node, or that waits at it.
    fn chain(self: Rc<Self>) -> Rc<dyn Root>;
}

/// What can be handed a `T`: a link.
pub(super) trait Inlet<T> {
    /// Takes a result that runs down `chain`, and returns what can run because of that.
    fn receive(self: Rc<Self>, result: Passing<T>, chain: &mut Rc<dyn Root>)
    -> Option<Rc<dyn Run>>;
}

/// Something that has a result and can hand it on: a node, without the type of its value.
pub(super) trait Run {
    /// Hands the result down `chain`, and returns what can run because of that. If that is part of
    /// another chain, `chain` becomes that.
    fn run(self: Rc<Self>, chain: &mut Rc<dyn Root>) -> Option<Rc<dyn Run>>;
}

/// The source of a chain, without the type of its value: what the chain is known by.
pub(super) trait Root: Run {
    fn waits(&self) -> &Cell<Waits>;
    /// Where the chain was made.
    fn made(&self) -> Place;
    /// Cancels what the resolver was to do. Only called while the chain waits for its resolver.
    fn cancel(self: Rc<Self>, place: Place);
}

/// What a chain waits for now.
#[derive(Default)]
pub(super) enum Waits {
    /// For nothing: it runs, or it has run to its end.
    #[default]
    ForNothing,
    ForResolver,
    /// Its canceller runs.
    ForCanceller,
    /// For what another chain waits for: because a callback returned the Deferred of that chain,
    /// or because this chain came to its end while that one waited for it.
    ///
    /// Weak, because the other chain leads here: what is alive of it holds its own root.
    AsChain(Weak<dyn Root>),
}

impl Waits {
    pub(super) fn as_chain(chain: &Rc<dyn Root>) -> Self {
        Self::AsChain(Rc::downgrade(chain))
    }
}

/// Shows what is in `cell` to `look`.
pub(super) fn peek<S: Default, R>(cell: &Cell<S>, look: impl FnOnce(&S) -> R) -> R {
    let state = cell.take();
    let seen = look(&state);
    cell.set(state);
    seen
}

/// Where a chain ends for now: at its last node, behind which one may add, or at the one where it
/// waits for another chain.
///
/// The chain is kept in that node and not here, because a Deferred is an end and is moved several
/// times in each step: with a second pointer in it a step took a quarter longer.
pub(super) struct End<T> {
    node: Rc<dyn Node<T>>,
}

impl<T: 'static> End<T> {
    #[inline]
    pub(super) fn at(node: Rc<dyn Node<T>>) -> Self {
        Self { node }
    }

    #[inline]
    pub(super) fn outlet(&self) -> &Outlet<T> {
        self.node.outlet()
    }

    pub(super) fn chain(&self) -> Rc<dyn Root> {
        Rc::clone(&self.node).chain()
    }

    /// The chain, for the node that will be the last of it from now on.
    #[inline(always)] // a call and a result in memory would be a tenth of what adding a step costs
    pub(super) fn leave(&self) -> Rc<dyn Root> {
        // Moved from link to link, so that a step counts no references to it.
        let chain = self.outlet().chain.take();
        chain.unwrap_or_else(|| self.chain())
    }
}

/// Where a result goes that is not there yet.
pub(super) enum Next<T> {
    /// To the callback that was added after it.
    Link(Rc<dyn Inlet<T>>),
    /// To a chain that waits: its callback returned this node's Deferred, and the result takes the
    /// place of that callback's.
    Adopter(End<T>),
    /// It stays, and a future is woken that will come for it.
    Future(Waker),
}

/// Where the result of a node leaves.
pub(super) struct Outlet<T> {
    /// Who wants the result that is not there yet.
    next: Cell<Option<Next<T>>>,
    /// The result that nobody has taken yet.
    held: Cell<Option<Result<Carried<T>, Unhandled>>>,
    /// The chain, in the link that is the last of it. A source has none, as it would own itself.
    chain: Cell<Option<Rc<dyn Root>>>,
    /// Where a chart notes what happens here, if one was asked for.
    row: OnceCell<Rc<Row>>,
}

impl<T: 'static> Outlet<T> {
    #[inline]
    pub(super) fn of(chain: Option<Rc<dyn Root>>) -> Self {
        Self {
            next: Cell::new(None),
            held: Cell::new(None),
            chain: Cell::new(chain),
            row: OnceCell::new(),
        }
    }

    #[inline]
    pub(super) fn row(&self) -> &OnceCell<Rc<Row>> {
        &self.row
    }

    /// The result, if it is there and has not been taken.
    #[inline]
    pub(super) fn take(&self) -> Option<Passing<T>> {
        let held = self.held.take()?;
        Some(held.map_err(Unhandled::take))
    }

    /// Puts a result here that is on its way.
    #[inline]
    pub(super) fn put(&self, result: Passing<T>) {
        let before = self.held.replace(Some(result.map_err(Unhandled::new)));
        debug_assert!(before.is_none(), "a node has one result");
        // There is nothing to drop, which the compiler does not see: a node gets one result. To ask
        // is a branch in every step, and the code behind it keeps this from being inlined.
        std::mem::forget(before);
    }

    /// Shows the result, if it is there, to `look`.
    pub(super) fn look<R>(
        &self,
        look: impl FnOnce(Option<&Result<Carried<T>, Unhandled>>) -> R,
    ) -> R {
        peek(&self.held, |held| look(held.as_ref()))
    }

    /// Notes where the result will go that is not there yet, instead of where it would have gone.
    #[inline]
    pub(super) fn lead_to(&self, next: Next<T>) {
        self.next.set(Some(next));
    }

    pub(super) fn chain(&self) -> Option<Rc<dyn Root>> {
        peek(&self.chain, Option::clone)
    }

    /// Hands the result that was put here on, and returns what can run because of that.
    ///
    /// `chain` is the chain that the result runs down. If it leaves that, for another chain that
    /// waited for this one, `chain` is changed.
    #[inline]
    pub(super) fn hand_on(&self, chain: &mut Rc<dyn Root>) -> Option<Rc<dyn Run>> {
        let next = self.next.take();
        // First and apart from the others, because nearly every result goes this way.
        if let Some(Next::Link(link)) = next {
            return link.receive(self.take()?, chain);
        }
        match next {
            Some(Next::Adopter(adopter)) => settle_adopters(adopter, self.take()?, chain),
            Some(Next::Future(waker)) => {
                // Before the waker, which may be the future's own executor and come for it at once.
                self.hold(chain);
                waker.wake();
                None
            }
            Some(Next::Link(_)) | None => {
                self.hold(chain);
                None
            }
        }
    }

    /// Keeps the result that was put here until somebody comes for it.
    fn hold(&self, chain: &Rc<dyn Root>) {
        let mut held = self.held.take();
        if let Some(Err(unhandled)) = &mut held {
            unhandled.rest_in(chain.made());
        }
        self.held.set(held);
    }

    /// The chain that waits for the result, if one does.
    pub(super) fn take_adopter(&self) -> Option<End<T>> {
        match self.next.take() {
            Some(Next::Adopter(adopter)) => Some(adopter),
            other => {
                self.next.set(other);
                None
            }
        }
    }
}

/// Hands `result` to a chain that waited for it, and from there on.
///
/// A result that goes through a million Deferreds that returned one another passes here in a loop.
fn settle_adopters<T: 'static>(
    first: End<T>,
    result: Passing<T>,
    chain: &mut Rc<dyn Root>,
) -> Option<Rc<dyn Run>> {
    let mut adopter = first;
    loop {
        let outlet = adopter.outlet();
        if let Some(row) = outlet.row.get() {
            row.left(&result);
        }
        // Before the result is handed on: a callback that cancels its own chain must not reach what
        // has just been fired.
        *chain = adopter.chain();
        chain.waits().set(Waits::ForNothing);
        match outlet.take_adopter() {
            Some(next) => adopter = next,
            None => {
                outlet.put(result);
                return outlet.hand_on(chain);
            }
        }
    }
}
