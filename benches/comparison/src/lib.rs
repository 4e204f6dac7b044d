//! Measures servers side by side in one interleaved run: what the comparisons of this folder share.
//!
//! A comparison is its servers and what they are put through ([`Comparison`]); here are the driver,
//! which knows no more of them than that, the processes, the counters and the tables.
//!
//! One program plays every part, so that nothing else has to be built or found. The driver starts
//! itself again as a server and as a load generator:
//!
//! ```text
//! PROGRAM [options]                           the driver: measures and prints tables
//! PROGRAM server raw echo                     a server; prints its port
//! PROGRAM load throughput echo-50 40123       the load on that port; obeys lines on its standard input
//! ```

use std::error::Error;
use std::fmt;
use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::str::FromStr;

use load::Load;
use options::Options;

pub mod churn;
pub mod dialogue;
pub mod idle;
mod instructions;
pub mod load;
mod memory;
mod noise;
mod options;
pub mod process;
pub mod raw;
mod report;
pub mod system;
mod system_calls;
mod throughput;

pub use options::Part;

/// What went wrong, in words for the person who runs this.
pub type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// How many bytes a shared read buffer holds, in the servers that have one.
pub const READ_BUFFER: usize = 64 * 1024;

/// Servers that do the same work, and what they are put through.
pub trait Comparison {
    type Scenario: Scenario;

    /// What the program is called.
    const PROGRAM: &'static str;
    /// The scenarios as `--help` says them.
    const SCENARIOS: &'static str;
    /// How long `--quick` takes, in words.
    const QUICK: &'static str;

    /// The servers that this program was built with. The first is what the others are compared
    /// with.
    fn servers() -> Vec<&'static str>;

    /// What a part measures unless scenarios are named.
    fn scenarios(part: Part) -> &'static [Self::Scenario];

    /// Runs a server until it is killed, having told the driver its port. The words after its name
    /// are those of [`Scenario::program`].
    fn serve(server: &str, program: &[&str]) -> Result<()>;

    /// The load of a scenario, connected to the server at a port.
    fn connect(part: Part, scenario: Self::Scenario, port: u16) -> Result<Box<dyn Load>>;
}

/// One kind of load. Its name on the command line is what [`fmt::Display`] says.
pub trait Scenario: Copy + fmt::Display + FromStr<Err = String> + 'static {
    /// The words that tell a server which of its programs to run, if it has several.
    fn program(self) -> &'static [&'static str];

    /// What a load counts: the word for one of them.
    fn counted(self) -> &'static str;

    /// What the table of throughput counts: the word for several of them.
    fn operations(self) -> &'static str;

    /// How many of what is counted make an operation.
    fn counted_an_operation(self) -> f64 {
        1.0
    }

    /// Whether it goes on for as long as one likes. The other kind measures memory.
    fn is_timed(self) -> bool;
}

/// The whole of a comparison's `main`.
pub fn main<C: Comparison>() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["server", server, program @ ..] => C::serve(server, program),
        ["load", part, scenario, port] => load::run::<C>(part, scenario, port),
        _ => drive::<C>(&words),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", C::PROGRAM);
            ExitCode::FAILURE
        }
    }
}

/// Measures each part that was asked for and prints its table as soon as it is there.
fn drive<C: Comparison>(words: &[&str]) -> Result<()> {
    let Some(options) = Options::<C>::parse(words)? else {
        print!("{}", Options::<C>::help());
        return Ok(());
    };
    if cfg!(debug_assertions) {
        return Err("a debug build measures nothing: use `cargo run --release`".into());
    }
    for part in &options.parts {
        match part {
            Part::Throughput => throughput::run(&options)?,
            Part::Memory => memory::run(&options)?,
            Part::SystemCalls => system_calls::run(&options)?,
            Part::Instructions => instructions::run(&options)?,
        }
    }
    Ok(())
}

/// Tells the driver where the server is, as the first and only line.
pub fn announce(address: SocketAddr) -> Result<()> {
    let mut output = std::io::stdout();
    writeln!(output, "{}", address.port())?;
    Ok(output.flush()?)
}
