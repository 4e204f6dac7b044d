//! The processes that the driver starts: servers, loads and the tools that watch them.
//!
//! Each is killed when its guard is dropped, when the driver dies, and when its time is over,
//! whichever comes first: nothing is left behind and nothing waits for ever.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::Result;
use crate::Scenario;
use crate::load::Outcome;
use crate::options::Part;
use crate::system;

/// Longer than any single measurement takes, under valgrind too.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// The processors: one for the server, another for the load, so that neither takes the other's
/// time.
const SERVER_PLACE: usize = 0;
const LOAD_PLACE: usize = 1;

/// Tools sleep while a measurement is running, so they may be where the load is.
pub const TOOL_PLACE: usize = LOAD_PLACE;

/// A child that does not outlive its guard.
pub struct Guarded {
    child: Child,
    name: String,
}

impl Guarded {
    /// Starts a program that dies with this one. `place` is which of the allowed processors it
    /// gets, if there are that many.
    pub fn start(name: String, mut command: Command, place: usize) -> Result<Self> {
        let processor = system::allowed_processors()?.get(place).copied();
        let prepare = move || {
            system::bound_lifetime(TIME_LIMIT)?;
            system::disable_huge_pages()?;
            processor.map_or(Ok(()), system::run_on)
        };
        // SAFETY: `prepare` runs between fork and exec; it makes system calls and allocates
        // nothing.
        unsafe { command.pre_exec(prepare) };
        let child = command
            .spawn()
            .map_err(|error| format!("{name} does not start: {error}"))?;
        Ok(Self { child, name })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the child to end by itself.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        Ok(self.child.wait()?)
    }

    pub fn take_output(&mut self) -> BufReader<ChildStdout> {
        BufReader::new(
            self.child
                .stdout
                .take()
                .expect("the output of this child is piped"),
        )
    }

    pub fn take_errors(&mut self) -> ChildStderr {
        self.child
            .stderr
            .take()
            .expect("the errors of this child are piped")
    }

    /// Reads a line; the end of the output means that the child has failed.
    fn read_line(&mut self, output: &mut impl BufRead) -> Result<String> {
        let mut line = String::new();
        if output.read_line(&mut line)? == 0 {
            let status = self.child.wait()?;
            return Err(format!("{} ended early: {status}", self.name).into());
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // Both fail only when the child has ended and was waited for, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A running server.
///
/// Each measurement has a fresh one: no measurement then inherits the heap or the tables of
/// another, and where the kernel happens to place a program in memory varies between rounds instead
/// of favouring one server in all.
pub struct Server {
    process: Guarded,
    port: String,
}

impl Server {
    pub fn start(server: &str, scenario: impl Scenario) -> Result<Self> {
        Self::start_under(&[], server, scenario)
    }

    /// Starts a server through a tool, given by its name and arguments, that becomes the server's
    /// process.
    pub fn start_under(tool: &[&str], server: &str, scenario: impl Scenario) -> Result<Self> {
        let this_program = std::env::current_exe()?;
        let mut command = match tool {
            [] => Command::new(this_program),
            [tool, arguments @ ..] => {
                let mut command = Command::new(tool);
                command.args(arguments).arg(this_program);
                command
            }
        };
        command.args(["server", server]).args(scenario.program());
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let name = format!("the server {server} for {scenario}");
        let mut process = Guarded::start(name, command, SERVER_PLACE)?;
        let mut output = process.take_output();
        let port = process.read_line(&mut output)?;
        Ok(Self { process, port })
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    pub fn processor_time(&self) -> Result<Duration> {
        Ok(system::processor_time(self.id())?)
    }

    /// How many files the server has open.
    pub fn open_files(&self) -> Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.id()))?.count())
    }

    /// Waits until the server has noticed that its connections are gone and has no more than
    /// `files` open.
    pub fn wait_for_closing(&self, files: usize) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(2);
        while self.open_files()? > files {
            if Instant::now() > deadline {
                let open = self.open_files()? - files;
                return Err(format!(
                    "{} keeps {open} connections open that the clients closed",
                    self.process.name
                )
                .into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// The memory that only this process has and that it has written to, in bytes.
    pub fn written_memory(&self) -> Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.id()))?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("Private_Dirty:"));
        let kilobytes = line
            .and_then(|line| line.trim().strip_suffix(" kB"))
            .and_then(|number| number.trim().parse().ok());
        kilobytes
            .map(|kilobytes: u64| kilobytes * 1024)
            .ok_or_else(|| "smaps_rollup has no Private_Dirty".into())
    }

    /// Ends the server as an operator would, and waits until what watches it has written its
    /// results.
    pub fn terminate(mut self) -> Result<()> {
        system::signal(self.id(), libc::SIGTERM)?;
        self.process.wait()?;
        Ok(())
    }
}

/// A load generator that is connected to a server.
pub struct Load {
    process: Guarded,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    connections: usize,
}

impl Load {
    pub fn connect(part: Part, scenario: impl Scenario, server: &Server) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let (part, name) = (part.to_string(), scenario.to_string());
        command.args(["load", &part, &name, &server.port]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let name = format!("the load on {}", server.process.name);
        let mut process = Guarded::start(name, command, LOAD_PLACE)?;
        let input = process
            .child
            .stdin
            .take()
            .expect("the input of this child is piped");
        let mut output = process.take_output();
        let line = process.read_line(&mut output)?;
        let connections = line
            .strip_prefix("ready ")
            .and_then(|number| number.parse().ok());
        let connections =
            connections.ok_or_else(|| format!("the load said `{line}` instead of `ready`"))?;
        Ok(Self {
            process,
            input,
            output,
            connections,
        })
    }

    /// How many connections the load holds between runs.
    pub fn connections(&self) -> usize {
        self.connections
    }

    /// Fills caches and lets every buffer reach its size.
    pub fn warm_up(&mut self, seconds: f64) -> Result<()> {
        writeln!(self.input, "warm-up {seconds}")?;
        self.answer().map(drop)
    }

    pub fn measure(&mut self, seconds: f64) -> Result<Outcome> {
        writeln!(self.input, "measure {seconds}")?;
        Ok(self.answer()?.parse()?)
    }

    fn answer(&mut self) -> Result<String> {
        let line = self.process.read_line(&mut self.output)?;
        match line.strip_prefix("done ") {
            Some(outcome) => Ok(outcome.to_owned()),
            None => Err(format!("the load said `{line}` instead of how much it did").into()),
        }
    }
}

/// A directory for the files of tools, removed when dropped.
pub struct Scratch(std::path::PathBuf);

impl Scratch {
    pub fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("comparison-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays in the directory for temporary files hurts nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}
