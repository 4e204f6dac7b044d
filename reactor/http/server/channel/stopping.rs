//! How a connection takes part in a stop: no request that has come is left without its answer.

use super::HttpChannel;
use super::exchange::Stage;
use crate::transport::Transport;

impl HttpChannel {
    /// The request that is being answered still gets its answer, and is the last.
    pub(super) fn stop(&mut self, transport: &Transport) {
        match &mut self.waiting {
            Some(waiting) => {
                self.closing = true;
                waiting.exchange.meta.persistent = false;
            }
            // A request may have come since the socket was last read. One that is still on its way when the
            // connection is closed sees that it has no answer: RFC 9112, section 9.3.1, lets the client
            // try again.
            None => transport
                .handle::<Self>()
                .call_after_look(Self::close_if_idle),
        }
    }

    /// What has begun to come goes on, within its deadlines: its answer is the last, as the loop stops.
    fn close_if_idle(&mut self, transport: &Transport) {
        if self.waiting.is_none() && self.held.is_none() && !self.reader.is_within() {
            self.closing = true;
            self.close(transport);
        }
    }

    /// What the client waits for.
    pub(super) fn request_left(&self) -> Option<String> {
        let Some(waiting) = &self.waiting else {
            let is_within = self.reader.is_within();
            return is_within.then(|| "the rest of a request".to_owned());
        };
        Some(match &waiting.stage {
            Stage::Collecting { .. } | Stage::Discarding { .. } => {
                "the rest of a request's body".to_owned()
            }
            Stage::Answering { name, .. } => format!("the answer of {name}"),
            Stage::Chunks { .. } | Stage::Stream(_) | Stage::Ending => {
                "the rest of an answer's body".to_owned()
            }
            Stage::Sent => "a request's body that its resource still reads".to_owned(),
        })
    }
}
