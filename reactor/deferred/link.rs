//! The chain itself: each callback is a link, and each link leads to the next.
//!
//! ```text
//!   Resolver ──▶ Source ──▶ Link ──▶ Link ◀── Deferred
//!                   ▲                            │
//!                   └────────── chain ───────────┘
//! ```
//!
//! Who fires owns what runs, so the arrows point down and a chain lives as long as its
//! [`Resolver`](super::Resolver), whether or not anyone keeps its Deferred. The source is also what
//! the chain is known by: it knows what the chain waits for now, and a cancellation from below
//! goes there. A link is one allocation: it has the callback to call and the place where its result
//! leaves.
//!
//! Invariant: every state is in a `Cell` and taken out of it before a callback, a waker or a
//! destructor of the consumer runs, so whatever those do finds the chain in order.

use std::cell::{Cell, OnceCell};
use std::marker::PhantomData;
use std::rc::Rc;
use std::task::Waker;

use super::Place;
use super::cancel::{Circular, Root, Waits, is_circle};
use super::chain::{Deferred, Now};
use super::failure::Failure;
use super::firing::Run;
use super::loan::{Carried, Passing};
use super::record::Row;
use super::step::{self, Step};
use super::unhandled::Unhandled;

/// What can hand on a `T`: the source of a chain or one of its links.
pub(super) trait Node<T> {
    fn outlet(&self) -> &Outlet<T>;
    /// The chain, if this is its source.
    fn into_root(self: Rc<Self>) -> Option<Rc<dyn Root>> {
        None
    }
    /// The chain that waits here for a Deferred that the callback returned, if one does.
    fn waiting_chain(&self) -> Option<Rc<dyn Root>> {
        None
    }
}

/// What can be handed a `T`.
pub(super) trait Inlet<T> {
    /// Takes a result that runs down `chain`, and returns what can run because of that.
    fn receive(self: Rc<Self>, result: Passing<T>, chain: &mut Rc<dyn Root>)
    -> Option<Rc<dyn Run>>;
}

/// Where a result goes that is not there yet.
pub(super) enum Next<T> {
    /// To the callback that was added after it.
    Link(Rc<dyn Inlet<T>>),
    /// To a link of another chain, whose callback returned this node's Deferred: the result takes
    /// the place of that callback's.
    Adopter(Rc<dyn Node<T>>),
    /// It stays, and a future is woken that will come for it.
    Future(Waker),
}

/// Where the result of a node leaves.
pub(super) struct Outlet<T> {
    /// Who wants the result that is not there yet.
    next: Cell<Option<Next<T>>>,
    /// The result that nobody has taken yet.
    held: Cell<Option<Result<Carried<T>, Unhandled>>>,
    /// The chain, in the last link of it, so that its Deferred can cancel it. A source has none;
    /// it is the chain.
    chain: Cell<Option<Rc<dyn Root>>>,
    /// Where a chart notes what happens here, if one was asked for.
    row: OnceCell<Rc<Row>>,
}

impl<T: 'static> Outlet<T> {
    #[inline]
    pub(super) fn new() -> Self {
        Self {
            next: Cell::new(None),
            held: Cell::new(None),
            chain: Cell::new(None),
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
        match self.held.take()? {
            Ok(value) => Some(Ok(value)),
            Err(unhandled) => Some(Err(unhandled.take())),
        }
    }

    /// Puts a result here that is on its way.
    #[inline]
    pub(super) fn put(&self, result: Passing<T>) {
        let before = self.held.replace(Some(result.map_err(Unhandled::new)));
        debug_assert!(before.is_none(), "a node has one result");
        std::mem::forget(before); // `set` would ask whether it has to be dropped
    }

    /// Shows the result, if it is there, to `look`.
    pub(super) fn look<R>(
        &self,
        look: impl FnOnce(Option<&Result<Carried<T>, Unhandled>>) -> R,
    ) -> R {
        let held = self.held.take();
        let seen = look(held.as_ref());
        self.held.set(held);
        seen
    }

    /// Says where the result will go that is not there yet, instead of where it would have gone.
    #[inline]
    pub(super) fn lead_to(&self, next: Next<T>) {
        self.next.set(Some(next));
    }

    /// Hands the result that was put here on, and returns what can run because of that.
    ///
    /// `chain` is the chain that the result runs down. If it leaves that, for another chain that
    /// waited for this one, `chain` is changed.
    #[inline]
    pub(super) fn hand_on(&self, chain: &mut Rc<dyn Root>) -> Option<Rc<dyn Run>> {
        let next = self.next.take();
        if let Some(Next::Link(link)) = next {
            return link.receive(self.take()?, chain);
        }
        match next {
            Some(Next::Adopter(adopter)) => settle_adopters(adopter, self.take()?, chain),
            Some(Next::Future(waker)) => {
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

    /// The link of another chain that will get the result, if the result is to go to one.
    fn take_adopter(&self) -> Option<Rc<dyn Node<T>>> {
        match self.next.take() {
            Some(Next::Adopter(adopter)) => Some(adopter),
            other => {
                self.next.set(other);
                None
            }
        }
    }

    fn chain(&self) -> Option<Rc<dyn Root>> {
        let chain = self.chain.take();
        self.chain.set(chain.clone());
        chain
    }
}

/// The chain that `node` is the last of.
pub(super) fn chain_of<T: 'static>(node: &Rc<dyn Node<T>>) -> Rc<dyn Root> {
    let chain = node.outlet().chain();
    let chain = chain.or_else(|| Rc::clone(node).into_root());
    chain.expect("the last link of a chain has the chain, and a source is the chain")
}

/// Hands `result` to a link that waited for it, and from there on.
///
/// A result that goes through a million Deferreds that returned one another passes here in a loop.
fn settle_adopters<T: 'static>(
    first: Rc<dyn Node<T>>,
    result: Passing<T>,
    chain: &mut Rc<dyn Root>,
) -> Option<Rc<dyn Run>> {
    let mut adopter = first;
    loop {
        if let Some(row) = adopter.outlet().row.get() {
            row.left(&result);
        }
        if let Some(waiting) = adopter.waiting_chain() {
            waiting.waits().set(Waits::ForNothing);
            *chain = waiting;
        }
        match adopter.outlet().take_adopter() {
            Some(next) => adopter = next,
            None => {
                adopter.outlet().put(result);
                return adopter.outlet().hand_on(chain);
            }
        }
    }
}

/// A callback that waits for its turn.
pub(super) struct Link<T, S: Step<T>> {
    turn: Cell<Turn<S>>,
    outlet: Outlet<S::Output>,
    /// Where the callback was added.
    place: Place,
    takes: PhantomData<fn(T)>,
}

/// How far a link has come.
#[derive(Default)]
enum Turn<S> {
    /// Its step has not been called.
    Comes(S),
    /// Its step has returned a Deferred, for which this chain waits here.
    Waits(Rc<dyn Root>),
    #[default]
    Over,
}

impl<T: 'static, S: Step<T>> Link<T, S> {
    /// Adds `step` after `node`, the last of its chain, which has no result yet.
    #[inline]
    pub(super) fn after(
        node: Rc<dyn Node<T>>,
        step: S,
        place: Place,
        row: Option<Rc<Row>>,
    ) -> Rc<Self> {
        let link = Rc::new(Self {
            turn: Cell::new(Turn::Comes(step)),
            outlet: Outlet::new(),
            place,
            takes: PhantomData,
        });
        // Filled in afterwards, so that they need not be copied with the rest into the allocation.
        if let Some(row) = row {
            link.outlet.row.get_or_init(|| row);
        }
        let chain = node.outlet().chain.take();
        let chain = chain.or_else(|| Rc::clone(&node).into_root());
        std::mem::forget(link.outlet.chain.replace(chain)); // forgets a `None`
        let inlet: Rc<dyn Inlet<T>> = link.clone();
        node.outlet().lead_to(Next::Link(inlet));
        link
    }

    /// Puts the result of the step where it leaves, and returns what is to hand it on.
    #[inline]
    fn settle(
        self: Rc<Self>,
        mut result: Passing<S::Output>,
        chain: &Rc<dyn Root>,
    ) -> Option<Rc<dyn Run>> {
        if let Err(failure) = &mut result {
            failure.in_chain(chain.made());
        }
        if let Some(row) = self.outlet.row.get() {
            row.left(&result);
        }
        self.outlet.put(result);
        Some(self)
    }
}

impl<T: 'static, S: Step<T>> Link<T, S> {
    /// Lets `chain` wait here for `inner`, a Deferred that the callback returned.
    ///
    /// If the result of this link goes to a third chain that waits in the same way, this link has
    /// nothing left to do and is left out. That is what keeps an endless loop of Deferreds that
    /// return Deferreds in constant memory.
    #[inline(never)]
    fn wait_for(
        self: Rc<Self>,
        inner: &Rc<dyn Node<S::Output>>,
        chain: &Rc<dyn Root>,
    ) -> Option<Rc<dyn Run>> {
        let inner_chain = chain_of(inner);
        if is_circle(&inner_chain, chain) {
            let circular = Failure::from_shared(Rc::new(Circular), self.place);
            return self.settle(Err(circular), chain);
        }
        let adopter = match self.outlet.row.get() {
            // A chart shows each Deferred that was waited for: the way stays as long as it is.
            Some(_) => None,
            None => self.outlet.take_adopter(),
        };
        let adopter = if let Some(adopter) = adopter {
            if let Some(waiting) = adopter.waiting_chain() {
                waiting.waits().set(Waits::as_chain(&inner_chain));
                chain.waits().set(Waits::as_chain(&waiting));
            }
            adopter
        } else {
            chain.waits().set(Waits::as_chain(&inner_chain));
            self.turn.set(Turn::Waits(Rc::clone(chain)));
            self
        };
        inner.outlet().chain.set(None);
        inner.outlet().lead_to(Next::Adopter(adopter));
        None
    }

    /// Calls the step of a link that is on a chart.
    #[cold]
    fn call_noted(&self, row: &Row, step: S, result: Passing<T>) -> Deferred<S::Output> {
        row.entered(&result);
        row.observe(|| step::call(step, result, self.place))
    }
}

impl<T: 'static, S: Step<T>> Node<S::Output> for Link<T, S> {
    fn outlet(&self) -> &Outlet<S::Output> {
        &self.outlet
    }

    fn waiting_chain(&self) -> Option<Rc<dyn Root>> {
        let turn = self.turn.take();
        let chain = match &turn {
            Turn::Waits(chain) => Some(Rc::clone(chain)),
            Turn::Comes(_) | Turn::Over => None,
        };
        self.turn.set(turn);
        chain
    }
}

impl<T: 'static, S: Step<T>> Inlet<T> for Link<T, S> {
    fn receive(
        self: Rc<Self>,
        result: Passing<T>,
        chain: &mut Rc<dyn Root>,
    ) -> Option<Rc<dyn Run>> {
        let Turn::Comes(step) = self.turn.take() else {
            unreachable!("a link is led to once, and receives once");
        };
        let returned = match self.outlet.row.get() {
            None => step::call(step, result, self.place),
            Some(row) => self.call_noted(row, step, result),
        };
        match returned.now() {
            Now::Fired(result) => self.settle(result, chain),
            Now::Later(inner) => self.wait_for(&inner, chain),
        }
    }
}

impl<T: 'static, S: Step<T>> Run for Link<T, S> {
    fn run(self: Rc<Self>, chain: &mut Rc<dyn Root>) -> Option<Rc<dyn Run>> {
        self.outlet.hand_on(chain)
    }
}
