//! The operating system, through mio.
//!
//! A socket is registered once, for both directions, and never touched again until it is closed,
//! which takes it out of the poll by itself.

mod adopting;
mod lookahead;
mod pipe;
mod registrations;
mod signals;
mod stdio;
mod tcp;
mod udp;
mod unix;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use mio::{Events, Interest, Poll, Token as MioToken, Waker};

use self::registrations::Registrations;
use self::signals::Signals;
use self::tcp::{MioListener, MioStream};
use self::udp::MioDatagrams;
use self::unix::{MioUnixListener, MioUnixStream};
use crate::address::Address;
use crate::adopted::{AdoptedListener, AdoptedStream};
use crate::driver::{
    Clock, ConnectOptions, DatagramSocket, Descriptors, Driver, EVENTS, ListenOptions, Listener,
    Readiness, Ready, Resolution, Signal, Stream, Wake, WallClock,
};
use crate::engine::table::Token;
use crate::time::{self, Instant};

/// No wait is longer, because the operating system counts milliseconds in 32 bits.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// Where Linux shows a process its limits.
const LIMITS_OF_PROCESS: &str = "/proc/self/limits";
/// The usual limit of file descriptors, where no file shows it.
const USUAL_DESCRIPTORS: usize = 1024;

// None of them is the key of a token: of 64 bits, none has the highest serial number; of 32, there is not
// memory for so many slots.
const WAKER: MioToken = MioToken(usize::MAX);
const SIGNALS: MioToken = MioToken(usize::MAX - 1);
const WATCHED: MioToken = MioToken(usize::MAX - 2);

pub(crate) struct MioDriver {
    poll: Poll,
    events: Events,
    registrations: Rc<Registrations>,
    waker: Arc<Waker>,
    /// Those that stop a program, while the loop runs.
    signals: Option<Signals>,
    /// Those that the program watches, from the first one on.
    watched: Option<Signals>,
    /// Whether the last wait reported a signal, so that looking for one costs no call otherwise.
    signalled: bool,
}

impl MioDriver {
    pub(crate) fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        Ok(Self {
            registrations: Rc::new(Registrations::new(poll.registry().try_clone()?)),
            waker: Arc::new(Waker::new(poll.registry(), WAKER)?),
            events: Events::with_capacity(EVENTS),
            signals: None,
            watched: None,
            signalled: false,
            poll,
        })
    }

    fn listen_for(&self, which: &[Signal], token: MioToken) -> io::Result<Signals> {
        let mut signals = Signals::take(which)?;
        let registry = self.registrations.registry();
        registry.register(signals.source(), token, Interest::READABLE)?;
        Ok(signals)
    }
}

/// `Max open files            1024                 524288               files`: the first of the two
/// numbers is the one that counts.
fn open_files(limits: &str) -> Option<usize> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    let limit = line.split_whitespace().next()?;
    match limit {
        "unlimited" => Some(usize::MAX),
        number => number.parse().ok(),
    }
}

impl Descriptors for MioDriver {
    #[cfg(unix)]
    fn watch(
        &mut self,
        descriptor: BorrowedFd<'_>,
        token: Token,
        before: Readiness,
        now: Readiness,
    ) -> io::Result<()> {
        self.registrations.watch(descriptor, token, before, now)
    }

    fn adopt(
        &mut self,
        stream: AdoptedStream,
        keepalive: Option<Duration>,
        token: Token,
    ) -> io::Result<(Box<dyn Stream>, Readiness)> {
        adopting::adopt(stream, keepalive, &self.registrations, token)
    }

    fn adopt_listener(
        &mut self,
        listener: AdoptedListener,
        keepalive: Option<Duration>,
        token: Token,
    ) -> io::Result<Box<dyn Listener>> {
        adopting::adopt_listener(listener, keepalive, Rc::clone(&self.registrations), token)
    }

    #[cfg(feature = "process")]
    fn spawn(&mut self, command: &mut std::process::Command) -> io::Result<std::process::Child> {
        command.spawn()
    }

    #[cfg(unix)]
    fn descriptor(&self) -> io::Result<OwnedFd> {
        self.registrations.registry().as_fd().try_clone_to_owned()
    }
}

impl Driver for MioDriver {
    fn now(&self) -> Instant {
        time::now()
    }

    fn clock(&self) -> Clock {
        Box::new(time::now)
    }

    fn wall_clock(&self) -> WallClock {
        Rc::new(time::system_time)
    }

    fn wait(
        &mut self,
        timeout: Option<Duration>,
        _others_may_wake: bool,
        ready: &mut Vec<Ready>,
    ) -> io::Result<()> {
        // mio rounds up to the operating system's milliseconds, so no wait is too short.
        match self
            .poll
            .poll(&mut self.events, timeout.map(|t| t.min(LONGEST_WAIT)))
        {
            // A wait may return early, and the loop computes its timeout anew each time.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            result => result?,
        }
        for event in &self.events {
            match event.token() {
                // It has done its work by ending the wait: each turn looks at what other threads sent.
                WAKER => {}
                SIGNALS | WATCHED => self.signalled = true,
                key => {
                    let Some(token) = self.registrations.token(key) else {
                        continue;
                    };
                    // The error itself comes from the read, so whatever ends a direction makes it
                    // readable.
                    let broken = event.is_error() || event.is_write_closed();
                    let read_closed = broken || event.is_read_closed();
                    let readable = read_closed || event.is_readable();
                    ready.push(Ready {
                        token,
                        what: Readiness::READABLE.when(readable)
                            | Readiness::WRITABLE.when(event.is_writable())
                            | Readiness::READ_CLOSED.when(read_closed)
                            | Readiness::BROKEN.when(broken),
                    });
                }
            }
        }
        Ok(())
    }

    fn listen(
        &mut self,
        address: &Address,
        options: &ListenOptions,
        token: Token,
    ) -> io::Result<Box<dyn Listener>> {
        let registrations = Rc::clone(&self.registrations);
        match address {
            Address::Tcp(address) => Ok(Box::new(MioListener::bind(
                *address,
                options,
                registrations,
                token,
            )?)),
            Address::Unix(address) => Ok(Box::new(MioUnixListener::bind(
                address,
                options,
                registrations,
                token,
            )?)),
            Address::Stdio | Address::Pipe | Address::Process(_) => Err(not_a_place()),
        }
    }

    fn connect(
        &mut self,
        address: &Address,
        options: &ConnectOptions,
        token: Token,
    ) -> io::Result<Box<dyn Stream>> {
        match address {
            Address::Tcp(address) => Ok(Box::new(MioStream::connect(
                *address,
                options,
                &self.registrations,
                token,
            )?)),
            Address::Unix(address) => Ok(Box::new(MioUnixStream::connect(
                address,
                &self.registrations,
                token,
            )?)),
            Address::Stdio | Address::Pipe | Address::Process(_) => Err(not_a_place()),
        }
    }

    fn stdio(&mut self, token: Token) -> io::Result<(Box<dyn Stream>, Readiness)> {
        let (stream, early) = stdio::stdio(&self.registrations, token)?;
        Ok((Box::new(stream), early))
    }

    fn bind_datagrams(
        &mut self,
        address: SocketAddr,
        is_shared: bool,
        token: Token,
    ) -> io::Result<Box<dyn DatagramSocket>> {
        let socket = MioDatagrams::bind(address, is_shared, &self.registrations, token)?;
        Ok(Box::new(socket))
    }

    fn descriptor_limit(&self) -> usize {
        // To ask `getrlimit` takes `unsafe`.
        std::fs::read_to_string(LIMITS_OF_PROCESS)
            .ok()
            .and_then(|limits| open_files(&limits))
            .unwrap_or(USUAL_DESCRIPTORS)
    }

    fn resolve(&mut self, host: &str, port: u16) -> Resolution {
        // Not std's on this thread: the system's resolver blocks for as long as no name server answers.
        let host = host.to_owned();
        Resolution::Ask(Box::new(move || {
            Ok((host.as_str(), port).to_socket_addrs()?.collect())
        }))
    }

    fn random(&mut self) -> u64 {
        // Its keys are the system's random numbers, once a thread, and others each time: good enough to spread
        // clients, and no crate.
        RandomState::new().build_hasher().finish()
    }

    fn waker(&self) -> Arc<dyn Wake> {
        Arc::clone(&self.waker) as Arc<dyn Wake>
    }

    fn take_signals(&mut self, take: bool) -> io::Result<()> {
        self.signals = None;
        if take {
            self.signals = Some(self.listen_for(&Signal::THAT_STOP, SIGNALS)?);
        }
        Ok(())
    }

    fn watch_signal(&mut self, signal: Signal, watch: bool) -> io::Result<()> {
        if self.watched.is_none() && watch {
            self.watched = Some(self.listen_for(&[], WATCHED)?);
        }
        match &mut self.watched {
            Some(watched) if watch => watched.add(signal),
            Some(watched) => {
                watched.remove(signal);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn signals(&mut self) -> Vec<Signal> {
        if !std::mem::take(&mut self.signalled) {
            return Vec::new();
        }
        let sources = [&mut self.signals, &mut self.watched];
        let sources = sources.into_iter().flatten();
        sources.flat_map(Signals::pending).collect()
    }
}

/// Nothing that could listen, or be connected to, has such an address.
fn not_a_place() -> io::Error {
    io::ErrorKind::Unsupported.into()
}

impl Wake for Waker {
    fn wake(&self) {
        if let Err(error) = Self::wake(self) {
            log::error!("the loop cannot be woken: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::open_files;

    #[test]
    fn the_soft_limit_of_open_files_is_found() {
        let limits = |files| {
            format!(
                "Limit          Soft Limit  Hard Limit  Units\n\
                 Max processes  62837       62837       processes\n\
                 Max open files {files}     524288      files\n"
            )
        };
        assert_eq!(open_files(&limits("1024")), Some(1024));
        assert_eq!(open_files(&limits("unlimited")), Some(usize::MAX));
        assert_eq!(open_files("nothing of the kind"), None);
    }
}
