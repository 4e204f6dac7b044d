//! How much the rest of the machine was at work during a measurement, which is what makes figures
//! scatter.

use std::fs;
use std::time::{Duration, Instant};

use crate::Result;
use crate::system;

/// The length of a tick in `/proc/stat`, which is the same on every Linux that this runs on.
const TICK: Duration = Duration::from_millis(10);

/// The clocks at the beginning.
pub(crate) struct Noise {
    began: Instant,
    machine: Duration,
    own: Duration,
}

impl Noise {
    pub(crate) fn begin() -> Result<Self> {
        let own = system::own_processor_time()?;
        Ok(Self {
            began: Instant::now(),
            machine: machine()?,
            own,
        })
    }

    /// The share of the processors' time that others took since the beginning: other programs, and
    /// other machines on the same hardware where the kernel is told.
    pub(crate) fn share_of_others(&self) -> Result<f64> {
        let processors = system::allowed_processors()?.len() as f64;
        let own = system::own_processor_time()?.saturating_sub(self.own);
        let others = machine()?.saturating_sub(self.machine).saturating_sub(own);
        Ok(others.as_secs_f64() / (self.began.elapsed().as_secs_f64() * processors))
    }
}

/// The time in which the processors were not idle.
fn machine() -> Result<Duration> {
    let text = fs::read_to_string("/proc/stat")?;
    let line = text.lines().next().unwrap_or_default();
    // cpu user nice system idle iowait irq softirq steal …
    let ticks: Vec<u32> = line
        .split_whitespace()
        .skip(1)
        .filter_map(|n| n.parse().ok())
        .collect();
    let [
        user,
        nice,
        system,
        _idle,
        _waiting,
        interrupts,
        soft_interrupts,
        stolen,
        ..,
    ] = ticks[..]
    else {
        return Err(format!("/proc/stat begins with `{line}`").into());
    };
    Ok(TICK * (user + nice + system + interrupts + soft_interrupts + stolen))
}
