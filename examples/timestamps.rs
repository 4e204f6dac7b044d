//! Runs a program, and prints each line of its output with the time since it began.
//!
//! ```text
//! cargo run --example timestamps --features process -- sh -c 'echo one; sleep 1; echo two >&2'
//! ```
//!
//! What it reads from the standard input goes to the program. It exits as the program does.

use std::process::{Command, ExitCode, ExitStatus};
use std::rc::Rc;
use std::time::Instant;
use std::{cell::Cell, env, error::Error};

use reactor::Reactor;
use reactor::process::{Process, ProcessCommand, ProcessProtocol};

/// Prints whole lines.
struct Lines {
    began: Instant,
    rest: Vec<u8>,
}

impl Lines {
    fn print(&mut self, data: &[u8]) {
        self.rest.extend_from_slice(data);
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let seconds = self.began.elapsed().as_secs_f64();
            print!("{seconds:8.3} {}", String::from_utf8_lossy(&line));
        }
    }
}

struct Timestamps {
    output: Lines,
    code: Rc<Cell<u8>>,
}

impl ProcessProtocol for Timestamps {
    fn output_received(&mut self, _: &Process, data: &[u8]) {
        self.output.print(data);
    }

    fn process_ended(&mut self, process: &Process, status: ExitStatus) {
        if !self.output.rest.is_empty() {
            self.output.print(b"\n");
        }
        eprintln!("process {}: {status}", process.pid());
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        self.code.set(code.unwrap_or(1));
    }
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut words = env::args_os().skip(1);
    let program = words.next().ok_or("timestamps PROGRAM ARGUMENTS…")?;
    let mut command = Command::new(program);
    command.args(words);
    let reactor = Reactor::new()?;
    let code = Rc::new(Cell::new(0));
    let protocol = Timestamps {
        output: Lines {
            began: Instant::now(),
            rest: Vec::new(),
        },
        code: Rc::clone(&code),
    };
    // The program has this one's own input and error; only its output is the loop's.
    let command = ProcessCommand::new(command).keep_stdin().keep_stderr();
    reactor.spawn_process(command, protocol)?;
    reactor.run()?;
    Ok(ExitCode::from(code.get()))
}
