//! The body of an answer that goes out bit by bit: from an iterator, or through a sink.

use std::rc::Rc;

use super::exchange::{Exchange, Stage, Written};
use super::{HttpChannel, Work};
use crate::deferred::Failure;
use crate::handle::Handle;
use crate::http::body::Kind;
use crate::http::body::outgoing::{Outgoing, Sender};
use crate::http::body::sink::Pipe;
use crate::http::wire::framing::Framing;
use crate::reason::Reason;
use crate::transport::Transport;
use crate::visible::visible;

impl HttpChannel {
    /// Begins with a body whose bytes are not known yet.
    pub(super) fn send_stream(
        &mut self,
        work: &mut Work<'_>,
        exchange: Exchange,
        body: Kind,
        framing: Framing,
    ) {
        // What was gathered comes before what the body writes.
        work.flush();
        let outgoing = self.outgoing(work.transport, framing);
        let written = outgoing.written();
        match body {
            Kind::Chunks(_) if framing == Framing::None => self.sent(work, exchange, 0),
            Kind::Stream(stream) if framing == Framing::None => {
                Pipe::abandon(&stream);
                self.sent(work, exchange, 0);
            }
            Kind::Chunks(chunks) => {
                let mut waiting = exchange.wait(Stage::Chunks { chunks, outgoing });
                waiting.written = Some(written);
                self.waiting = Some(waiting);
                self.send_chunks(work);
            }
            Kind::Stream(stream) => {
                let stream = Rc::clone(&stream);
                let mut waiting = exchange.wait(Stage::Stream(Rc::clone(&stream)));
                waiting.written = Some(written);
                self.waiting = Some(waiting);
                Pipe::attach(&stream, outgoing);
            }
            Kind::Empty | Kind::Static(_) | Kind::Owned(_) | Kind::Shared(_) => {}
        }
    }

    fn outgoing(&self, transport: &Transport, framing: Framing) -> Outgoing {
        let sender = Rc::new(AnswerSender {
            handle: transport.handle(),
            serial: self.serial,
        });
        Outgoing::new(transport, &self.site.reactor, sender, framing)
    }

    /// Asks for chunks until there is no room, or no chunk.
    fn send_chunks(&mut self, work: &mut Work<'_>) {
        let Some(waiting) = &mut self.waiting else {
            return;
        };
        let Stage::Chunks { chunks, outgoing } = &mut waiting.stage else {
            return;
        };
        let Some(result) = outgoing.take_chunks(work.reactor, chunks) else {
            return;
        };
        // `end` takes what it ends, and what it reports comes back through the handle, to a stage that
        // expects it.
        let stage = std::mem::replace(&mut waiting.stage, Stage::Ending);
        if let Stage::Chunks { outgoing, .. } = stage {
            outgoing.end(result);
        }
    }

    /// The body of an answer has ended.
    fn body_sent(&mut self, transport: &Transport, serial: u32, result: Result<u64, Failure>) {
        let sending = self
            .waiting
            .take_if(|waiting| serial == self.serial && waiting.written() == Written::Part);
        let Some(waiting) = sending else {
            return;
        };
        match result {
            Ok(bytes) => self.work(transport, |channel, work| {
                channel.sent(work, waiting.exchange, bytes);
                channel.go_on(work);
            }),
            Err(failure) => {
                let id = transport.id();
                let why = failure.to_string();
                failure.report(
                    module_path!(),
                    format_args!("the answer on {id} was broken off: {}", visible(&why)),
                );
                // Not a close: the client would take what it has for the whole, if only the end says
                // so.
                transport.abort_connection();
                waiting.break_off(failure, &self.site.wall_clock);
            }
        }
    }

    /// Writes and reads on, now that the peer has taken most of what was written.
    pub(super) fn go_on_sending(&mut self, work: &mut Work<'_>) {
        self.log_with_room(work);
        // The body first, then the next request: answers are strictly in turn.
        match self.waiting.as_ref().map(|waiting| &waiting.stage) {
            Some(Stage::Chunks { .. }) => self.send_chunks(work),
            Some(Stage::Stream(stream)) => Pipe::room_made(&Rc::clone(stream)),
            Some(_) | None => {}
        }
        if self.takes_input() {
            self.read_held(work);
        }
    }

    /// Whether an answer is waited for by a client that has gone, as the end of its stream shows: see
    /// [`HALF_CLOSE`](super::deadlines). Of several requests in a row it is the last that the end
    /// belongs to.
    pub(super) fn is_left_alone(&self) -> bool {
        let stage = self.waiting.as_ref().map(|waiting| &waiting.stage);
        let waits = matches!(
            stage,
            Some(Stage::Answering {
                may_half_close: false,
                ..
            })
        );
        waits && self.held.is_none() && !self.reader.is_within()
    }

    /// The client is gone, and does not get the rest of the answer.
    pub(super) fn break_off(&mut self, reason: &Reason) {
        self.held = None;
        if let Some(waiting) = self.waiting.take() {
            waiting.break_off(Failure::from(reason.clone()), &self.site.wall_clock);
        }
    }

    /// Asks to be called when there is room to answer what is held.
    pub(super) fn ask_for_room(&mut self, work: &mut Work<'_>) {
        self.outgoing(work.transport, Framing::None)
            .notify_of_room();
    }
}

/// The connection as a body on its way out sees it.
struct AnswerSender {
    handle: Handle<HttpChannel>,
    /// The exchange that the body belongs to.
    serial: u32,
}

impl Sender for AnswerSender {
    fn room_made(&self) {
        self.handle.call(|channel, transport| {
            channel.work(transport, HttpChannel::go_on_sending);
        });
    }

    fn body_ended(&self, result: Result<u64, Failure>) {
        let serial = self.serial;
        self.handle
            .call(move |channel, transport| channel.body_sent(transport, serial, result));
    }
}
