//! `process:program:argument:…`: a child, whose output is what is received, and whose input is what is written.

use std::fmt;
use std::process::Command;

use crate::endpoints::description::{Arguments, Escaped};
use crate::endpoints::mistake::{Misplaced, Mistake};
use crate::factory::Factory;
use crate::process;
use crate::reactor::Reactor;
use crate::sources::attempt::Connector;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ProcessClient {
    program: String,
    arguments: Vec<String>,
}

impl ProcessClient {
    pub(super) fn new(arguments: Arguments) -> Result<Self, Misplaced> {
        let (end, words) = arguments.words();
        let mut words = words.into_iter();
        match words.next().filter(|program| !program.is_empty()) {
            Some(program) => Ok(Self {
                program,
                arguments: words.collect(),
            }),
            None => Err((end, Mistake::Missing { name: "program" })),
        }
    }

    pub(super) fn connect(&self, reactor: &Reactor, factory: impl Factory) -> Connector {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        process::connector(&reactor.0, self.to_string(), command.into(), factory)
    }
}

impl fmt::Display for ProcessClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process:{}", Escaped(&self.program))?;
        let mut arguments = self.arguments.iter();
        arguments.try_for_each(|argument| write!(f, ":{}", Escaped(argument)))
    }
}
