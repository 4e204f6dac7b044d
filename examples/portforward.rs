//! Joins two connections: what a client sends goes to another server, and the answers back.
//!
//! ```text
//! $ cargo run --example chat              somewhere to go
//! $ cargo run --example portforward       in a second terminal
//! $ nc 127.0.0.1 1401                     in a third: it is the chat
//! ```
//!
//! Where to listen and where to connect to can be said in words:
//!
//! ```text
//! $ cargo run --example portforward -- tcp:8081 tcp:example.com:80
//! ```
//!
//! The one idea: a transport may be kept, and used from the callbacks of another connection. Whoever
//! reads slowly pauses the reading of the other side, so the memory of a pair is bounded.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::io::{self, Write};
use std::rc::Rc;

use reactor::endpoints::{ClientEndpoint, ServerEndpoint, client_from_string, server_from_string};
use reactor::{
    Address, CannotListen, Connector, Factory, ListeningPort, Protocol, Reactor, Reason, Transport,
    WeakReactor,
};

/// Listens, and forwards each connection to the server that `to` names.
pub(crate) fn forward(
    reactor: &Reactor,
    from: &ServerEndpoint,
    to: ClientEndpoint,
) -> Result<ListeningPort, CannotListen> {
    let (reactor_again, to) = (reactor.downgrade(), Rc::new(to));
    from.listen(reactor, move |_| Side {
        next: Next::Connect(reactor_again.clone(), Rc::clone(&to)),
        this: Rc::default(),
        other: Rc::default(),
        one_has_ended: Rc::default(),
    })
}

/// One of two connections that are joined.
struct Side {
    next: Next,
    /// The two of them, which each side knows, as soon as they are made.
    this: Rc<RefCell<Option<Transport>>>,
    other: Rc<RefCell<Option<Transport>>>,
    one_has_ended: Rc<Cell<bool>>,
}

/// What becomes of a side when it is made.
enum Next {
    /// The client's side: the other side is to be made.
    Connect(WeakReactor, Rc<ClientEndpoint>),
    /// The client's side, again: the other side is being made.
    Wait(Connector),
    /// The server's side: both are there.
    Join,
}

impl Side {
    fn with_other(&self, f: impl FnOnce(&Transport)) {
        if let Some(other) = &*self.other.borrow() {
            f(other);
        }
    }

    /// The other side, which is not connected yet.
    fn opposite(&self) -> Self {
        Self {
            next: Next::Join,
            this: Rc::clone(&self.other),
            other: Rc::clone(&self.this),
            one_has_ended: Rc::clone(&self.one_has_ended),
        }
    }

    /// The server is there: what the client has sent meanwhile may come, or that it will not send.
    fn join(&self, server: &Transport) {
        if self.one_has_ended.get() {
            server.lose_write_connection();
        }
        self.with_other(Transport::resume_reading);
    }
}

impl Protocol for Side {
    fn connection_made(&mut self, transport: &Transport) {
        *self.this.borrow_mut() = Some(transport.clone());
        match &self.next {
            Next::Connect(reactor, endpoint) => {
                let Some(reactor) = reactor.upgrade() else {
                    return;
                };
                // Nothing is read as long as there is nobody to give it to.
                transport.pause_reading();
                let server = Server(Some(self.opposite()), transport.clone());
                self.next = Next::Wait(endpoint.connect(&reactor, server));
            }
            Next::Wait(_) => {}
            Next::Join => self.join(transport),
        }
    }

    fn data_received(&mut self, _: &Transport, data: &[u8]) {
        self.with_other(|other| {
            other.write(data);
        });
    }

    /// Who has said everything may still get an answer, so only one half of each ends.
    fn read_closed(&mut self, _: &Transport) {
        self.one_has_ended.set(true);
        self.with_other(Transport::lose_write_connection);
    }

    fn writing_paused(&mut self, _: &Transport) {
        self.with_other(Transport::pause_reading);
    }

    fn writing_resumed(&mut self, _: &Transport) {
        self.with_other(Transport::resume_reading);
    }

    fn connection_lost(&mut self, _: &Transport, reason: &Reason) {
        if let Next::Wait(connector) = &self.next {
            connector.cancel();
        }
        // Nobody shall take what he got for all there was.
        self.with_other(match reason.is_clean() {
            true => Transport::lose_connection,
            false => Transport::abort_connection,
        });
    }
}

/// Makes the server's side, for a client that waits.
struct Server(Option<Side>, Transport);

impl Factory for Server {
    type Protocol = Side;

    fn build_protocol(&mut self, _: &Address) -> Option<Side> {
        self.0.take()
    }

    fn connection_failed(&mut self, reason: &Reason) {
        log::warn!("{} cannot be forwarded: {reason}", self.1.peer_addr());
        self.1.abort_connection();
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init();
    let mut arguments = std::env::args().skip(1);
    let mut argument = |default: &str| arguments.next().unwrap_or_else(|| default.to_owned());
    let from = server_from_string(&argument("tcp:1401:interface=127.0.0.1"))?;
    let to = client_from_string(&argument("tcp:127.0.0.1:1400"))?;
    let reactor = Reactor::new()?;
    // Nobody may be reading what is printed; it forwards all the same.
    let _ = writeln!(
        io::stdout(),
        "Forwarding from {from} to {to}. Ctrl-C stops it."
    );
    forward(&reactor, &from, to)?;
    reactor.run()?;
    Ok(())
}
