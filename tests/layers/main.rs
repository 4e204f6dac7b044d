//! Layers on a live connection: how they are pushed, what they hold, how they end and how they fail.

mod ends;
mod failing;
mod given;
mod handshakes;
mod holding;
mod last_words;
mod pushing;
#[path = "../support/mod.rs"]
mod support;

use reactor::testing::Conversation;
use reactor::{Layer, Protocol, Reason, Transport};

use support::{Heard, Log, Probe, Then};

/// Adds one to each byte on its way down, and takes it off on its way up.
struct Shift;

impl Layer for Shift {
    fn receive(&mut self, data: &[u8], up: &mut Vec<u8>, _: &mut Vec<u8>) -> Result<(), Reason> {
        up.extend(data.iter().map(|byte| byte.wrapping_sub(1)));
        Ok(())
    }

    fn send(&mut self, data: &[u8], down: &mut Vec<u8>) -> Result<(), Reason> {
        down.extend(data.iter().map(|byte| byte.wrapping_add(1)));
        Ok(())
    }
}

/// Answers everything it receives, and says a full stop at the end.
struct Talkative;

impl Layer for Talkative {
    fn receive(&mut self, data: &[u8], up: &mut Vec<u8>, down: &mut Vec<u8>) -> Result<(), Reason> {
        up.extend(data);
        down.extend(data);
        Ok(())
    }

    fn send(&mut self, data: &[u8], down: &mut Vec<u8>) -> Result<(), Reason> {
        down.extend(data);
        Ok(())
    }

    fn read_closed(&mut self) -> Result<(), Reason> {
        Err(Reason::Violation("another word".to_owned()))
    }

    fn finish(&mut self, down: &mut Vec<u8>) -> Result<(), Reason> {
        down.push(b'.');
        Ok(())
    }
}

/// How long a greeting is.
const GREETING: usize = 100;

/// Greets, and holds what it is to send until it has been greeted. Says its name at the end.
struct Polite {
    name: u8,
    /// How much of the greeting has not come.
    missing: usize,
    held: Vec<u8>,
}

impl Polite {
    fn new(name: u8) -> Self {
        Self {
            name,
            missing: GREETING,
            held: Vec::new(),
        }
    }
}

impl Layer for Polite {
    fn started(&mut self, down: &mut Vec<u8>) -> Result<(), Reason> {
        down.extend([self.name; GREETING]);
        Ok(())
    }

    fn receive(&mut self, data: &[u8], up: &mut Vec<u8>, down: &mut Vec<u8>) -> Result<(), Reason> {
        let (greeting, rest) = data.split_at(self.missing.min(data.len()));
        assert!(greeting.iter().all(|byte| *byte == self.name));
        self.missing -= greeting.len();
        if self.missing == 0 {
            down.append(&mut self.held);
        }
        up.extend(rest);
        Ok(())
    }

    fn send(&mut self, data: &[u8], down: &mut Vec<u8>) -> Result<(), Reason> {
        let to = if self.missing > 0 {
            &mut self.held
        } else {
            down
        };
        to.extend(data);
        Ok(())
    }

    fn holds(&self) -> usize {
        self.held.len()
    }

    fn finish(&mut self, down: &mut Vec<u8>) -> Result<(), Reason> {
        assert!(self.held.is_empty(), "the last words come last");
        down.extend([b'.', self.name]);
        Ok(())
    }
}

/// Is never content: holds everything, and has an answer to everything.
struct Suspicious {
    held: Vec<u8>,
    shows: bool,
}

impl Suspicious {
    fn new() -> Self {
        Self {
            held: Vec::new(),
            shows: false,
        }
    }
}

impl Layer for Suspicious {
    fn receive(&mut self, data: &[u8], up: &mut Vec<u8>, down: &mut Vec<u8>) -> Result<(), Reason> {
        if self.shows {
            up.extend(data);
        }
        down.push(b'?');
        Ok(())
    }

    fn send(&mut self, data: &[u8], _: &mut Vec<u8>) -> Result<(), Reason> {
        self.held.extend(data);
        Ok(())
    }

    fn holds(&self) -> usize {
        self.held.len()
    }

    fn finish(&mut self, _: &mut Vec<u8>) -> Result<(), Reason> {
        panic!("it still holds {} bytes", self.held.len());
    }
}

/// A protocol that does `first` when its connection is made, and otherwise what is usual.
fn begins_with(first: impl Fn(&Transport) + 'static) -> (Conversation<impl Protocol>, Log) {
    let log = Log::default();
    let protocol = Probe::new(&log, move |heard: &Heard<'_>, transport: &Transport| {
        if let Heard::Made = heard {
            first(transport);
        }
        Then::Default
    });
    (Conversation::with(protocol), log)
}
