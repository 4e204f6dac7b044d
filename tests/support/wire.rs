//! One connection over a real socket, whose pieces arrive as they are sent.
//!
//! The peer is a plain socket of the standard library in the same thread. The loop makes turns
//! until it has read what was sent, so each `send` is one `data_received`.

use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::rc::Rc;
use std::time::{Duration, Instant};

use reactor::{Event, Factory, Observer, Reactor};

const PATIENCE: Duration = Duration::from_secs(10);

/// What happened, in order, in words.
pub(crate) type Log = Rc<RefCell<Vec<String>>>;

/// What the loop has seen of the connection.
#[derive(Default)]
struct Seen {
    received: Cell<usize>,
    lost: Cell<bool>,
}

impl Observer for Seen {
    fn event(&self, _: Instant, event: &Event<'_>) {
        match event {
            Event::BytesReceived { bytes, .. } => self.received.set(self.received.get() + bytes),
            Event::ConnectionLost { .. } => self.lost.set(true),
            _ => {}
        }
    }
}

pub(crate) struct Wire {
    pub(crate) reactor: Reactor,
    pub(crate) peer: TcpStream,
    seen: Rc<Seen>,
    sent: usize,
}

impl Wire {
    /// Connects a peer to a server with this factory.
    pub(crate) fn to(factory: impl Factory) -> Self {
        let reactor = Reactor::new().unwrap();
        let seen = Rc::new(Seen::default());
        reactor.add_observer(seen.clone());
        let port = reactor.listen_tcp("127.0.0.1:0", factory).unwrap();
        let peer = TcpStream::connect(port.local_addr().socket_addr().unwrap()).unwrap();
        peer.set_nodelay(true).unwrap();
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            reactor,
            peer,
            seen,
            sent: 0,
        }
    }

    /// Makes turns until something is so.
    #[track_caller]
    pub(crate) fn turn_until(&self, what: &str, is_so: impl Fn() -> bool) {
        let began = Instant::now();
        while !is_so() {
            assert!(began.elapsed() < PATIENCE, "still not so: {what}");
            let sleep = Some(Duration::from_millis(20));
            self.reactor.turn(sleep).unwrap();
        }
    }

    /// Makes a few turns, in which what is due happens, and nothing else.
    pub(crate) fn settle(&self) {
        for _ in 0..5 {
            self.reactor.turn(Some(Duration::ZERO)).unwrap();
        }
    }

    /// Sends bytes, which the protocol has received when this returns, unless it is gone.
    #[track_caller]
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.peer.write_all(bytes).unwrap();
        self.sent += bytes.len();
        self.turn_until("everything was received", || {
            self.seen.received.get() >= self.sent || self.seen.lost.get()
        });
        self.settle();
    }

    /// Sends bytes that are not read yet.
    pub(crate) fn send_unread(&mut self, bytes: &[u8]) {
        self.peer.write_all(bytes).unwrap();
        self.sent += bytes.len();
        self.settle();
    }

    /// Ends what the peer sends. On a connection that was reset there is nothing to end.
    pub(crate) fn finish(&mut self) {
        let _ = self.peer.shutdown(Shutdown::Write);
        self.settle();
    }

    #[track_caller]
    pub(crate) fn turn_until_lost(&self) {
        self.turn_until("the connection is lost", || self.seen.lost.get());
    }

    /// What the server has sent until it closed.
    #[track_caller]
    pub(crate) fn read_to_end(&mut self) -> Vec<u8> {
        self.settle();
        let mut answer = Vec::new();
        self.peer.read_to_end(&mut answer).unwrap();
        answer
    }
}
