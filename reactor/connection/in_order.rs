//! Which answer is to which request: by their order alone.
//!
//! ```text
//!   ask(q) ─▶ [ unsent ] ─▶ [ sent: 1 2 3 ] ─▶ the peer
//!                  at most `pipeline` ─┘ ◀── the answer to 1 ── what was received
//! ```
//!
//! Nothing in an answer says which request it is to, only its place. So the order is the one thing that must
//! never be lost: the place of a request that was given up is kept, and its answer is swallowed; and bytes that
//! nothing has asked for end the connection, because they would be the answer to what is asked next.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::time::Duration;

use super::dialect::{Answer, Dialect, ExchangeError};
use super::received::Received;
use super::shared::{Consume, Shared};
use crate::deferred::{Deferred, Resolver};
use crate::reason::Reason;
use crate::transport::Transport;

// The defaults, as the documentation of `Exchange` has them.
const TIMEOUT: Duration = Duration::from_secs(30);
const PIPELINE: usize = 100;
const LIMIT: usize = 1_000;
const MAX_ANSWER: usize = 1 << 20;

/// The requests of an exchange, and what becomes of them.
pub(super) struct InOrder<Q, A: 'static> {
    transport: Transport,
    connection: Weak<Shared>,
    /// Taken while it runs.
    dialect: RefCell<Option<Box<dyn Dialect<Q, A>>>>,
    /// The oldest first. Those on the wire are in front.
    waiting: RefCell<VecDeque<Waiting<A>>>,
    on_the_wire: Cell<usize>,
    /// How many bytes there must be before the dialect looks again.
    wanted: Cell<usize>,
    last_number: Cell<u64>,
    pub(super) timeout: Cell<Option<Duration>>,
    pub(super) pipeline: Cell<usize>,
    pub(super) limit: Cell<usize>,
    pub(super) max_answer: Cell<usize>,
    /// Nothing more is asked, and the connection is closed behind the last answer.
    is_finishing: Cell<bool>,
}

/// A request that has no answer yet.
struct Waiting<A: 'static> {
    /// They grow, so that one is found by a search that halves.
    number: u64,
    /// The request, until it is sent.
    unsent: Option<Vec<u8>>,
    /// `None` when it was given up.
    resolver: Option<Resolver<A>>,
}

impl<Q: 'static, A: 'static> InOrder<Q, A> {
    pub(super) fn new(connection: &Rc<Shared>, dialect: Box<dyn Dialect<Q, A>>) -> Rc<Self> {
        Rc::new(Self {
            transport: connection.transport().clone(),
            connection: Rc::downgrade(connection),
            dialect: RefCell::new(Some(dialect)),
            waiting: RefCell::default(),
            on_the_wire: Cell::new(0),
            wanted: Cell::new(1),
            last_number: Cell::new(0),
            timeout: Cell::new(Some(TIMEOUT)),
            pipeline: Cell::new(PIPELINE),
            limit: Cell::new(LIMIT),
            max_answer: Cell::new(MAX_ANSWER),
            is_finishing: Cell::new(false),
        })
    }

    pub(super) fn takes_requests(&self) -> bool {
        self.transport.takes_bytes() && !self.is_finishing.get()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.borrow().len()
    }

    /// Puts a request behind all others, and sends it if it may be sent.
    #[track_caller]
    pub(super) fn ask(self: &Rc<Self>, request: Q) -> Result<Deferred<A>, ExchangeError> {
        if self.len() >= self.limit.get() {
            return Err(ExchangeError::Full);
        }
        let mut bytes = Vec::new();
        let written = self.with_dialect(|dialect| dialect.request(request, &mut bytes));
        let written = written.unwrap_or_else(|| Err("asked from inside the dialect".to_owned()));
        written.map_err(ExchangeError::BadRequest)?;
        let deferred = self.put(bytes);
        self.send();
        Ok(deferred)
    }

    /// The dialect is a consumer's code, so it is out of its cell while it runs. `None` when it runs already.
    fn with_dialect<R>(&self, f: impl FnOnce(&mut dyn Dialect<Q, A>) -> R) -> Option<R> {
        let mut dialect = self.dialect.take()?;
        let result = f(&mut *dialect);
        self.dialect.replace(Some(dialect));
        Some(result)
    }

    #[track_caller]
    fn put(self: &Rc<Self>, bytes: Vec<u8>) -> Deferred<A> {
        let (resolver, deferred) = Deferred::pending();
        let number = self.last_number.get() + 1;
        self.last_number.set(number);
        let core = Rc::downgrade(self);
        resolver.on_cancel(move || {
            if let Some(core) = core.upgrade() {
                core.give_up(number);
            }
        });
        self.waiting.borrow_mut().push_back(Waiting {
            number,
            unsent: Some(bytes),
            resolver: Some(resolver),
        });
        deferred
    }

    /// A request is not waited for any more.
    fn give_up(&self, number: u64) {
        let mut waiting = self.waiting.borrow_mut();
        let Ok(place) = waiting.binary_search_by_key(&number, |request| request.number) else {
            return;
        };
        let given_up = match waiting[place].unsent {
            Some(_) => waiting.remove(place).and_then(|request| request.resolver),
            None => waiting[place].resolver.take(),
        };
        drop(waiting);
        drop(given_up); // outside the borrow
        self.end_if_finished();
    }

    /// Sends as many as may be on their way, while the peer keeps up.
    fn send(&self) {
        while self.on_the_wire.get() < self.pipeline.get() && !self.transport.is_above_high_water()
        {
            let place = self.on_the_wire.get();
            let unsent = match self.waiting.borrow_mut().get_mut(place) {
                Some(request) => request.unsent.take(),
                None => return,
            };
            self.transport.write(&unsent.unwrap_or_default());
            self.on_the_wire.set(place + 1);
        }
    }

    /// Takes the next answer out of what was received. Returns whether there may be another one.
    fn take_answer(&self, received: &mut Received) -> Result<Option<A>, String> {
        let count = received.len();
        if self.on_the_wire.get() == 0 {
            return match count {
                0 => Ok(None),
                _ => Err("expected no answer without a request".to_owned()),
            };
        }
        if count < self.wanted.get() {
            return Ok(None);
        }
        let Some(found) = self.with_dialect(|dialect| dialect.answer(received.as_slice())) else {
            return Ok(None);
        };
        let max = self.max_answer.get();
        let too_long = || format!("expected answers of at most {max} bytes");
        match found? {
            Answer::Whole { end, .. } if end > max => Err(too_long()),
            Answer::Whole { answer, end } => {
                assert!(
                    (1..=count).contains(&end),
                    "an answer takes at least one byte, and lies within what was received"
                );
                received.consume(end);
                self.wanted.set(1);
                Ok(Some(answer))
            }
            Answer::Incomplete { .. } if count > max => Err(too_long()),
            Answer::Incomplete { wanted } => {
                self.wanted.set(wanted.max(count + 1));
                Ok(None)
            }
        }
    }

    /// The answer to the oldest request.
    fn answered(&self, answer: A) {
        let request = self.waiting.borrow_mut().pop_front();
        self.on_the_wire.set(self.on_the_wire.get() - 1);
        // Outside of all borrows: its callbacks may ask, give up, and drop the exchange.
        if let Some(resolver) = request.and_then(|request| request.resolver) {
            resolver.callback(answer);
        }
    }

    pub(super) fn finish(&self) {
        self.is_finishing.set(true);
        self.end_if_finished();
    }

    fn end_if_finished(&self) {
        if self.is_finishing.get() && self.waiting.borrow().is_empty() {
            self.transport.lose_connection();
        }
    }

    pub(super) fn fail_all(&self, reason: &Reason) {
        self.on_the_wire.set(0);
        let waiting = self.waiting.take();
        let resolvers = waiting.into_iter().filter_map(|request| request.resolver);
        resolvers.for_each(|resolver| resolver.errback(reason.clone()));
    }
}

impl<Q: 'static, A: 'static> Consume for InOrder<Q, A> {
    fn received(&self) {
        while self.transport.is_open() {
            let Some(connection) = self.connection.upgrade() else {
                return;
            };
            // Out of its cell, since the dialect is a consumer's code.
            let mut received = connection.received.take();
            let taken = self.take_answer(&mut received);
            connection.received.replace(received);
            match taken {
                Ok(Some(answer)) => self.answered(answer),
                Ok(None) => break,
                Err(mistake) => return self.transport.fail_connection(Reason::Violation(mistake)),
            }
        }
        self.send();
        self.end_if_finished();
    }

    fn writing_resumed(&self) {
        self.send();
    }

    fn shutdown_requested(&self) {
        self.finish();
    }

    fn lost(&self, reason: &Reason) {
        self.fail_all(reason);
    }
}
