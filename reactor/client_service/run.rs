//! What a service knows of its run, and how it was asked to go about it.

use super::backoff::Backoff;
use super::outage::Outage;
use crate::deferred::{Canceller, Deferred, Failure, Resolver};
use crate::handle::Handle;
use crate::limits::Limits;
use crate::sources::attempt::Connector;
use crate::time::Instant;
use crate::transport::Transport;

pub(super) type Prepare<P> = Box<dyn FnMut(Handle<P>) -> Deferred<()>>;

pub(super) struct Options<P: 'static> {
    pub(super) backoff: Backoff,
    pub(super) limits: Limits,
    pub(super) fail_after: Option<u32>,
    /// Out while it is called.
    pub(super) prepare: Option<Prepare<P>>,
}

/// The Deferreds of the end.
#[derive(Default)]
pub(super) struct Ended {
    /// Of this run.
    pub(super) now: Vec<Resolver<()>>,
    /// Of the run that stops, when another one has been asked for.
    pub(super) before: Vec<Resolver<()>>,
}

/// What is known of the attempts so far, and of the connection.
#[derive(Default)]
pub(super) struct Run {
    /// The number of the last attempt.
    pub(super) attempt: u64,
    pub(super) connector: Option<Connector>,
    pub(super) connection: Option<Transport>,
    /// When the connection was made.
    pub(super) made: Option<Instant>,
    /// What cancels the preparation, or the timer.
    pub(super) canceller: Canceller,
    /// Why the preparation has failed, until its connection is gone.
    pub(super) unprepared: Option<Failure>,
    /// Attempts that failed since there was a connection.
    pub(super) failures: u32,
    /// Waits since there was a connection that lasted.
    pub(super) waits: u32,
    pub(super) last_failure: Option<Failure>,
    pub(super) outage: Outage,
}
