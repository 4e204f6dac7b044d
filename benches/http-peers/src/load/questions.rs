//! What every server is asked before it is measured, so that none is fast because it is wrong.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use comparison::Result;
use comparison::load::connect;

use super::answer::Answer;
use crate::routes::Route;

/// How many requests are sent in one write.
const PIPELINED: usize = 16;

/// Long enough for a server under valgrind to begin its work.
const PATIENCE: Duration = Duration::from_secs(20);

/// Asks a server for everything that will be measured, and insists on every byte.
pub(super) fn ask(port: u16) -> Result<()> {
    let routes = [Route::Plaintext, Route::Users];
    let mut conversation = Conversation::new(port)?;
    for route in routes {
        conversation.say(&request(port, route.path(), false))?;
        conversation.hear(route, false)?;
    }

    let mixed = || routes.into_iter().cycle().take(PIPELINED);
    let batch: Vec<u8> = mixed()
        .flat_map(|route| request(port, route.path(), false))
        .collect();
    conversation.say(&batch)?;
    for route in mixed() {
        conversation.hear(route, false)?;
    }

    // In the middle of a path.
    let (beginning, rest) = batch.split_at(batch.len() / 2 + "GET /pla".len());
    conversation.say(beginning)?;
    // Otherwise the server reads both together. If it does nevertheless, nothing is proved.
    std::thread::sleep(Duration::from_millis(1));
    conversation.say(rest)?;
    for route in mixed() {
        conversation.hear(route, false)?;
    }

    conversation.say(&request(port, "/nothing", false))?;
    conversation.hear_not_found()?;

    for route in routes {
        let mut conversation = Conversation::new(port)?;
        conversation.say(&request(port, route.path(), true))?;
        conversation.hear(route, true)?;
        conversation.hear_end()?;
    }
    Ok(())
}

/// A request in the words of wrk.
pub(super) fn request(port: u16, path: &str, closes: bool) -> Vec<u8> {
    let close = if closes { "Connection: close\r\n" } else { "" };
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{close}\r\n").into_bytes()
}

/// The answer to a request, having been found right.
pub(super) fn learn(port: u16, route: Route, closes: bool) -> Result<Answer> {
    let mut conversation = Conversation::new(port)?;
    conversation.say(&request(port, route.path(), closes))?;
    conversation.hear(route, closes)
}

/// A connection that blocks.
struct Conversation {
    stream: TcpStream,
    /// What has come and is not yet looked at.
    received: Vec<u8>,
}

impl Conversation {
    fn new(port: u16) -> Result<Self> {
        let stream = connect(port)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream,
            received: Vec::new(),
        })
    }

    fn say(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(bytes)?)
    }

    /// Waits for the next answer, which has to be right.
    fn hear(&mut self, route: Route, closes: bool) -> Result<Answer> {
        loop {
            if let Some(answer) = Answer::check(&self.received, route, closes)? {
                self.received.drain(..answer.len());
                return Ok(answer);
            }
            self.receive()?;
        }
    }

    /// Waits for an answer of which only the status is looked at.
    fn hear_not_found(&mut self) -> Result<()> {
        const STATUS: &[u8] = b"HTTP/1.1 404 ";
        while self.received.len() < STATUS.len() {
            self.receive()?;
        }
        if self.received.starts_with(STATUS) {
            Ok(())
        } else {
            Err("a page that is not there was found".into())
        }
    }

    /// Waits for the server to close the connection, with nothing before.
    fn hear_end(&mut self) -> Result<()> {
        match self.stream.read(&mut [0]) {
            Ok(0) if self.received.is_empty() => Ok(()),
            Ok(_) => Err("something follows the last answer on a connection".into()),
            Err(error) => Err(format!("a connection was not closed: {error}").into()),
        }
    }

    fn receive(&mut self) -> Result<()> {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => Err("a connection was closed in the middle of an answer".into()),
            Ok(length) => {
                self.received.extend_from_slice(&buffer[..length]);
                Ok(())
            }
            Err(error) => Err(format!("an answer did not come: {error}").into()),
        }
    }
}
