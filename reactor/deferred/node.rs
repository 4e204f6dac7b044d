//! What a chain is made of: the four traits of its nodes, and where a result leaves a node.

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

/// Something that has a result and can hand it on.
pub(super) trait Run {
    /// Hands the result down `chain`, and returns what can run because of that. If that is part of
    /// another chain, `chain` becomes that.
    fn run(self: Rc<Self>, chain: &mut Rc<dyn Root>) -> Option<Rc<dyn Run>>;
}

/// The source of a chain, without the type of its value.
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
    /// Its resolver is being told to stop.
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
    pub(super) chain: Cell<Option<Rc<dyn Root>>>,
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
    pub(super) fn take_adopter(&self) -> Option<Rc<dyn Node<T>>> {
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
