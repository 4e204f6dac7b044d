//! A terminal for the chat: what is typed goes to the others, and what they say is printed.
//!
//! ```text
//! $ cargo run --example chat
//! $ cargo run --example chat_client                            in a second terminal
//! $ cargo run --example chat_client -- unix:/run/chat.sock     another place to connect to
//! ```
//!
//! The one idea: the standard input and output are a connection like any other, so this program is two
//! protocols, each of which writes what it receives to the other's transport. Ctrl-D ends it.

use reactor::endpoints::client_from_string;
use reactor::{Protocol, Reactor, Reason, Transport, WeakReactor};

/// What is typed goes to the chat.
struct Terminal(Transport);

impl Protocol for Terminal {
    fn data_received(&mut self, _: &Transport, typed: &[u8]) {
        self.0.write(typed);
    }

    /// Nothing more is typed, and what the others still say is printed until the chat closes, too.
    fn read_closed(&mut self, _: &Transport) {
        self.0.lose_write_connection();
    }

    /// Whoever reads the output is behind. The chat waits, and so this program's memory is bounded.
    fn writing_paused(&mut self, _: &Transport) {
        self.0.pause_reading();
    }

    fn writing_resumed(&mut self, _: &Transport) {
        self.0.resume_reading();
    }

    fn connection_lost(&mut self, _: &Transport, _: &Reason) {
        self.0.lose_connection();
    }
}

/// What the others say goes to the terminal, which is opened when there is somebody to talk to.
struct Chat(WeakReactor, Option<Transport>);

impl Protocol for Chat {
    fn connection_made(&mut self, transport: &Transport) {
        let chat = transport.clone();
        let reactor = self.0.upgrade();
        let terminal = reactor.map(|reactor| reactor.stdio(move |_| Terminal(chat.clone())));
        match terminal.transpose() {
            Ok(terminal) => self.1 = terminal,
            Err(error) => transport.fail_connection(error.into()),
        }
    }

    fn data_received(&mut self, _: &Transport, said: &[u8]) {
        self.with_terminal(|terminal| {
            terminal.write(said);
        });
    }

    fn writing_paused(&mut self, _: &Transport) {
        self.with_terminal(Transport::pause_reading);
    }

    fn writing_resumed(&mut self, _: &Transport) {
        self.with_terminal(Transport::resume_reading);
    }

    fn connection_lost(&mut self, _: &Transport, reason: &Reason) {
        eprintln!("chat_client: {reason}");
        self.with_terminal(Transport::lose_connection);
    }
}

impl Chat {
    fn with_terminal(&self, f: impl FnOnce(&Transport)) {
        if let Some(terminal) = &self.1 {
            f(terminal);
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = std::env::args().nth(1);
    let endpoint = client_from_string(place.as_deref().unwrap_or("tcp:127.0.0.1:1400"))?;
    let reactor = Reactor::new()?;
    let weak = reactor.downgrade();
    let chat = endpoint.connect(&reactor, move |_| Chat(weak.clone(), None));
    reactor.run_until(chat.connected())?;
    reactor.run()?;
    Ok(())
}
