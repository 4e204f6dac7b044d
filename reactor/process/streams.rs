//! The streams of a child: connections whose protocol passes everything on to that of the child.

use std::rc::Rc;

use super::running::Running;
use crate::address::Address;
use crate::factory::Factory;
use crate::limits::Limits;
use crate::protocol::Protocol;
use crate::reason::Reason;
use crate::transport::Transport;

#[derive(Clone, Copy)]
pub(super) enum Which {
    Stdin,
    Stdout,
    Stderr,
}

/// Counts as a stream of the child until it is dropped, also if it never became a connection.
struct Stream {
    running: Rc<Running>,
    which: Which,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.running.stream_is_gone();
    }
}

/// Has the protocol of one stream, once.
pub(super) struct StreamFactory {
    stream: Option<Stream>,
    limits: Limits,
}

impl StreamFactory {
    pub(super) fn new(running: &Rc<Running>, which: Which, limits: Limits) -> Self {
        running.stream_begins();
        Self {
            stream: Some(Stream {
                running: Rc::clone(running),
                which,
            }),
            limits,
        }
    }
}

/// The protocol of one stream.
pub(super) struct StreamProtocol(Stream);

impl Factory for StreamFactory {
    type Protocol = StreamProtocol;

    fn build_protocol(&mut self, _: &Address) -> Option<StreamProtocol> {
        self.stream.take().map(StreamProtocol)
    }

    fn limits(&self) -> Limits {
        self.limits.clone()
    }
}

impl Protocol for StreamProtocol {
    fn connection_made(&mut self, _: &Transport) {
        self.0.running.with(|_, _| {}); // calls `process_made` if none did
    }

    fn data_received(&mut self, _: &Transport, data: &[u8]) {
        let which = self.0.which;
        self.0.running.with(|protocol, process| match which {
            Which::Stdin => {}
            Which::Stdout => protocol.output_received(process, data),
            Which::Stderr => protocol.error_received(process, data),
        });
    }

    fn writing_paused(&mut self, _: &Transport) {
        self.0
            .running
            .with(|protocol, process| protocol.writing_paused(process));
    }

    fn writing_resumed(&mut self, _: &Transport) {
        self.0
            .running
            .with(|protocol, process| protocol.writing_resumed(process));
    }

    /// The child is asked; its streams end with it.
    fn shutdown_requested(&mut self, _: &Transport) {}

    fn connection_lost(&mut self, _: &Transport, reason: &Reason) {
        if let Reason::Panicked { .. } = reason {
            self.0.running.process.kill();
        }
        let which = self.0.which;
        self.0.running.with(|protocol, process| match which {
            Which::Stdin => protocol.stdin_lost(process, reason),
            Which::Stdout => protocol.stdout_lost(process, reason),
            Which::Stderr => protocol.stderr_lost(process, reason),
        });
    }
}
