//! A body on its way out: its framing, and whether there is room for more of it.

use std::cell::Cell;
use std::rc::Rc;

use crate::contained::Contained;
use crate::deferred::Failure;
use crate::http::wire::chunked::{LAST_CHUNK, chunk_line};
use crate::http::wire::framing::Framing;
use crate::observe::{Callback, Cause};
use crate::reactor::Reactor;
use crate::transport::Transport;
use crate::weak_reactor::WeakReactor;

/// An iterator is asked for at most this many chunks at once, however small they are.
const CHUNKS_AT_ONCE: usize = 1000;

/// Chunks that are asked for one by one.
pub(crate) struct Chunks {
    pub(crate) length: Option<u64>,
    pub(crate) chunks: Contained<Box<dyn Iterator<Item = Result<Vec<u8>, Failure>>>>,
}

/// What sends a body, and is notified of how it goes. Never called back from inside a call: each of these
/// notes what happened, and the loop passes it on.
pub(crate) trait Sender {
    /// There is room for more.
    fn room_made(&self);

    /// The body has ended: after this many bytes, or with a failure.
    fn body_ended(&self, result: Result<u64, Failure>);
}

/// The connection that a body goes out on.
pub(crate) struct Outgoing {
    transport: Transport,
    reactor: WeakReactor,
    sender: Rc<dyn Sender>,
    framing: Framing,
    written: Rc<Cell<u64>>,
}

impl Outgoing {
    pub(crate) fn new(
        transport: &Transport,
        reactor: &WeakReactor,
        sender: Rc<dyn Sender>,
        framing: Framing,
    ) -> Self {
        Self {
            transport: transport.clone(),
            reactor: reactor.clone(),
            sender,
            framing,
            written: Rc::default(),
        }
    }

    /// How many bytes of the body were written, now and later.
    pub(crate) fn written(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.written)
    }

    /// Writes bytes of the body. Returns whether anybody may get them.
    pub(crate) fn write(&mut self, data: &[u8]) -> bool {
        // Counted for the access log, which has it also where the answer breaks off.
        self.written.set(self.written.get() + data.len() as u64);
        match &mut self.framing {
            Framing::None => false,
            Framing::UntilClose => self.transport.write(data),
            // An empty chunk would be the end of the body.
            Framing::Chunked if data.is_empty() => true,
            Framing::Chunked => {
                let line = chunk_line(data.len());
                self.transport
                    .write_sequence(&[line.as_bytes(), data, b"\r\n"])
            }
            Framing::Length(left) => match left.checked_sub(data.len() as u64) {
                Some(rest) => {
                    *left = rest;
                    self.transport.write(data)
                }
                None => {
                    let failure = Failure::message("a body is longer than it was said to be");
                    // What is written behind it would be read as the next answer.
                    self.framing = Framing::None;
                    self.sender.body_ended(Err(failure));
                    false
                }
            },
        }
    }

    /// Writes chunks until there is no room, and then waits for some, or until there is no chunk,
    /// and returns how they ended.
    pub(crate) fn take_chunks(
        &mut self,
        reactor: &Reactor,
        chunks: &mut Chunks,
    ) -> Option<Result<(), Failure>> {
        for _ in 0..CHUNKS_AT_ONCE {
            if !self.has_room() {
                break;
            }
            match self.next_chunk(reactor, chunks) {
                None => return Some(Ok(())),
                Some(Err(failure)) => return Some(Err(failure)),
                Some(Ok(chunk)) if self.write(&chunk) => {}
                Some(Ok(_)) => return None, // dropped: the connection is lost, which is reported next
            }
        }
        self.notify_of_room();
        None
    }

    /// Asks an iterator, which is a consumer's.
    fn next_chunk(
        &self,
        reactor: &Reactor,
        chunks: &mut Chunks,
    ) -> Option<Result<Vec<u8>, Failure>> {
        let callback = || Callback {
            cause: Cause::Request,
            connection: Some(self.transport.id()),
            name: "the chunks of a body",
            place: None,
        };
        let result = reactor.0.dispatch().call(callback, || chunks.chunks.next());
        result.unwrap_or_else(|_| Some(Err(Failure::message("the chunks of a body panicked"))))
    }

    /// Writes the end of the body, and notifies the sender.
    pub(crate) fn end(self, result: Result<(), Failure>) {
        let written = self.written.get();
        let result = result.and_then(|()| match self.framing {
            Framing::Length(1..) => {
                Err(Failure::message("a body is shorter than it was said to be"))
            }
            Framing::Chunked => {
                // Only behind a good end: without it the peer knows that the body is not whole.
                self.transport.write(LAST_CHUNK);
                Ok(written)
            }
            Framing::None | Framing::Length(0) | Framing::UntilClose => Ok(written),
        });
        self.sender.body_ended(result);
    }

    /// Whether so little is unsent that more may be written.
    pub(crate) fn has_room(&self) -> bool {
        self.unsent() <= self.transport.limits().high_water
    }

    /// How much the peer has not taken.
    pub(crate) fn unsent(&self) -> usize {
        self.transport.unsent()
    }

    /// Whether `writing_paused` was called.
    pub(crate) fn is_stuck(&self) -> bool {
        self.transport.is_above_high_water()
    }

    pub(crate) fn is_over(&self) -> bool {
        !self.transport.is_open()
    }

    /// Calls the sender when there is room: in the next turn, if the socket has taken most of what
    /// was written in this one. If it has not, then the protocol gets `writing_paused`, and calls
    /// the sender itself at `writing_resumed`.
    pub(crate) fn notify_of_room(&self) {
        let Some(reactor) = self.reactor.upgrade() else {
            return;
        };
        notify_of_room(&reactor, self.transport.clone(), Rc::clone(&self.sender));
    }
}

fn notify_of_room(reactor: &Reactor, transport: Transport, sender: Rc<dyn Sender>) {
    let weak = reactor.downgrade();
    reactor.call_soon(move || {
        if transport.unsent() <= transport.limits().high_water {
            sender.room_made();
        } else if !transport.is_above_high_water()
            && transport.is_open()
            && let Some(reactor) = weak.upgrade()
        {
            // What was written was not handed to the socket yet. When it was, either there is room
            // or `writing_paused` was called.
            notify_of_room(&reactor, transport, sender);
        }
    });
}
