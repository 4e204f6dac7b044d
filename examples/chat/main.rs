//! A chat server for netcat: what one types, all the others read.
//!
//! ```text
//! $ cargo run --example chat
//! $ nc 127.0.0.1 1400          in a second terminal
//! $ nc 127.0.0.1 1400          in a third: type something in either
//! ```
//!
//! Where to listen can be said in words, and more than once:
//!
//! ```text
//! $ cargo run --example chat -- tcp:1400 tcp:1401:interface=127.0.0.1
//! ```
//!
//! The one idea: what connections share is an `Rc`. The room itself is in `chat.rs`.

mod chat;
mod visible;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::rc::Rc;

use reactor::endpoints::server_from_string;
use reactor::{Group, ListeningPort, Reactor};

const DEFAULT_ENDPOINT: &str = "tcp:1400:interface=127.0.0.1";

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chat: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut endpoints: Vec<String> = std::env::args().skip(1).collect();
    if endpoints.is_empty() {
        endpoints.push(DEFAULT_ENDPOINT.to_owned());
    }
    let room = Rc::new(chat::Room {
        banner: "Welcome to NetCatChat!\r\n",
        everybody: Group::new(),
    });
    let reactor = Reactor::new()?;
    for endpoint in &endpoints {
        let port = server_from_string(endpoint)?.listen(&reactor, chat::factory(&room))?;
        // Nobody may be reading what is printed; the chat goes on all the same.
        let _ = tell_what_to_type(&port);
    }
    reactor.run()?;
    Ok(())
}

fn tell_what_to_type(port: &ListeningPort) -> io::Result<()> {
    let mut out = io::stdout();
    match port.local_addr().socket_addr() {
        Some(at) if at.ip().is_unspecified() => {
            writeln!(
                out,
                "Type this in other terminals: nc 127.0.0.1 {}",
                at.port()
            )
        }
        Some(at) => writeln!(
            out,
            "Type this in other terminals: nc {} {}",
            at.ip(),
            at.port()
        ),
        None => writeln!(out, "Listening at {}", port.local_addr()),
    }
}
