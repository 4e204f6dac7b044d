//! Flow control in both directions, limits, idle timeouts, and that nobody starves.

mod reading;
mod starvation;
#[path = "../support/mod.rs"]
mod support;
mod timeouts;
mod writing;

use reactor::Transport;

use support::{Heard, Log, Probe, Then};

/// What a socket of a calm network takes before anybody reads.
const SOCKET: usize = 64 << 10;

/// Writes whatever the marks say.
fn heedless(log: &Log) -> Probe<impl FnMut(&Heard<'_>, &Transport) -> Then + use<>> {
    Probe::new(log, |heard: &Heard<'_>, _: &Transport| match heard {
        Heard::WritingPaused | Heard::WritingResumed => Then::Nothing,
        _ => Then::Default,
    })
}
