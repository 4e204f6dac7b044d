//! Compares servers side by side in one interleaved run; see `README.md` for what each number
//! claims.

use std::process::ExitCode;

use comparison::load::Load;
use comparison::{Comparison, Part, Result};

use scenario::Scenario;

mod load;
mod scenario;
mod servers;

fn main() -> ExitCode {
    comparison::main::<Peers>()
}

/// Echoes and chats.
struct Peers;

impl Comparison for Peers {
    type Scenario = Scenario;

    const PROGRAM: &'static str = "peers";
    const SCENARIOS: &'static str = "echo-N, udp-N, bulk, fan-out-N, churn, idle-N";
    const QUICK: &'static str = "under 40 s";

    fn servers() -> Vec<&'static str> {
        servers::BUILT.iter().map(|(name, _)| *name).collect()
    }

    fn scenarios(part: Part) -> &'static [Scenario] {
        match part {
            Part::Throughput => &[
                Scenario::Echo(1),
                Scenario::Echo(50),
                Scenario::Echo(1000),
                Scenario::Udp(50),
                Scenario::Bulk,
                Scenario::FanOut(100),
                Scenario::FanOut(1000),
                Scenario::Churn,
            ],
            Part::Memory => &[Scenario::Idle(5000)],
            Part::SystemCalls => &[
                Scenario::Echo(50),
                Scenario::Udp(50),
                Scenario::Churn,
                Scenario::FanOut(100),
            ],
            Part::Instructions => &[Scenario::Echo(50)],
        }
    }

    fn serve(server: &str, program: &[&str]) -> Result<()> {
        servers::run(server, program)
    }

    fn connect(_part: Part, scenario: Scenario, port: u16) -> Result<Box<dyn Load>> {
        load::connect(scenario, port)
    }
}
