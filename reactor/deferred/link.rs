//! A callback in a chain: what it is called with, and what it waits for.
//!
//! A link is one allocation. It has the step to call, until it has called it, and the outlet where
//! the result leaves; how links and sources work together is told in `node`.

use std::cell::Cell;
use std::marker::PhantomData;
use std::rc::Rc;

use super::Place;
use super::cancel::is_circle;
use super::chain::{Deferred, Now};
use super::errors::Circular;
use super::failure::Failure;
use super::loan::Passing;
use super::node::{End, Inlet, Next, Node, Outlet, Root, Run, Waits, peek};
use super::record::Row;
use super::resolver::Source;
use super::step::{self, Step};

/// A callback that waits for its turn.
pub(super) struct Link<T, U, S> {
    turn: Cell<Turn<S>>,
    outlet: Outlet<U>,
    /// Where the callback was added.
    place: Place,
    takes: PhantomData<fn(T)>,
}

/// How far a link has come.
#[derive(Default)]
enum Turn<S> {
    /// Its step has not been called.
    Comes(S),
    /// Its step returned a Deferred, for which this chain waits here. The last link of the chain has
    /// it too, but that is another one as soon as a callback is added.
    Waits(Rc<dyn Root>),
    #[default]
    Over,
}

impl<T: 'static, U: 'static, S: Step<T, U>> Link<T, U, S> {
    /// Adds `step` at `end`, where no result is yet.
    #[inline]
    pub(super) fn after(end: End<T>, step: S, place: Place, row: Option<Rc<Row>>) -> End<U> {
        let link = Rc::new(Self {
            turn: Cell::new(Turn::Comes(step)),
            outlet: Outlet::of(Some(end.leave())),
            place,
            takes: PhantomData,
        });
        if let Some(row) = row {
            link.outlet.row().get_or_init(|| row);
        }
        end.outlet().lead_to(Next::Link(link.clone()));
        End::at(link)
    }

    /// Runs `step` as that of a chain that was made at `made` and fired with `result`.
    #[cold]
    pub(super) fn behind_fired(
        result: Passing<T>,
        made: Place,
        step: S,
        place: Place,
        row: Option<Rc<Row>>,
    ) -> Deferred<U> {
        let source = Source::new(made);
        let end = Self::after(source.end(), step, place, row);
        source.fire(result);
        Deferred::waiting(end)
    }

    /// Puts the result of the step where it leaves, and returns what is to hand it on.
    #[inline]
    fn settle(self: Rc<Self>, mut result: Passing<U>, chain: &Rc<dyn Root>) -> Option<Rc<dyn Run>> {
        if let Err(failure) = &mut result {
            failure.in_chain(chain.made());
        }
        if let Some(row) = self.outlet.row().get() {
            row.left(&result);
        }
        self.outlet.put(result);
        // Not handed on here: the next link would be called from this one, and so on, a level of
        // stack for each.
        Some(self)
    }

    /// Lets `chain` wait here for `inner`, a Deferred that the callback returned.
    ///
    /// If the result of this link goes to a third chain that waits in the same way, this link has
    /// nothing left to do and is left out. That is what keeps an endless loop of Deferreds that
    /// return Deferreds in constant memory.
    #[inline(never)]
    fn wait_for(self: Rc<Self>, inner: &End<U>, chain: &Rc<dyn Root>) -> Option<Rc<dyn Run>> {
        let inner_chain = inner.chain();
        if is_circle(&inner_chain, chain) {
            let circular = Failure::at(Circular, self.place);
            return self.settle(Err(circular), chain);
        }
        let third = match self.outlet.row().get() {
            // A chart shows each Deferred that was waited for: the way stays as long as it is.
            Some(_) => None,
            None => self.outlet.take_adopter(),
        };
        let adopter = match third {
            Some(third) => {
                let third_chain = third.chain();
                third_chain.waits().set(Waits::as_chain(&inner_chain));
                // So that a canceller of the chain that is left out still finds what it has become.
                chain.waits().set(Waits::as_chain(&third_chain));
                third
            }
            None => {
                chain.waits().set(Waits::as_chain(&inner_chain));
                self.turn.set(Turn::Waits(Rc::clone(chain)));
                End::at(self)
            }
        };
        inner.outlet().lead_to(Next::Adopter(adopter));
        None
    }

    /// Calls the step of a link that is on a chart.
    #[cold]
    fn call_noted(&self, row: &Row, step: S, result: Passing<T>) -> Deferred<U> {
        row.entered(&result);
        let returned = row.observe(|| step::call(step, result, self.place));
        if returned.row().is_some() || !returned.is_fired() {
            row.returned(returned.record());
        }
        returned
    }
}

impl<T: 'static, U: 'static, S: Step<T, U>> Node<U> for Link<T, U, S> {
    fn outlet(&self) -> &Outlet<U> {
        &self.outlet
    }

    fn chain(self: Rc<Self>) -> Rc<dyn Root> {
        let waits = peek(&self.turn, |turn| match turn {
            Turn::Waits(chain) => Some(Rc::clone(chain)),
            Turn::Comes(_) | Turn::Over => None,
        });
        let chain = waits.or_else(|| self.outlet.chain());
        chain.expect("the last link of a chain has the chain")
    }
}

impl<T: 'static, U: 'static, S: Step<T, U>> Inlet<T> for Link<T, U, S> {
    fn receive(
        self: Rc<Self>,
        result: Passing<T>,
        chain: &mut Rc<dyn Root>,
    ) -> Option<Rc<dyn Run>> {
        let Turn::Comes(step) = self.turn.take() else {
            unreachable!("a node leads to one link, and takes it out to hand on");
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

impl<T: 'static, U: 'static, S: Step<T, U>> Run for Link<T, U, S> {
    fn run(self: Rc<Self>, chain: &mut Rc<dyn Root>) -> Option<Rc<dyn Run>> {
        self.outlet.hand_on(chain)
    }
}
