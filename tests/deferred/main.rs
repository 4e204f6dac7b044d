//! Deferreds, as their consumers see them. Each test is a sentence; most of them are cases of
//! Twisted's own behaviour.

mod allocations;
mod awaiting;
mod cancelling;
mod chain;
mod chart;
mod compiling;
mod example;
mod failures;
mod great_numbers;
mod loans;
mod locks_and_queues;
mod many;
mod mistakes;
mod pictures;
mod support;
mod timeouts;
