//! What the reactor gives as a Deferred, and what runs on it as a future.

mod connections;
mod cooperating;
mod delays;
mod looping_calls;
#[path = "../support/outcome.rs"]
mod outcome;
mod run_until;
#[path = "../support/mod.rs"]
mod support;
mod tasks;
