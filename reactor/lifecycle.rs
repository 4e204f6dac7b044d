//! The start and the stop of a loop, as a program takes part in them.
//!
//! A program takes part by a trigger, a function that
//! [`Reactor::add_system_event_trigger`](crate::Reactor::add_system_event_trigger) is given together
//! with a [`Phase`] and a [`SystemEvent`]:
//!
//! ```text
//!  run() ─▶ Startup: Before, During, After ─▶ the loop runs ─▶ stop(), a signal, nothing left to wait for
//!                                                                       │
//!           ┌───────────────────────────────────────────────────────────┘
//!           ▼
//!    Shutdown, Before       ports are open, connections do not know yet; waits for the lame-duck time, too
//!    (ports are closed, protocols are called with shutdown_requested)
//!    Shutdown, During       waits for connections, and for work on threads
//!    Shutdown, After        all connections are lost
//!           │
//!           └─▶ run() returns
//! ```
//!
//! Triggers of the startup are called when [`run`](crate::Reactor::run) or
//! [`run_until`](crate::Reactor::run_until) begins; a Deferred of theirs is not waited for. Those of a shutdown
//! are called in every stop, whether [`stop`](crate::Reactor::stop), a signal or the end of `run` for want of
//! anything to wait for has begun it, and also when its grace is over. They may return a Deferred, which
//! the next step waits for, within the grace of the stop, and not longer.
//!
//! # Stopping
//!
//! Delayed calls and tasks go on during a stop, which does not wait for them. A port that is opened while
//! connections drain is closed at the end of the turn, and an attempt to connect that is begun
//! then fails with [`Reason::Shutdown`](crate::Reason::Shutdown): a program that
//! has to say goodbye to other servers does it in a trigger "before".
//!
//! [`run_until`](crate::Reactor::run_until) does not stop the loop: connections, ports, timers and tasks are
//! still there when it returns. A program that is done ends in the orderly way by a stop, which sends what
//! was written last and closes what is open:
//!
//! ```
//! # use std::time::Duration;
//! # use reactor::testing::Simulation;
//! # let simulation = Simulation::new();
//! # let reactor = simulation.reactor();
//! let first = reactor.run_until(reactor.defer_later(Duration::ZERO).map(|()| 1))?;
//! let second = reactor.run_until(reactor.defer_later(Duration::ZERO).map(|()| 2))?;
//! assert_eq!(first + second, 3);
//! reactor.stop();
//! reactor.run()?; // carries the stop out
//! # Ok::<(), reactor::Failure>(())
//! ```
//!
//! A loop that does not run is stopped by what makes its next turns. A stop before
//! [`run`](crate::Reactor::run) is remembered: `run` calls the triggers of the startup, carries the stop out, and
//! returns. In a program that calls [`turn`](crate::Reactor::turn), the stop goes on in the turns that follow,
//! and is complete when [`is_stopping`](crate::Reactor::is_stopping) returns `false` again:
//!
//! ```
//! # use reactor::testing::Simulation;
//! # let simulation = Simulation::new();
//! # let reactor = simulation.reactor();
//! reactor.stop(); // perhaps in a callback
//! while reactor.is_stopping() {
//!     reactor.turn(None)?;
//! }
//! # Ok::<(), reactor::RunError>(())
//! ```
//!
//! # How long it takes
//!
//! [`Reactor::set_stop_limits`](crate::Reactor::set_stop_limits) sets the two times of a stop by
//! [`stop`](crate::Reactor::stop) or by a signal:
//!
//! ```text
//!   stop ─────── lame duck ───────▶ ports are closed ────────── grace ──────────▶ what is left is aborted
//!        new clients are served,                      what was asked is answered
//!        and each HTTP answer is the last
//! ```
//!
//! The lame-duck time is for servers behind a load balancer, which goes on sending requests until it has noticed
//! that the server stops. Until then ports accept, and connections are as usual, except that
//! [`is_stopping`](crate::Reactor::is_stopping) is true, so that a health check can be answered with 503, and that
//! each HTTP answer says `Connection: close`. It is over early when no connection and no port is left.
//! When the grace is over, one warning in the log names up to eight connections that are cut off, each with what it
//! waited for, and counts the others.
//!
//! A callback that sees that more time is needed may call [`shutdown`](crate::Reactor::shutdown) with another
//! grace. A second SIGTERM ends all of it at once.
//!
//! # Signals
//!
//! SIGINT and SIGTERM stop the loop while it runs, unless
//! [`handle_signals`](crate::Reactor::handle_signals) says otherwise; a second SIGINT ends the process. Others
//! call what [`on_signal`](crate::Reactor::on_signal) has set.
//!
//! One that is ignored when the loop begins to run, as SIGINT is in a job that a script has put in
//! the background, stays ignored. A handler that the program has when a loop first runs is called
//! during the run, besides, and is all that happens afterwards; without one, the signal has its
//! default action then. On systems without `/proc`, as macOS and the BSDs, neither is seen, and a
//! handler that is set after the first run is not either: then the program passes `false`, or both
//! happen, the handler and the default action.

use std::time::Duration;

/// A signal that a program may watch: see [`Reactor::on_signal`](crate::Reactor::on_signal).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Signal {
    /// SIGHUP: by custom, read the configuration again.
    Hup,
    /// SIGUSR1: what the program makes of it; by default it ends.
    Usr1,
    /// SIGUSR2: as SIGUSR1.
    Usr2,
    /// SIGWINCH: the terminal has another size.
    Winch,
}

/// How long a stop by [`Reactor::stop`](crate::Reactor::stop) or by a signal may take: see
/// [how long it takes](self#how-long-it-takes).
///
/// Both together should be shorter than the time after which the program is killed: in Kubernetes 30 s by
/// default, with systemd 90 s, with `docker stop` 10 s.
///
/// ```
/// # use std::time::Duration;
/// # use reactor::lifecycle::StopLimits;
/// # use reactor::testing::Simulation;
/// # let reactor = Simulation::new().reactor();
/// let limits = StopLimits::default()
///     .lame_duck(Duration::from_secs(5))
///     .grace(Duration::from_secs(20));
/// reactor.set_stop_limits(limits);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StopLimits {
    pub(crate) grace: Duration,
    pub(crate) lame_duck: Duration,
}

impl Default for StopLimits {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(3),
            lame_duck: Duration::ZERO,
        }
    }
}

impl StopLimits {
    /// How long the stop waits for connections, for work on threads and for Deferreds of triggers, once ports
    /// are closed: by default three seconds. What is left then is aborted.
    #[must_use]
    pub fn grace(mut self, time: Duration) -> Self {
        self.grace = time;
        self
    }

    /// How long ports still accept: by default not at all. It should be longer than a load balancer takes to
    /// notice, which is the interval of its health checks times as many as have to fail.
    #[must_use]
    pub fn lame_duck(mut self, time: Duration) -> Self {
        self.lame_duck = time;
        self
    }
}

/// An event of a loop's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SystemEvent {
    /// `run` begins.
    Startup,
    /// The loop stops.
    Shutdown,
}

/// When a trigger is called, relative to what the loop itself does for the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Before anything is done: ports are open, and connections know nothing.
    Before,
    /// Ports are closed, and connections were asked to end.
    During,
    /// All connections are lost.
    After,
}
