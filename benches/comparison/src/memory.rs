//! What an idle connection costs the server in memory of its own.

use crate::options::{Options, Part};
use crate::process::{Load, Server};
use crate::report::{Table, thousands};
use crate::{Comparison, Result, Scenario};

pub(crate) fn run<C: Comparison>(options: &Options<C>) -> Result<()> {
    let mut table = Table::new(&["scenario", "server", "bytes/connection"]);
    for scenario in options.scenarios(Part::Memory) {
        for &server in &options.servers {
            eprintln!("memory: {scenario}, {server}");
            let bytes = measure(scenario, server)?;
            table.push(vec![
                scenario.to_string(),
                server.to_owned(),
                thousands(bytes),
            ]);
        }
    }
    table.print("User memory of an idle connection");
    Ok(())
}

/// The growth of the written memory for each connection, after the server answered on it once.
fn measure(scenario: impl Scenario, server: &str) -> Result<f64> {
    let server = Server::start(server, scenario)?;
    let mut load = Load::connect(Part::Memory, scenario, &server)?;
    let before = server.written_memory()?;
    let outcome = load.measure(0.0)?;
    let after = server.written_memory()?;
    Ok((after as f64 - before as f64) / outcome.counted)
}
