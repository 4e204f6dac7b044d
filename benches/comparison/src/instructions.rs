//! Instructions in user space for each operation, which do not drift with the machine.
//!
//! callgrind counts a whole life of a server. Two lives that differ in how long they are loaded
//! differ in nothing else, so the difference divided by the difference in operations is one
//! operation's share.

use std::fs;
use std::path::Path;

use crate::options::{Options, Part};
use crate::process::{Load, Scratch, Server};
use crate::report::{Table, thousands};
use crate::{Comparison, Result, Scenario};

pub(crate) fn run<C: Comparison>(options: &Options<C>) -> Result<()> {
    let scratch = Scratch::new()?;
    let mut table = Table::new(&["scenario", "server", "instructions", "for each"]);
    for scenario in options.scenarios(Part::Instructions) {
        for &server in &options.servers {
            eprintln!("instructions: {scenario}, {server}");
            let short = live(scratch.path(), scenario, server, options.seconds * 0.3)?;
            let long = live(scratch.path(), scenario, server, options.seconds * 2.0)?;
            let each = (long.instructions - short.instructions) / (long.counted - short.counted);
            let text = if each < 10.0 {
                format!("{each:.2}")
            } else {
                thousands(each)
            };
            table.push(vec![
                scenario.to_string(),
                server.to_owned(),
                text,
                scenario.counted().to_owned(),
            ]);
        }
    }
    table.print("User-space instructions (callgrind)");
    Ok(())
}

struct Life {
    instructions: f64,
    counted: f64,
}

fn live(scratch: &Path, scenario: impl Scenario, server: &str, seconds: f64) -> Result<Life> {
    let path = scratch.join("callgrind.out");
    let to_path = format!("--callgrind-out-file={}", path.display());
    let tool = [
        "valgrind",
        "--quiet",
        "--log-file=/dev/null",
        "--tool=callgrind",
        &to_path,
    ];
    let server = Server::start_under(&tool, server, scenario)?;
    let mut load = Load::connect(Part::Instructions, scenario, &server)?;
    let counted = load.measure(seconds)?.counted;
    drop(load);
    server.terminate()?;
    let instructions = total(&fs::read_to_string(&path)?).ok_or("callgrind wrote no total")?;
    fs::remove_file(&path)?;
    Ok(Life {
        instructions,
        counted,
    })
}

fn total(profile: &str) -> Option<f64> {
    let text = profile.lines().find_map(|line| {
        line.strip_prefix("summary:")
            .or(line.strip_prefix("totals:"))
    });
    text?.trim().parse().ok()
}
