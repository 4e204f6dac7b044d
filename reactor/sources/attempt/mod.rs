//! Clients: an attempt to connect, over all addresses of a host.
//!
//! ```text
//! connect_tcp -> find addresses (on another thread) -> try the first
//! connect_unix -> one address                       -> try it
//!                                 after 250 ms, or when one fails: the next, beside the others
//!                                                        └─ connection_made, connection_failed
//! ```
//!
//! The first address that is connected wins, and the others are given up: "Happy Eyeballs", RFC
//! 8305. So an address that swallows packets costs a quarter of a second, and no more.

mod addresses;
mod connector;
mod ending;
mod trial;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use self::addresses::interleaved;
use self::connector::Owned;
use self::trial::{Trial, not_connected};
use super::factories::{SharedFactory, shared};
use crate::address::Address;
use crate::driver::{Driver, Readiness, Resolution, Stream};
use crate::engine::table::Token;
use crate::engine::threads::Lookup;
use crate::engine::timers::TimerId;
use crate::engine::{Engine, ReadBuffer, Source, Stop};
use crate::factory::Factory;
use crate::limits::Limits;
use crate::reason::Reason;
use crate::time::Instant;
use crate::transport::Directions;

pub use self::connector::Connector;

/// How long an address is tried before the next one is tried beside it: RFC 8305, section 5.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// After which time a server is tried again whose queue of clients is full: it takes them in turns of its
/// loop, and a client hardly notices the delay.
const FULL_QUEUE: Duration = Duration::from_millis(10);

/// How many addresses are tried at the same time. When there are more, the oldest one makes room.
const AT_THE_SAME_TIME: usize = 8;

type Addresses = io::Result<Vec<SocketAddr>>;

/// A stream, what is true of it already, and how it ends.
pub(crate) type Opened = (Box<dyn Stream>, Readiness, Directions);

type Open = Box<dyn FnOnce(&mut dyn Driver, Token) -> io::Result<Opened>>;

/// An attempt in the loop's hands. The addresses that are tried share it.
struct Attempt {
    token: Token,
    /// What is connected to, for people.
    host: String,
    factory: Cell<Option<SharedFactory>>,
    limits: Rc<Limits>,
    bind_address: Option<IpAddr>,
    /// When everything has taken too long.
    deadline: Instant,
    /// Whether a stop does not wait for it: see [`Engine::note_if_persistent`].
    is_persistent: bool,
    progress: Owned,
    /// What was found for the host, on another thread perhaps, until it is this attempt's turn.
    found: Arc<Mutex<Option<Addresses>>>,
    search: RefCell<Search>,
}

/// How far an attempt has come in its list of addresses.
struct Search {
    /// When the next address is due, or everything has taken too long.
    timer: Option<TimerId>,
    /// The question for addresses, for as long as the answer is wanted.
    lookup: Option<Lookup>,
    /// Addresses that were not tried yet.
    addresses: VecDeque<Address>,
    /// What is opened instead of addresses.
    opens: Option<Open>,
    /// Those that are being tried, the oldest first.
    trials: Vec<Token>,
    /// Why the address before failed.
    last_error: Reason,
}

/// Begins to connect to a host. Nothing is called before this has returned.
pub(crate) fn connect(
    engine: &Rc<Engine>,
    host: &str,
    port: u16,
    bind_address: Option<IpAddr>,
    factory: impl Factory,
) -> Connector {
    let name = format!("{host}:{port}");
    begin(engine, name, bind_address, factory, |attempt| {
        attempt.find_addresses(engine, host, port);
    })
}

/// Begins to connect to an address that is known.
pub(crate) fn connect_to(
    engine: &Rc<Engine>,
    address: Address,
    factory: impl Factory,
) -> Connector {
    begin(engine, address.to_string(), None, factory, |attempt| {
        attempt.search.borrow_mut().addresses.push_back(address);
        engine.wake(attempt.token);
    })
}

/// Begins with a stream that needs no address: the standard input and output, pipes to a child.
pub(crate) fn connect_opened(
    engine: &Rc<Engine>,
    name: String,
    factory: impl Factory,
    open: impl FnOnce(&mut dyn Driver, Token) -> io::Result<Opened> + 'static,
) -> Connector {
    begin(engine, name, None, factory, |attempt| {
        attempt.search.borrow_mut().opens = Some(Box::new(open));
        engine.wake(attempt.token);
    })
}

fn begin(
    engine: &Rc<Engine>,
    name: String,
    bind_address: Option<IpAddr>,
    factory: impl Factory,
    find: impl FnOnce(&Attempt),
) -> Connector {
    let limits = factory.limits().in_order();
    if let Some(mistake) = limits.mistake_to_connect() {
        let error = io::Error::new(io::ErrorKind::InvalidInput, mistake);
        return connect_failing(engine, name, factory, error);
    }
    let (attempt, connector) = Attempt::begin(engine, name, bind_address, factory, limits);
    find(&attempt);
    connector
}

/// An attempt that is known to fail. It does so as others do, not before this has returned.
pub(crate) fn connect_failing(
    engine: &Rc<Engine>,
    name: String,
    factory: impl Factory,
    error: io::Error,
) -> Connector {
    let (attempt, connector) = Attempt::begin(engine, name, None, factory, Limits::default());
    attempt.found_soon(engine, Err(error));
    connector
}

/// From a host to its addresses.
impl Attempt {
    fn begin(
        engine: &Rc<Engine>,
        host: String,
        bind_address: Option<IpAddr>,
        factory: impl Factory,
        limits: Limits,
    ) -> (Rc<Self>, Connector) {
        let token = engine.reserve();
        let now = engine.now();
        let deadline = now
            .checked_add(limits.connect)
            .unwrap_or(now + Duration::from_secs(1 << 30)); // 34 years: an `Instant` has no largest value
        let mut timer = None;
        engine.arm(&mut timer, token, engine.nanos(deadline));
        let search = Search {
            timer,
            lookup: None,
            addresses: VecDeque::new(),
            opens: None,
            trials: Vec::new(),
            last_error: Reason::ConnectTimeout,
        };
        let attempt = Rc::new(Self {
            token,
            host,
            factory: Cell::new(Some(shared(factory))),
            limits: Rc::new(limits),
            bind_address,
            deadline,
            is_persistent: engine.note_if_persistent(),
            progress: Owned::new(),
            found: Arc::default(),
            search: RefCell::new(search),
        });
        let connector = attempt.progress.connector(Rc::downgrade(engine), token);
        engine.insert(token, Box::new(Rc::clone(&attempt)));
        (attempt, connector)
    }

    fn find_addresses(&self, engine: &Engine, host: &str, port: u16) {
        // An address needs no look-up and could be tried at once. It goes the way of the others, so that
        // a failure is not reported from inside `connect_tcp`.
        if let Ok(address) = host.parse::<IpAddr>() {
            return self.found_soon(engine, Ok(vec![SocketAddr::new(address, port)]));
        }
        let resolution = engine.driver().resolve(host, port);
        let ask = match resolution {
            Resolution::Known(result) => return self.found_soon(engine, result),
            Resolution::Ask(ask) => ask,
        };
        let to_fill = Arc::clone(&self.found);
        let ask = move || put_found(&to_fill, ask());
        let names = &engine.pools().names;
        match engine.thread_queue().look_up(names, ask, self.token) {
            Ok(lookup) => self.search.borrow_mut().lookup = Some(lookup),
            Err(error) => self.found_soon(engine, Err(io::Error::other(error))),
        }
    }

    /// Goes on with this result when it is the attempt's turn, in the next turn of the loop.
    fn found_soon(&self, engine: &Engine, result: Addresses) {
        put_found(&self.found, result);
        engine.wake(self.token);
    }

    fn addresses_found(self: &Rc<Self>, engine: &Engine, result: Addresses) {
        match result {
            Ok(addresses) if addresses.is_empty() => self.note_error(Reason::from(io::Error::new(
                io::ErrorKind::NotFound,
                format!("{} has no address", self.host),
            ))),
            Ok(addresses) => self.search.borrow_mut().addresses = interleaved(addresses),
            Err(error) => self.note_error(Reason::from(error)),
        }
        self.try_next_address(engine);
    }
}

/// From one address to the next.
impl Attempt {
    /// Begins with the next address, or ends the attempt when there is nothing left to wait for.
    fn try_next_address(self: &Rc<Self>, engine: &Engine) {
        loop {
            let Some(address) = self.search.borrow_mut().addresses.pop_front() else {
                break;
            };
            match Trial::begin(self, engine, &address) {
                Ok(token) => {
                    self.search.borrow_mut().trials.push(token);
                    break;
                }
                // The queue of a UNIX socket is full, and no event tells when it is not.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.note_error(not_connected(error));
                    return self.try_again(engine, address);
                }
                Err(error) => self.note_error(not_connected(error)),
            }
        }
        if self.search.borrow().trials.is_empty() {
            return self.failed(engine);
        }
        self.arm(engine);
    }

    /// An address that needed no look-up.
    fn try_what_was_known(self: &Rc<Self>, engine: &Engine) {
        let opens = self.search.borrow_mut().opens.take();
        if let Some(open) = opens {
            match Trial::open(self, engine, open) {
                Ok(token) => self.search.borrow_mut().trials.push(token),
                Err(error) => {
                    self.note_error(not_connected(error));
                    self.failed(engine);
                }
            }
            return;
        }
        let is_new = {
            let search = self.search.borrow();
            search.trials.is_empty() && !search.addresses.is_empty()
        };
        if is_new {
            self.try_next_address(engine);
        }
    }

    fn try_again(&self, engine: &Engine, address: Address) {
        let mut search = self.search.borrow_mut();
        search.addresses.push_front(address);
        let again = self.deadline.min(engine.now() + FULL_QUEUE);
        engine.arm(&mut search.timer, self.token, engine.nanos(again));
    }

    /// Waits for those that are being tried, until the next address is due. All addresses are to
    /// have their turn, so none waits longer than for its equal share of the time that is left.
    fn arm(&self, engine: &Engine) {
        let mut search = self.search.borrow_mut();
        let now = engine.now();
        let left = self.deadline.saturating_duration_since(now);
        let share = left / (search.addresses.len() as u32 + 1);
        let is_crowded = search.trials.len() >= AT_THE_SAME_TIME;
        let wait = match search.addresses.is_empty() || is_crowded {
            true => share,
            false => share.min(ATTEMPT_DELAY),
        };
        engine.arm(&mut search.timer, self.token, engine.nanos(now + wait));
    }

    fn note_error(&self, reason: Reason) {
        self.search.borrow_mut().last_error = reason;
    }

    /// One address has failed.
    fn trial_failed(self: &Rc<Self>, engine: &Engine, trial: Token, reason: Reason) {
        self.note_error(reason);
        self.end_trial(engine, trial);
        self.try_next_address(engine);
    }

    /// Closes the socket of one address.
    fn end_trial(&self, engine: &Engine, token: Token) {
        self.search.borrow_mut().trials.retain(|t| *t != token);
        engine.remove(token);
    }

    fn end_trials(&self, engine: &Engine) {
        let trials = std::mem::take(&mut self.search.borrow_mut().trials);
        trials.into_iter().for_each(|token| engine.remove(token));
    }
}

/// The attempt itself, beside the addresses that it tries, which are sources of their own.
impl Source for Rc<Attempt> {
    /// It has no socket: only [`Engine::wake`] asks.
    fn note(&mut self, _: Readiness) -> bool {
        true
    }

    fn ready(&mut self, _: Readiness, _: &Engine, _: &mut ReadBuffer) {}

    /// It was given up, or its addresses were found.
    fn turn(&mut self, engine: &Engine, _: &mut ReadBuffer) {
        if self.progress.is_given_up() {
            return self.fail(engine, Reason::Cancelled);
        }
        let found = lock(&self.found).take();
        match found {
            Some(result) => self.addresses_found(engine, result),
            None => self.try_what_was_known(engine),
        }
    }

    /// It is the next address's turn, or everything has taken too long.
    fn due(&mut self, engine: &Engine) {
        self.search.borrow_mut().timer = None;
        if self.progress.is_given_up() {
            return; // it ends when it is its turn
        }
        if engine.turn_time() >= self.deadline {
            return self.fail(engine, Reason::ConnectTimeout);
        }
        let mut trials = self.search.borrow().trials.clone().into_iter();
        // The oldest has had the most time, and makes room: a host with many dead addresses must not
        // cost as many descriptors.
        if trials.len() >= AT_THE_SAME_TIME
            && let Some(oldest) = trials.next()
        {
            self.note_error(Reason::ConnectTimeout);
            self.end_trial(engine, oldest);
        }
        self.try_next_address(engine);
    }

    fn stop(&mut self, how: Stop, engine: &Engine) {
        match how {
            Stop::Asked => engine.fail_attempt(|| self.fail(engine, Reason::Shutdown)),
            Stop::Aborted(reason) => self.fail(engine, reason),
            Stop::Gone => {}
        }
    }

    fn holds_up(&self, how: &Stop) -> bool {
        holds_up(self, how)
    }
}

/// Whether a stop waits for an attempt and its addresses. Attempts that are begun again and again hold
/// up no stop, and nothing holds up an abort.
fn holds_up(attempt: &Attempt, how: &Stop) -> bool {
    matches!(how, Stop::Asked) && !attempt.is_persistent
}

fn put_found(found: &Mutex<Option<Addresses>>, result: Addresses) {
    *lock(found) = Some(result);
}

/// Nothing that panics runs under this lock.
fn lock(found: &Mutex<Option<Addresses>>) -> std::sync::MutexGuard<'_, Option<Addresses>> {
    found.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the attempt to connect to {}", self.host)
    }
}
