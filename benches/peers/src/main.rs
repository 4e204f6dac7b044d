//! Compares servers side by side in one interleaved run; see `README.md` for what each number
//! claims.
//!
//! One program plays every part, so that nothing else has to be built or found. The driver starts
//! itself again as a server and as a load generator:
//!
//! ```text
//! peers [options]                 the driver: measures and prints tables
//! peers server raw echo           a server; prints its port
//! peers load echo-50 40123        the load on that port; obeys lines on its standard input
//! ```

use std::error::Error;
use std::process::ExitCode;

mod compare;
mod instructions;
mod load;
mod memory;
mod noise;
mod options;
mod process;
mod report;
mod scenario;
mod servers;
mod system;
mod system_calls;

/// What went wrong, in words for the person who runs this.
type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["server", kind, mode] => servers::run(kind, mode),
        ["load", scenario, port] => load::run(scenario, port),
        _ => drive(&words),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peers: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures each part that was asked for and prints its table as soon as it is there.
fn drive(words: &[&str]) -> Result<()> {
    let Some(options) = options::Options::parse(words)? else {
        print!("{}", options::HELP);
        return Ok(());
    };
    if cfg!(debug_assertions) {
        return Err("a debug build measures nothing: use `cargo run --release`".into());
    }
    for part in &options.parts {
        match part {
            options::Part::Throughput => compare::run(&options)?,
            options::Part::Memory => memory::run(&options)?,
            options::Part::SystemCalls => system_calls::run(&options)?,
            options::Part::Instructions => instructions::run(&options)?,
        }
    }
    Ok(())
}
