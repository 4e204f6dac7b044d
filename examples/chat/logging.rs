//! A log that does not hold up the loop.
//!
//! A pipe that nobody reads and a terminal that was stopped take no more when they are full, and who
//! writes to them waits. Clients decide how much is logged, so that would be a way to stop the server.
//! Here lines go to a thread of their own, which may wait; those for which it has no room are dropped,
//! and counted.
//!
//! ```text
//! loop ── log::info! ──▶ room for 1,024 lines ──▶ thread ──▶ standard error
//! ```

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// So many lines wait at most.
const ROOM: usize = 1024;

/// A program that ends waits so long at most for its last lines to be written.
const PATIENCE: Duration = Duration::from_secs(1);

/// Installs the logger. What is logged is said by `RUST_LOG`, and is `info` without it.
///
/// When the returned value is dropped, the lines until then are written.
#[must_use = "the last lines are written when it is dropped"]
pub(crate) fn init() -> Log {
    let (lines, queue) = sync_channel(ROOM);
    thread::spawn(move || write_all(&queue, &mut io::stderr()));
    let writer = Lines {
        lines: lines.clone(),
        dropped: 0,
    };
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info"))
        .target(env_logger::Target::Pipe(Box::new(writer)))
        .init();
    Log(lines)
}

enum Message {
    Line(Vec<u8>),
    /// Whoever has the other end waits for everything before this to be written.
    Done(SyncSender<()>),
}

fn write_all(queue: &Receiver<Message>, to: &mut impl Write) {
    for message in queue {
        match message {
            Message::Line(line) => {
                // Where it cannot be written, nobody reads it.
                let _ = to.write_all(&line);
            }
            Message::Done(written) => drop(written),
        }
    }
}

/// The end of the queue into which the logger writes, a line at a time.
struct Lines {
    lines: SyncSender<Message>,
    dropped: u64,
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut message = line.to_vec();
        if self.dropped > 0 {
            message = format!("({} lines were dropped)\n", self.dropped).into_bytes();
            message.extend_from_slice(line);
        }
        match self.lines.try_send(Message::Line(message)) {
            Ok(()) => self.dropped = 0,
            Err(_) => self.dropped += 1,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The logger of the program.
pub(crate) struct Log(SyncSender<Message>);

impl Drop for Log {
    fn drop(&mut self) {
        let (done, written) = sync_channel(0);
        if self.0.try_send(Message::Done(done)).is_ok() {
            let _ = written.recv_timeout(PATIENCE);
        }
    }
}
