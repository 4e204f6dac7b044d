//! What an idle connection costs the server in memory of its own.

use crate::Result;
use crate::options::{Options, is_timed};
use crate::process::{Load, Server};
use crate::report::{Table, thousands};
use crate::scenario::Scenario;
use crate::servers::Kind;

const SCENARIOS: [Scenario; 1] = [Scenario::Idle(5000)];

pub(crate) fn run(options: &Options) -> Result<()> {
    let mut table = Table::new(&["scenario", "server", "bytes/connection"]);
    for scenario in options.scenarios(&SCENARIOS, |scenario| !is_timed(scenario)) {
        for &kind in &options.servers {
            eprintln!("memory: {scenario}, {kind}");
            let bytes = measure(scenario, kind)?;
            table.push(vec![
                scenario.to_string(),
                kind.to_string(),
                thousands(bytes),
            ]);
        }
    }
    table.print("User memory of an idle connection");
    Ok(())
}

/// The growth of the written memory for each connection, after it echoed one message.
fn measure(scenario: Scenario, kind: Kind) -> Result<f64> {
    let server = Server::start(kind, scenario)?;
    let mut load = Load::connect(scenario, kind, &server)?;
    let before = server.written_memory()?;
    let outcome = load.run(0.0)?;
    let after = server.written_memory()?;
    Ok((after as f64 - before as f64) / outcome.operations)
}
