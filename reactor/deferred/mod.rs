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
//! The files, in the order in which they are best read:
//!
//! | file | what is in it |
//! | --- | --- |
//! | `chain` | [`Deferred`]: the waiting end, to which callbacks are added |
//! | `resolver` | [`Resolver`]: the firing end, and the source of a chain |
//! | `outcome` | what a callback may return |
//! | `node` | what a chain is made of: four traits, and one example that goes through them |
//! | `link` | a callback in a chain |
//! | `sealed` | traits that only this crate implements |
//! | `step` | what a link does with a value, and what with a failure |
//! | `firing` | how a result runs down, in a loop |
//! | `cancel` | how a cancellation goes up |
//! | `loan` | values that go back if they are not taken |
//! | `failure` | [`Failure`]: any error, and the way that it took |
//! | `into_failure`, `trapped`, `report` | how one is made of an error, how an error is got out of it, how it looks |
//! | `unhandled` | failures that are dropped |
//! | `hook`, `watch`, `resting` | where those are reported, how a test sees them, and those that are not dropped yet |
//! | `errors` | the errors that Deferreds make themselves |
//! | `cancel_outcome`, `task_outcome` | what cancellers and tasks end with |
//! | `timeout`, `pause`, `awaiting`, `shared` | what else one does with one Deferred |
//! | `list` | many Deferreds as one |
//! | `wait_list` | those who wait, in order, for what follows |
//! | `semaphore`, `queue` | taking turns |
//! | `record`, `chart/` | what a chain notes of its run, and how it looks |
//!
//! `chain`, `link`, `step` and `outcome` need each other, and that is accepted: they are one
//! recursive type. A chain is made of links, a link has a step, a step returns an outcome, and an
//! outcome may be a chain.

mod cancel;
mod chain;
mod failure;
mod firing;
mod link;
mod loan;
mod node;
mod outcome;
mod resolver;
mod sealed;
mod step;
mod unhandled;

mod awaiting;
mod cancel_outcome;
mod errors;
mod hook;
mod into_failure;
mod list;
mod pause;
mod queue;
mod report;
mod resting;
mod semaphore;
mod shared;
mod task_outcome;
mod timeout;
mod trapped;
mod wait_list;
mod watch;

mod chart;
mod record;

use std::panic::Location;

pub use crate::contained::Panicked;
pub use awaiting::Awaiting;
pub use cancel::Canceller;
pub use cancel_outcome::CancelOutcome;
pub use chain::{Deferred, maybe_deferred};
pub use chart::Chart;
pub use errors::{Abandoned, Cancelled, Circular};
pub use failure::Failure;
pub use hook::{UnhandledHook, on_unhandled_failure};
pub use into_failure::IntoFailure;
pub use list::{DeferredList, FailureGroup, FirstError, NothingToWaitFor, gather_results, race};
#[doc(hidden)]
pub use loan::Carried;
pub use outcome::{Outcome, Recovery};
pub use pause::Pause;
pub use queue::{Queue, QueueOverflow, QueueUnderflow};
pub use resolver::Resolver;
pub use resting::held_failures;
pub use semaphore::{Lock, Permit, Semaphore};
pub use shared::Shared;
pub use task_outcome::TaskOutcome;
pub use timeout::{Clock, TimedOut};
pub use trapped::Trapped;
pub use watch::UnhandledFailures;

/// A line of source code: where something was made, added or failed.
pub(crate) type Place = &'static Location<'static>;

/// The programs of the chapter on Deferreds are compiled and run.
#[cfg(all(doctest, feature = "os"))]
#[doc = include_str!("../../docs/guide/deferreds.md")]
mod guide {}
