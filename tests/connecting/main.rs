//! Connecting and listening: which factory is asked when, what fails how, and that nothing is left.

mod clients;
mod factories;
mod keepalive;
mod ports;
#[path = "../support/mod.rs"]
mod support;

use reactor::{Limits, Transport};

use support::{Client, Heard, Log, Then};

type React = fn(&Heard<'_>, &Transport) -> Then;

fn client(log: &Log) -> Client<React> {
    Client::new(log, |_, _| Then::Default)
}

fn with_limits(log: &Log, limits: Limits) -> Client<React> {
    Client {
        limits,
        ..client(log)
    }
}
