//! `systemd:…` and `fd:…`: a socket that listens already, and was handed down by the parent of the process.
//!
//! systemd says by environment variables how many there are, from descriptor 3 on, and perhaps what they are
//! called: `sd_listen_fds(3)`. Each may be taken once.

use std::fmt;

use crate::endpoints::description::{Arguments, Escaped, Value};
use crate::endpoints::descriptors;
use crate::endpoints::mistake::Misplaced;
use crate::factory::Factory;
use crate::reactor::Reactor;
use crate::sources::cannot_listen::CannotListen;
use crate::sources::port::{self, ListeningPort};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Inherited {
    /// By its place among those of systemd.
    Index(usize),
    /// By its name among them.
    Name(String),
    /// By its number.
    Number(i32),
}

impl Inherited {
    pub(super) fn systemd(arguments: Arguments) -> Result<Self, Misplaced> {
        let [index, name] = arguments.named(&["index", "name"])?;
        match name.if_given(Value::text)? {
            Some(name) => Ok(Self::Name(name)),
            None => Ok(Self::Index(index.if_given(Value::index)?.unwrap_or(0))),
        }
    }

    pub(super) fn descriptor(arguments: Arguments) -> Result<Self, Misplaced> {
        let [number] = arguments.named(&["number"])?;
        Ok(Self::Number(number.descriptor()?))
    }

    pub(super) fn listen(
        &self,
        reactor: &Reactor,
        factory: impl Factory,
    ) -> Result<ListeningPort, CannotListen> {
        let listener = match self {
            Self::Index(index) => descriptors::by_index(*index),
            Self::Name(name) => descriptors::by_name(name),
            Self::Number(number) => descriptors::by_number(*number),
        };
        match listener {
            Ok(listener) => port::adopt(&reactor.0, listener, factory),
            Err(error) => Err(CannotListen::at(self.to_string(), error)),
        }
    }
}

impl fmt::Display for Inherited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => write!(f, "systemd:{index}"),
            Self::Name(name) => write!(f, "systemd:name={}", Escaped(name)),
            Self::Number(number) => write!(f, "fd:{number}"),
        }
    }
}
