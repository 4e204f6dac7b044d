//! wrk as the load: one thread, on the processor that this one has.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;

use comparison::Result;
use comparison::load::{Latency, Load, Outcome};
use comparison::process::{Guarded, Scratch, TOOL_PLACE};

use super::connect_own;
use crate::scenario::Scenario;

const SCRIPT: &str = include_str!("wrk.lua");

/// The shortest warming up, for a server that no connection was kept to.
const WARM_UP: Duration = Duration::from_millis(50);

pub(super) struct Wrk {
    scenario: Scenario,
    port: u16,
    /// Holds the script.
    scratch: Scratch,
}

impl Wrk {
    pub(super) fn new(scenario: Scenario, port: u16) -> Result<Self> {
        let scratch = Scratch::new()?;
        std::fs::write(scratch.path().join("wrk.lua"), SCRIPT)?;
        Ok(Self {
            scenario,
            port,
            scratch,
        })
    }

    fn command(&self, seconds: u64) -> Command {
        let mut command = Command::new("wrk");
        command
            .arg("--threads=1")
            .arg(format!("--connections={}", self.scenario.connections()))
            .arg(format!("--duration={seconds}s"))
            .arg("--script")
            .arg(self.scratch.path().join("wrk.lua"));
        if self.scenario.closes() {
            command.args(["--header", "Connection: close"]);
        }
        let path = self.scenario.route().path();
        command.arg(format!("http://127.0.0.1:{}{path}", self.port));
        command.arg("--").arg(self.scenario.depth().to_string());
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command
    }
}

impl Load for Wrk {
    /// wrk opens its connections anew for each run and closes them behind it.
    fn connections(&self) -> usize {
        0
    }

    /// Warms the server up, which wrk cannot do in less than a second.
    fn run(&mut self, duration: Duration) -> Result<u64> {
        connect_own(self.scenario, self.port)?.run(duration.max(WARM_UP))
    }

    /// wrk knows whole seconds only.
    fn measure(&mut self, duration: Duration) -> Result<Outcome> {
        let seconds = duration.as_secs_f64().ceil() as u64;
        let mut wrk = Guarded::start("wrk".to_owned(), self.command(seconds), TOOL_PLACE)?;
        let mut output = String::new();
        wrk.take_output().read_to_string(&mut output)?;
        wrk.wait()?;
        let mut outcome =
            outcome(&output).ok_or_else(|| format!("wrk did not do its work:\n{output}"))?;
        if self.scenario.depth() > 1 {
            // wrk reckons with the requests that it did not send in time, and then takes a batch
            // for as many requests after each other.
            outcome.latency = None;
        }
        Ok(outcome)
    }
}

/// What the script says, if nothing went wrong.
fn outcome(output: &str) -> Option<Outcome> {
    let line = output
        .lines()
        .find_map(|line| line.strip_prefix("outcome "))?;
    let numbers: Result<Vec<f64>, _> = line.split(' ').map(str::parse).collect();
    let [requests, microseconds, median, most, wrong] = numbers.ok()?[..] else {
        return None;
    };
    (requests > 0.0 && wrong == 0.0).then_some(Outcome {
        counted: requests,
        seconds: microseconds / 1e6,
        latency: Some(Latency { median, most }),
    })
}
