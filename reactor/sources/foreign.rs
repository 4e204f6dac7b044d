//! Descriptors of the program's own: an inotify watch, a serial port, a pipe, the poll of another loop.
//!
//! ```text
//!   add_source ──▶ the driver watches ──event──▶ callback
//!                          ▲                        │
//!                          └──── watched anew ◀─────┘   what is still ready is an event again
//! ```
//!
//! The driver reports edges, and a consumer of foreign descriptors expects levels, as everywhere where
//! there are such callbacks: it may read a part and be called again. The kernel makes the one into the
//! other, since it looks at a descriptor when it is asked to watch it. So each callback costs a system
//! call, which no connection pays: of the loop's own sockets it knows itself what was left.
//!
//! The descriptor is lent to the callback, and otherwise in a cell that the handle shares.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::panic::Location;
use std::rc::{Rc, Weak};

use crate::contained::{Contained, Panicked, contain};
use crate::driver::Readiness;
use crate::engine::budget::CALL;
use crate::engine::table::Token;
use crate::engine::{Engine, ReadBuffer, Source, Stop};
use crate::observe::{Callback, Cause};
use crate::reason::Reason;

/// What a descriptor is watched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interest {
    /// Nothing, until [`ForeignSource::set_interest`] says otherwise. Not even its end is noticed.
    Nothing,
    /// Whether it can be read.
    Readable,
    /// Whether it can be written.
    Writable,
    /// Either.
    Both,
}

impl Interest {
    fn readiness(self) -> Readiness {
        match self {
            Self::Nothing => Readiness::NONE,
            Self::Readable => Readiness::READABLE,
            Self::Writable => Readiness::WRITABLE,
            Self::Both => Readiness::READABLE | Readiness::WRITABLE,
        }
    }
}

/// What the callback of a [`ForeignSource`] is called for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SourceEvent {
    /// There may be something to read: bytes, their end, or an error.
    Readable,
    /// There may be room to write, or an error that a write returns.
    Writable,
    /// The descriptor is no longer watched, and is dropped when the callback returns: the loop stops
    /// ([`Reason::Shutdown`]), or the operating system does not watch it any more.
    Lost(Reason),
}

/// A descriptor that the loop watches: see [`Reactor::add_source`](crate::Reactor::add_source).
///
/// The loop owns the descriptor, so that it is not closed while it is watched, and lends it to the
/// callback. What others need as well, the program puts into an [`Rc`], which can be watched too.
/// Dropping this handle does not end the watching.
///
/// ```
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
///
/// use reactor::Reactor;
/// use reactor::embedding::{Interest, SourceEvent};
///
/// let reactor = Reactor::new()?;
/// let (mut ours, theirs) = UnixStream::pair()?;
/// theirs.set_nonblocking(true)?;
/// reactor.add_source(theirs, Interest::Readable, |source, stream, event| {
///     let SourceEvent::Readable = event else { return };
///     let mut bytes = [0; 2];
///     match stream.read(&mut bytes) {
///         Ok(0) => drop(source.remove()), // the end
///         Ok(count) => println!("{:?}", &bytes[..count]), // called again for the rest
///         Err(_) => {}                    // nothing there after all
///     }
/// })?;
/// ours.write_all(b"hello")?;
/// drop(ours);
/// reactor.run()?; // until nothing is watched
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # When the callback is called
///
/// Once in each turn for each direction that is watched and ready, for as long as it is ready: it need
/// not read or write all that it could. It must not block, so the descriptor should be non-blocking; it
/// is called without a cause now and then. A descriptor nearly always has room to write, so a program is
/// interested in that only while something waits to be written.
///
/// The end and an error of the descriptor count as both directions, for as long as they last: whoever
/// sees the end removes the source, or loses interest, or is called in every turn.
///
/// A callback counts towards what one turn does, as every call. One that panics is logged and the source
/// removed. The descriptor must stay the same one: a callback that puts another in its place loses the
/// source.
///
/// # When it ends
///
/// With [`remove`](Self::remove), or with [`SourceEvent::Lost`]. A stop of the loop ends it when
/// connections begin to drain, after the triggers "before", and waits for nothing: what still has to be
/// written belongs in such a trigger. Until then it keeps [`run`](crate::Reactor::run) from returning,
/// whatever its interest is. When the loop itself is dropped, so are descriptor and callback, without a
/// call.
pub struct ForeignSource<F>(Rc<Shared<F>>);

/// What the loop and the handles share.
struct Shared<F> {
    engine: Weak<Engine>,
    token: Token,
    /// `None` while the callback has it, and when it is no longer watched.
    descriptor: Cell<Option<Contained<F>>>,
    interest: Cell<Interest>,
    /// What the driver was asked for last.
    watched: Cell<Interest>,
    /// What the driver said to a handle's interest, until it is the source's turn.
    failed: Cell<Option<io::Error>>,
}

impl<F: AsFd> Shared<F> {
    /// Asks the driver for what is wanted now, although it may be what it was asked for before: it
    /// looks anew then. Leaves it to the callback's return while that has the descriptor.
    fn watch(&self, engine: &Engine) -> io::Result<()> {
        let Some(descriptor) = self.descriptor.take() else {
            return Ok(());
        };
        let wanted = self.interest.get();
        let before = self.watched.replace(wanted);
        // `as_fd` is a consumer's code, and is asked each time: a number that is kept could be
        // another's by now.
        let watched = contain(|| {
            let descriptor = descriptor.as_fd();
            let (before, now) = (before.readiness(), wanted.readiness());
            engine.driver().watch(descriptor, self.token, before, now)
        });
        self.descriptor.set(Some(descriptor));
        watched.unwrap_or_else(|Panicked(said)| Err(io::Error::other(said)))
    }

    /// Ends the watching, for a source that is gone.
    fn unwatch(&self, engine: &Engine) {
        self.interest.set(Interest::Nothing);
        // What fails was not watched any more: nothing is left that an error could end.
        let _ = self.watch(engine);
    }
}

/// What a program has its events done by.
type OnEvent<F> = Box<dyn FnMut(&ForeignSource<F>, &mut F, SourceEvent)>;

/// A descriptor in the loop's hands.
struct Watched<F> {
    source: ForeignSource<F>,
    callback: Contained<OnEvent<F>>,
    name: &'static str,
    place: &'static Location<'static>,
    /// What events have said and no callback has been called for.
    noted: Readiness,
    in_line: bool,
}

/// Watches a descriptor.
pub(crate) fn add<F, C>(
    engine: &Rc<Engine>,
    descriptor: F,
    interest: Interest,
    callback: C,
    place: &'static Location<'static>,
) -> Result<ForeignSource<F>, CannotWatch<F>>
where
    F: AsFd + 'static,
    C: FnMut(&ForeignSource<F>, &mut F, SourceEvent) + 'static,
{
    let source = ForeignSource(Rc::new(Shared {
        engine: Rc::downgrade(engine),
        token: engine.reserve(),
        descriptor: Cell::new(Some(Contained::new(descriptor))),
        interest: Cell::new(interest),
        watched: Cell::new(Interest::Nothing),
        failed: Cell::new(None),
    }));
    let token = source.0.token;
    if let Err(error) = source.0.watch(engine) {
        engine.remove(token);
        let descriptor = source.0.descriptor.take().map(Contained::into_inner);
        let descriptor = descriptor.expect("the driver gives back what it looks at");
        return Err(CannotWatch { descriptor, error });
    }
    let watched = Watched {
        source: source.clone(),
        callback: Contained::new(Box::new(callback)),
        name: std::any::type_name::<C>(),
        place,
        noted: Readiness::NONE,
        in_line: false,
    };
    engine.insert(token, Box::new(watched));
    Ok(source)
}

impl<F: AsFd + 'static> Watched<F> {
    /// Calls the callback for what is ready and still of interest, and has the driver look again.
    fn serve(&mut self, engine: &Engine) {
        let noted = std::mem::take(&mut self.noted);
        if let Some(error) = self.source.0.failed.take() {
            return self.lose(engine, Reason::Error(Rc::new(error)));
        }
        let directions = [
            (Readiness::READABLE, SourceEvent::Readable),
            (Readiness::WRITABLE, SourceEvent::Writable),
        ];
        for (direction, event) in directions {
            // A full pipe whose reader is gone is broken and never writable.
            let is_ready = noted.has(direction | Readiness::BROKEN);
            // Asked before each: the first callback may have changed or removed it. Who was not
            // interested when the event came has been watched anew since, and misses nothing.
            let is_wanted = self.source.interest().readiness().has(direction);
            if is_ready && is_wanted {
                engine.loop_side().budget.begin_share_with(CALL);
                self.call(engine, event);
            }
        }
        if let Err(error) = self.source.0.watch(engine) {
            self.lose(engine, Reason::Error(Rc::new(error)));
        }
    }

    /// Calls the callback, which has the descriptor meanwhile. A panic removes the source.
    fn call(&mut self, engine: &Engine, event: SourceEvent) {
        let shared = &self.source.0;
        let Some(mut descriptor) = shared.descriptor.take() else {
            return;
        };
        let (source, name, place) = (&self.source, self.name, self.place);
        let callback = || Callback {
            cause: Cause::SourceEvent,
            connection: None,
            name,
            place: Some(place),
        };
        let on_event = &mut *self.callback;
        let result = engine
            .dispatch()
            .call(callback, || on_event(source, &mut descriptor, event));
        shared.descriptor.set(Some(descriptor));
        if result.is_err() {
            engine.remove(shared.token);
        }
        // One that is gone, by a panic or by its own `remove`, may be watched by another name from
        // now on, also in this turn.
        if !engine.contains(shared.token) {
            shared.unwatch(engine);
        }
    }

    /// Ends it first, so that the callback finds what it is told.
    fn lose(&mut self, engine: &Engine, reason: Reason) {
        self.source.0.unwatch(engine);
        engine.remove(self.source.0.token);
        self.call(engine, SourceEvent::Lost(reason));
    }
}

impl<F: AsFd + 'static> Source for Watched<F> {
    fn note(&mut self, what: Readiness) -> bool {
        self.noted.add(what);
        !std::mem::replace(&mut self.in_line, true)
    }

    fn ready(&mut self, what: Readiness, engine: &Engine, _: &mut ReadBuffer) {
        self.noted.add(what);
        if !self.in_line {
            self.serve(engine);
        }
    }

    fn turn(&mut self, engine: &Engine, _: &mut ReadBuffer) {
        self.in_line = false;
        self.serve(engine);
    }

    /// It has no timer.
    fn due(&mut self, _: &Engine) {}

    fn stop(&mut self, how: Stop, engine: &Engine) {
        match how {
            Stop::Asked => self.lose(engine, Reason::Shutdown),
            Stop::Aborted(reason) => self.lose(engine, reason),
            Stop::Gone => {}
        }
    }

    /// One that is added again each time that it is lost must not keep the loop for ever.
    fn holds_up(&self, _: &Stop) -> bool {
        false
    }
}

/// A handle that is kept must not keep the descriptor open.
impl<F> Drop for Watched<F> {
    fn drop(&mut self) {
        drop(self.source.0.descriptor.take());
    }
}

impl<F> ForeignSource<F> {
    /// What it is watched for.
    #[must_use]
    pub fn interest(&self) -> Interest {
        self.0.interest.get()
    }

    /// Whether it was neither removed nor lost.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        let engine = self.0.engine.upgrade();
        engine.is_some_and(|engine| engine.contains(self.0.token))
    }
}

impl<F: AsFd + 'static> ForeignSource<F> {
    /// Changes what it is watched for, also from inside a callback. What is ready already is reported.
    /// Does nothing when it is no longer watched; when the operating system refuses, it is
    /// [lost](SourceEvent::Lost) in the next turn.
    pub fn set_interest(&self, interest: Interest) {
        let Some(engine) = self.0.engine.upgrade() else {
            return;
        };
        if !engine.contains(self.0.token) {
            return; // what is gone has no interest
        }
        self.0.interest.set(interest);
        if interest == self.0.watched.get() {
            return; // costs no system call
        }
        if let Err(error) = self.0.watch(&engine) {
            self.0.failed.set(Some(error));
            engine.wake(self.0.token);
        }
    }

    /// Ends the watching at once, and gives the descriptor back. The callback is not called any more,
    /// and is dropped.
    ///
    /// Returns `None` inside its own callback, to which the descriptor is lent: it is dropped when that
    /// returns. Returns `None` as well when it was removed or lost before, or the loop is gone.
    pub fn remove(&self) -> Option<F> {
        let engine = self.0.engine.upgrade()?;
        self.0.unwatch(&engine);
        // Taken before its source is dropped, which takes it along otherwise.
        let descriptor = self.0.descriptor.take();
        engine.remove(self.0.token);
        descriptor.map(Contained::into_inner)
    }
}

// By hand: what is watched need neither be `Clone` nor `Debug`.
impl<F> Clone for ForeignSource<F> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<F> fmt::Debug for ForeignSource<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForeignSource")
            .field("interest", &self.interest())
            .field("is_watched", &self.is_watched())
            .finish()
    }
}

/// Why a descriptor cannot be watched. The descriptor is in it.
pub struct CannotWatch<F> {
    descriptor: F,
    error: io::Error,
}

impl<F> CannotWatch<F> {
    /// The descriptor.
    pub fn into_inner(self) -> F {
        self.descriptor
    }

    /// The operating system's error.
    #[must_use]
    pub fn io_error(&self) -> &io::Error {
        &self.error
    }
}

impl<F: AsFd> fmt::Display for CannotWatch<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.descriptor.as_fd().as_raw_fd();
        write!(f, "cannot watch descriptor {number}: {}", self.error)?;
        match self.error.kind() {
            io::ErrorKind::PermissionDenied => f.write_str(
                "; files and folders are always ready, and are read with defer_to_thread",
            ),
            io::ErrorKind::AlreadyExists => f.write_str(
                "; the loop watches it already: change the interest of that source, or clone the descriptor",
            ),
            _ => Ok(()),
        }
    }
}

/// As `main` shows what it returns.
impl<F: AsFd> fmt::Debug for CannotWatch<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<F: AsFd> std::error::Error for CannotWatch<F> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}
