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

use std::cell::Cell;
use std::marker::PhantomData;
use std::rc::Rc;

use super::Place;
use super::cancel::{Circular, is_circle};
use super::chain::{Deferred, Now};
use super::failure::Failure;
use super::loan::Passing;
use super::node::{Inlet, Next, Node, Outlet, Root, Run, Waits, chain_of};
use super::record::Row;
use super::step::{self, Step};

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
            link.outlet.row().get_or_init(|| row);
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
        if let Some(row) = self.outlet.row().get() {
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
        let adopter = match self.outlet.row().get() {
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
        let returned = row.observe(|| step::call(step, result, self.place));
        if returned.row().is_some() || !returned.is_fired() {
            row.returned(returned.record());
        }
        returned
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
        let returned = match self.outlet.row().get() {
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
