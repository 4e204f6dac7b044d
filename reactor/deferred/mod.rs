//! A result that is not there yet, and everything that waits for one.
//!
//! A [`Deferred<T>`](Deferred) is the waiting end of a result and a [`Resolver<T>`](Resolver) the
//! firing end. Callbacks are added to the waiting end and run when the other fires:
//!
//! ```text
//!   Resolver ─ callback(value) ─▶ add_callback ─▶ add_errback ─▶ … ─▶ Deferred
//!            ─ errback(error) ──▶      │   Err, panic  │   Ok
//!                                      └───────────────┘
//! ```
//!
//! - A resolver fires once, by value; dropped, it fires [`Abandoned`]. So nothing waits for ever.
//! - A callback may return a result, a Deferred to wait for, or nothing: [`Outcome`].
//! - What goes wrong is a [`Failure`], which `?` makes of any error. It skips callbacks until an
//!   errback handles it, and if none does it is reported where it is dropped.
//! - Callbacks run at once, in a loop and not by recursion, however long the chain.
//! - Cancelling goes up, to whatever the chain waits for now.
//!
//! Deferreds know nothing of a reactor and work without one. They are not [`Send`]: everything here
//! belongs to one thread, and so needs no locks.
//!
//! To read on: `chain` is what one adds callbacks to, `link` what a chain is made of, `firing` how a
//! result runs down, `cancel` how a cancellation goes up.

mod chain;
mod outcome;
mod resolver;

// What a chain is made of, and how it runs.
mod step;

mod loan;

mod node;

mod link;

mod firing;

mod cancel;

// What goes wrong.
mod failure;

mod unhandled;

// What else one does with a Deferred.
mod timeout;

mod pause;

mod awaiting;

mod shared;

// Many at once, and taking turns.
mod list;

mod wait_list;

mod semaphore;

mod queue;

// What it looks like.
mod record;

mod chart;

use std::panic::Location;

pub use awaiting::Awaiting;
pub use cancel::{Cancelled, Canceller, Circular};
pub use chain::{Deferred, maybe_deferred};
pub use chart::Chart;
pub use failure::{Failure, IntoFailure, Panicked, Trapped};
pub use list::{DeferredList, FailureGroup, FirstError, NothingToWaitFor, gather_results, race};
#[doc(hidden)]
pub use loan::Carried;
pub use outcome::{Outcome, Recovery, TaskOutcome};
pub use pause::Pause;
pub use queue::{Queue, QueueOverflow, QueueUnderflow};
pub use resolver::{Abandoned, CancelOutcome, Resolver};
pub use semaphore::{Lock, Permit, Semaphore};
pub use shared::Shared;
pub use timeout::{Clock, TimedOut};
pub use unhandled::{UnhandledFailures, UnhandledHook, held_failures, on_unhandled_failure};

/// A line of source code: where something was made, added or failed.
pub(crate) type Place = &'static Location<'static>;

/// The programs of the chapter on Deferreds are compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guide/deferreds.md")]
mod guide {}
