//! System calls for each operation, by name, counted in two ways.
//!
//! *perf* counts in the kernel, which hardly slows the server: these are the calls of the server as
//! it runs. How many events come with a wait then depends on whether the load or the server is a
//! little faster, so they scatter.
//!
//! *strace* stops the server at each call, so that the load is always ahead of it: these are the
//! calls of a server that has more to do than it can. They depend on nothing but the program, and
//! hardly scatter.
//!
//! Either watches only while a warmed-up load is running.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::options::{Options, Part};
use crate::process::{Guarded, Load, Scratch, Server, TOOL_PLACE};
use crate::report::{MISSING, Table};
use crate::system;
use crate::{Comparison, Result, Scenario};

/// What perf counts: every call, without its name. To tell them apart it would need seconds to
/// begin and to end.
const ALL: &str = "raw_syscalls:sys_enter";

/// How many times each call was made, for each operation.
type Counts = BTreeMap<String, f64>;

pub(crate) fn run<C: Comparison>(options: &Options<C>) -> Result<()> {
    let scratch = Scratch::new()?;
    let perf = works("perf", &["stat", "-e", ALL, "true"]).then_some(start_perf as Start);
    let strace = works("strace", &["-c", "true"]).then_some(start_strace as Start);
    if perf.is_none() && strace.is_none() {
        return Err("neither perf nor strace is here and may watch a process".into());
    }
    let mut table = Table::new(&["scenario", "server", "as it runs", "saturated", "by name"]);
    for scenario in options.scenarios(Part::SystemCalls) {
        for &server in &options.servers {
            eprintln!("system calls: {scenario}, {server}");
            let median = |start: Start, rounds: usize| {
                median_of(rounds, || {
                    measure(start, scratch.path(), scenario, server, options.seconds)
                })
            };
            let running = perf
                .map(|start| median(start, (options.rounds / 2).clamp(1, 3)))
                .transpose()?;
            let saturated = strace.map(|start| median(start, 1)).transpose()?;
            table.push(vec![
                scenario.to_string(),
                server.to_owned(),
                running.as_ref().map_or_else(|| MISSING.to_owned(), text),
                saturated.as_ref().map_or_else(|| MISSING.to_owned(), text),
                saturated
                    .as_ref()
                    .map_or_else(|| MISSING.to_owned(), by_name),
            ]);
        }
    }
    table.print("System calls for each operation, as it runs (perf) and saturated (strace)");
    Ok(())
}

/// Whether a tool is there and is allowed to do what it is asked.
fn works(tool: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(tool);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn median_of(rounds: usize, mut measure: impl FnMut() -> Result<Counts>) -> Result<Counts> {
    let mut counts = (0..rounds)
        .map(|_| measure())
        .collect::<Result<Vec<Counts>>>()?;
    counts.sort_by(|one, other| total(one).total_cmp(&total(other)));
    Ok(counts.swap_remove(rounds / 2))
}

fn text(counts: &Counts) -> String {
    format!("{:.4}", total(counts))
}

fn total(counts: &Counts) -> f64 {
    counts.values().sum()
}

/// The calls that matter, the most frequent first.
fn by_name(counts: &Counts) -> String {
    let total = total(counts);
    let mut counts: Vec<(&String, f64)> =
        counts.iter().map(|(name, &count)| (name, count)).collect();
    counts.retain(|(_, count)| *count > total / 1000.0);
    counts.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    let texts: Vec<String> = counts
        .iter()
        .map(|(name, count)| format!("{name} {count:.4}"))
        .collect();
    texts.join(", ")
}

type Start = fn(&Path, &Server) -> Result<Counter>;

fn measure(
    start: Start,
    scratch: &Path,
    scenario: impl Scenario,
    server: &str,
    seconds: f64,
) -> Result<Counts> {
    let server = Server::start(server, scenario)?;
    let mut load = Load::connect(Part::SystemCalls, scenario, &server)?;
    let files = server.open_files()?;
    load.warm_up(seconds / 5.0)?;
    server.wait_for_closing(files)?;
    let counter = start(scratch, &server)?;
    let outcome = load.measure(seconds)?;
    server.wait_for_closing(files)?;
    let counts = counter.finish()?;
    Ok(counts
        .into_iter()
        .map(|(name, count)| (name, count / outcome.counted))
        .collect())
}

/// A tool that is counting.
struct Counter {
    process: Guarded,
    results: PathBuf,
    read: fn(&str) -> Counts,
}

impl Counter {
    fn finish(mut self) -> Result<Counts> {
        system::signal(self.process.id(), libc::SIGINT)?;
        self.process.wait()?;
        let counts = (self.read)(&fs::read_to_string(&self.results)?);
        fs::remove_file(&self.results)?;
        if counts.is_empty() {
            Err("no system call was counted".into())
        } else {
            Ok(counts)
        }
    }
}

fn start_perf(scratch: &Path, server: &Server) -> Result<Counter> {
    let results = scratch.join("perf.csv");
    let (control, answer) = (
        Fifo::new(scratch.join("control"))?,
        Fifo::new(scratch.join("answer"))?,
    );
    let mut command = Command::new("perf");
    command.args(["stat", "--field-separator=,", "--delay=-1", "--event", ALL]);
    command
        .arg("--pid")
        .arg(server.id().to_string())
        .arg("--output")
        .arg(&results);
    let fifos = format!("fifo:{},{}", control.path.display(), answer.path.display());
    command.arg("--control").arg(fifos);
    // It says there that events were enabled, and nothing else unless it fails.
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let process = Guarded::start("perf".to_owned(), command, TOOL_PLACE)?;
    (&control.file).write_all(b"enable\n")?;
    answer.wait("perf")?;
    Ok(Counter {
        process,
        results,
        read: read_perf,
    })
}

/// One line such as `20431,,raw_syscalls:sys_enter,…`.
fn read_perf(text: &str) -> Counts {
    let count = text
        .lines()
        .filter(|line| line.contains(ALL))
        .find_map(|line| {
            let (count, _) = line.split_once(',')?;
            count.parse().ok()
        });
    count
        .map(|count| ("all".to_owned(), count))
        .into_iter()
        .collect()
}

fn start_strace(scratch: &Path, server: &Server) -> Result<Counter> {
    let results = scratch.join("strace.txt");
    let mut command = Command::new("strace");
    command
        .args(["-c", "-f", "-o"])
        .arg(&results)
        .arg("-p")
        .arg(server.id().to_string());
    command.stdin(Stdio::null()).stderr(Stdio::piped());
    let mut process = Guarded::start("strace".to_owned(), command, TOOL_PLACE)?;
    let mut first_line = String::new();
    BufReader::new(process.take_errors()).read_line(&mut first_line)?;
    if !first_line.contains("attached") {
        return Err(format!("strace did not attach: {}", first_line.trim_end()).into());
    }
    Ok(Counter {
        process,
        results,
        read: read_strace,
    })
}

/// Lines such as `48.18  0.001  1  20431  12 recvfrom`, where the number of errors may be missing.
fn read_strace(text: &str) -> Counts {
    let mut counts = Counts::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [share, _, _, calls, .., name] = fields[..] else {
            continue;
        };
        if let (Ok(_), Ok(calls), true) = (share.parse::<f64>(), calls.parse(), name != "total") {
            counts.insert(name.to_owned(), calls);
        }
    }
    counts
}

/// One direction of talking with perf. Open for both at this end, so that opening does not wait for
/// the other.
struct Fifo {
    path: PathBuf,
    file: File,
}

impl Fifo {
    fn new(path: PathBuf) -> Result<Self> {
        system::make_fifo(&path)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(&path)?;
        Ok(Self { path, file })
    }

    /// Waits until something is said, but not for ever.
    fn wait(&self, who: &str) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            match (&self.file).read(&mut [0; 64]) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(error) => return Err(error.into()),
                Ok(_) => return Ok(()),
            }
        }
        Err(format!("{who} does not answer").into())
    }
}

impl Drop for Fifo {
    fn drop(&mut self) {
        // The directory is removed as a whole at the end; this only makes room for the next one.
        let _ = fs::remove_file(&self.path);
    }
}
