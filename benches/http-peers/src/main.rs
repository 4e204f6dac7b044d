//! Compares HTTP servers side by side in one interleaved run; see `README.md` for what each number
//! claims.

use std::process::ExitCode;

use comparison::load::Load;
use comparison::{Comparison, Part, Result};

use scenario::Scenario;

mod load;
mod routes;
mod scenario;
mod servers;

fn main() -> ExitCode {
    comparison::main::<HttpPeers>()
}

/// Servers with two pages.
struct HttpPeers;

impl Comparison for HttpPeers {
    type Scenario = Scenario;

    const PROGRAM: &'static str = "http-peers";
    const SCENARIOS: &'static str = "keep-alive-N, pipelined-N, close, json, idle-N";
    const QUICK: &'static str = "about two minutes";

    fn servers() -> Vec<&'static str> {
        servers::BUILT.iter().map(|(name, _)| *name).collect()
    }

    fn scenarios(part: Part) -> &'static [Scenario] {
        match part {
            Part::Throughput => &[
                Scenario::KeepAlive(64),
                Scenario::KeepAlive(256),
                Scenario::Pipelined(16),
                Scenario::Close,
                Scenario::Json,
            ],
            Part::Memory => &[Scenario::Idle(10_000)],
            Part::SystemCalls => &[Scenario::KeepAlive(64), Scenario::Pipelined(16)],
            Part::Instructions => &[
                Scenario::KeepAlive(64),
                Scenario::Pipelined(16),
                Scenario::Json,
            ],
        }
    }

    fn serve(server: &str, _program: &[&str]) -> Result<()> {
        servers::run(server)
    }

    fn connect(part: Part, scenario: Scenario, port: u16) -> Result<Box<dyn Load>> {
        load::connect(part, scenario, port)
    }
}
