//! Child processes: their streams are transports, their exit is an event.
//!
//! ```text
//!                      ┌── stdin ◀── write, with marks and limits as on a socket
//!   spawn_process ──▶ child ── stdout ──▶ output_received
//!                      └── stderr ──▶ error_received
//!
//!   process_made ─▶ ( output_received | error_received | … | stdin_lost | stdout_lost | stderr_lost )*
//!                     process_exited: it exited; its streams may go on
//!                     process_ended: it exited, and all its streams are lost
//! ```
//!
//! No thread, no signal handler and no polling is needed on Linux 5.3 and later: the loop waits for a pidfd. Elsewhere
//! SIGCHLD makes it look at each of its children. Each child is waited for by itself, so that children of the rest of
//! the program are left alone.
//!
//! A stop of the loop calls [`ProcessProtocol::shutdown_requested`], by default SIGTERM, and kills what is
//! left when the grace is over. A loop that is dropped kills its children, too, and waits for them, at most a
//! second: a child does not outlive its loop, and is no zombie afterwards. When the program itself is killed,
//! children go on and see the end of their streams.
//!
//! Nothing here works in a simulation, in which spawning fails with
//! [`Unsupported`](std::io::ErrorKind::Unsupported): a protocol is tested by calling its methods.

mod collect;
mod command;
mod connect;
mod error;
mod handle;
mod protocol;
pub(crate) mod running;
mod signal;
mod spawn;
mod streams;

pub use self::command::ProcessCommand;
pub use self::error::{CannotSpawn, OutputTooLong, ProcessFailed};
pub use self::handle::Process;
pub use self::protocol::ProcessProtocol;
pub use self::signal::ProcessSignal;

pub(crate) use self::collect::{get_output, get_output_and_status};
pub(crate) use self::connect::{connect, connector};
pub(crate) use self::spawn::spawn;
