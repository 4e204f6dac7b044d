//! Instructions in user space for each operation, which do not drift with the machine.
//!
//! callgrind counts a whole life of a server. Two lives that differ in how long they are loaded
//! differ in nothing else, so the difference divided by the difference in operations is one
//! operation's share.

use std::fs;
use std::path::Path;

use crate::Result;
use crate::options::{Options, is_timed};
use crate::process::{Load, Scratch, Server};
use crate::report::{Table, thousands};
use crate::scenario::Scenario;
use crate::servers::Kind;

const SCENARIOS: [Scenario; 1] = [Scenario::Echo(50)];

pub(crate) fn run(options: &Options) -> Result<()> {
    let scratch = Scratch::new()?;
    let mut table = Table::new(&["scenario", "server", "instructions", "for each"]);
    for scenario in options.scenarios(&SCENARIOS, is_timed) {
        for &kind in &options.servers {
            eprintln!("instructions: {scenario}, {kind}");
            let short = live(scratch.path(), scenario, kind, options.seconds * 0.3)?;
            let long = live(scratch.path(), scenario, kind, options.seconds * 2.0)?;
            let each =
                (long.instructions - short.instructions) / (long.operations - short.operations);
            let text = if each < 10.0 {
                format!("{each:.2}")
            } else {
                thousands(each)
            };
            let operation = if scenario == Scenario::Bulk {
                "byte"
            } else {
                scenario.operation()
            };
            table.push(vec![
                scenario.to_string(),
                kind.to_string(),
                text,
                operation.to_owned(),
            ]);
        }
    }
    table.print("User-space instructions (callgrind)");
    Ok(())
}

struct Life {
    instructions: f64,
    operations: f64,
}

fn live(scratch: &Path, scenario: Scenario, kind: Kind, seconds: f64) -> Result<Life> {
    let path = scratch.join("callgrind.out");
    let to_path = format!("--callgrind-out-file={}", path.display());
    let tool = [
        "valgrind",
        "--quiet",
        "--log-file=/dev/null",
        "--tool=callgrind",
        &to_path,
    ];
    let server = Server::start_under(&tool, kind, scenario)?;
    let mut load = Load::connect(scenario, kind, &server)?;
    let operations = load.run(seconds)?.operations;
    drop(load);
    server.terminate()?;
    let instructions = total(&fs::read_to_string(&path)?).ok_or("callgrind wrote no total")?;
    fs::remove_file(&path)?;
    Ok(Life {
        instructions,
        operations,
    })
}

fn total(profile: &str) -> Option<f64> {
    let text = profile.lines().find_map(|line| {
        line.strip_prefix("summary:")
            .or(line.strip_prefix("totals:"))
    });
    text?.trim().parse().ok()
}
