//! A chat server for netcat: what one types, all the others read. Beside it, in the same reactor, an
//! HTTP API that says how many are here and changes what they are welcomed with.
//!
//! ```text
//! $ cargo run --example chat
//! $ nc 127.0.0.1 1400                       in a second terminal
//! $ nc 127.0.0.1 1400                       in a third: type something in either
//! $ curl http://127.0.0.1:8080/users/       in a fourth
//! ```
//!
//! Where to listen can be said in words, and more than once:
//!
//! ```text
//! $ cargo run --example chat -- tcp:1400 tcp:1401:interface=127.0.0.1
//! $ cargo run --example chat -- tcp:1400:keepalive=30       who is unreachable for so long is gone
//! $ cargo run --example chat -- unix:/tmp/chat.sock         for this machine only
//! $ cargo run --example chat -- --api tcp:8081:interface=127.0.0.1      or --no-api
//! $ CHAT_TOKEN=secret cargo run --example chat        only who knows it may change the banner
//! $ cargo run --example chat -- --name chat.example   also by this name may somebody change it
//! ```
//!
//! The one idea: what connections share is an `Rc`. The room itself is in `chat.rs`, and the API,
//! which shares it too, in `api.rs`. `logging.rs` keeps the log from holding up the loop.

mod api;
mod chat;
mod logging;
mod options;
mod sender;
mod token;
mod visible;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use reactor::endpoints::server_from_string;
use reactor::{Address, ListeningPort, Reactor};

use crate::options::Options;

fn main() -> ExitCode {
    let _log = logging::init();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chat: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let options = Options::parse(std::env::args().skip(1))?;
    let room = chat::Room::new("Welcome to NetCatChat!");
    let reactor = Reactor::new()?;
    for endpoint in &options.endpoints {
        let port = server_from_string(endpoint)?.listen(&reactor, chat::factory(&room))?;
        // Nobody may be reading what is printed; the chat goes on all the same.
        let _ = tell_what_to_type(&port);
    }
    if let Some(endpoint) = &options.api {
        let site = api::site(&reactor, &room, options.names, token::from_environment()?);
        let port = server_from_string(endpoint)?
            .listen(&reactor, site)
            .map_err(|error| format!("{error} (--api says where else, --no-api goes without)"))?;
        let _ = writeln!(io::stdout(), "The API: http://{}/", reachable(&port));
    }
    reactor.run()?;
    Ok(())
}

fn tell_what_to_type(port: &ListeningPort) -> io::Result<()> {
    let mut out = io::stdout();
    let at = reachable(port);
    if let Some(socket) = port.local_addr().unix_addr() {
        return writeln!(out, "Type this in other terminals: nc -U {socket}");
    }
    match at.rsplit_once(':') {
        Some((host, port)) => writeln!(out, "Type this in other terminals: nc {host} {port}"),
        None => writeln!(out, "Listening at {at}"),
    }
}

/// Where somebody on this machine finds a port.
fn reachable(port: &ListeningPort) -> String {
    match port.local_addr() {
        Address::Tcp(at) if at.ip().is_unspecified() => format!("127.0.0.1:{}", at.port()),
        other => other.to_string(),
    }
}
