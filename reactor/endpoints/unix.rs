//! `unix:address:…`, for both directions.

use std::fmt;
use std::time::Duration;

use crate::address::{Address, UnixAddress};
use crate::driver::ListenOptions;
use crate::endpoints::description::{Arguments, Escaped, Value};
use crate::endpoints::mistake::Misplaced;
use crate::factory::Factory;
use crate::reactor::Reactor;
use crate::sources::attempt::{self, Connector};
use crate::sources::cannot_listen::CannotListen;
use crate::sources::port::{self, ListeningPort};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UnixServer {
    address: UnixAddress,
    mode: Option<u32>,
    backlog: Option<i32>,
}

impl UnixServer {
    pub(super) fn new(arguments: Arguments) -> Result<Self, Misplaced> {
        let [address, mode, backlog] = arguments.named(&["address", "mode", "backlog"])?;
        Ok(Self {
            address: address.text()?.into(),
            mode: mode.if_given(Value::mode)?,
            backlog: backlog.if_given(Value::backlog)?,
        })
    }

    pub(super) fn listen(
        &self,
        reactor: &Reactor,
        factory: impl Factory,
    ) -> Result<ListeningPort, CannotListen> {
        let options = ListenOptions {
            backlog: self.backlog,
            mode: self.mode,
            ..ListenOptions::default()
        };
        port::listen_unix(&reactor.0, self.address.clone(), options, factory)
    }
}

impl fmt::Display for UnixServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unix:{}", Escaped(&self.address.to_string()))?;
        if let Some(mode) = self.mode {
            write!(f, ":mode={mode:o}")?;
        }
        match self.backlog {
            Some(backlog) => write!(f, ":backlog={backlog}"),
            None => Ok(()),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UnixClient {
    address: UnixAddress,
    timeout: Option<Duration>,
}

impl UnixClient {
    pub(super) fn new(arguments: Arguments) -> Result<Self, Misplaced> {
        let [address, timeout] = arguments.named(&["address", "timeout"])?;
        Ok(Self {
            address: address.text()?.into(),
            timeout: timeout.if_given(Value::seconds)?,
        })
    }

    pub(super) fn connect(&self, reactor: &Reactor, factory: impl Factory) -> Connector {
        let limits = factory.limits();
        let connect = self.timeout.unwrap_or(limits.connect);
        let factory = factory.with_limits(limits.connect(connect));
        attempt::connect_to(&reactor.0, Address::Unix(self.address.clone()), factory)
    }
}

impl fmt::Display for UnixClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unix:{}", Escaped(&self.address.to_string()))?;
        match self.timeout {
            Some(timeout) => write!(f, ":timeout={}", timeout.as_secs_f64()),
            None => Ok(()),
        }
    }
}
