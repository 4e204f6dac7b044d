//! Connections that each send a message, wait for its echo and send the next.

use std::io::Write;
use std::net::TcpStream;

use comparison::Result;
use comparison::dialogue::Dialogue;
use comparison::load::receive;

use super::{MESSAGE, message};

/// The conversations by the index of their connection.
pub(super) struct Echo(Vec<Conversation>);

/// What was sent last on a connection, and how much of it has come back.
#[derive(Clone)]
struct Conversation {
    sequence: u64,
    sent: [u8; MESSAGE],
    received: usize,
}

impl Echo {
    pub(super) fn new(connections: usize) -> Self {
        let conversation = Conversation {
            sequence: 0,
            sent: [0; MESSAGE],
            received: 0,
        };
        Self(vec![conversation; connections])
    }
}

impl Dialogue for Echo {
    fn ask(&mut self, index: usize, mut stream: &TcpStream) -> Result<()> {
        let conversation = &mut self.0[index];
        conversation.sequence += 1;
        conversation.received = 0;
        conversation.sent = message(index as u64, conversation.sequence);
        Ok(stream.write_all(&conversation.sent)?)
    }

    fn hear(&mut self, index: usize, stream: &TcpStream) -> Result<bool> {
        // Room for more than a message, so that a read that empties the socket is a short one.
        let mut buffer = [0; 2 * MESSAGE];
        let Some(length) = receive(stream, &mut buffer)? else {
            return Ok(false);
        };
        let conversation = &mut self.0[index];
        let end = conversation.received + length;
        if conversation.sent.get(conversation.received..end) != Some(&buffer[..length]) {
            return Err(
                format!("the echo on connection {index} differs from what was sent").into(),
            );
        }
        conversation.received = end;
        Ok(end == MESSAGE)
    }
}
