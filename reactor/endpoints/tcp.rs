//! `tcp:port:interface:keepalive` and `tcp:host:port:timeout`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::endpoints::description::{Arguments, Escaped, Value};
use crate::endpoints::mistake::Misplaced;
use crate::factory::Factory;
use crate::reactor::Reactor;
use crate::sources::attempt::Connector;
use crate::sources::port::{CannotListen, ListeningPort};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TcpServer {
    port: u16,
    interface: Option<String>,
    keepalive: Option<Duration>,
}

impl TcpServer {
    pub(super) fn new(arguments: Arguments) -> Result<Self, Misplaced> {
        let [port, interface, keepalive] = arguments.named(&["port", "interface", "keepalive"])?;
        Ok(Self {
            port: port.port()?,
            interface: interface.if_given(Value::text)?,
            keepalive: keepalive.if_given(Value::seconds)?,
        })
    }

    pub(super) fn listen(
        &self,
        reactor: &Reactor,
        factory: impl Factory,
    ) -> Result<ListeningPort, CannotListen> {
        // What the string does not say is for the factory to say.
        let limits = factory.limits();
        let keepalive = self.keepalive.or(limits.keepalive);
        let factory = factory.with_limits(limits.keepalive(keepalive));
        let Some(interface) = &self.interface else {
            return reactor.listen_tcp((Ipv4Addr::UNSPECIFIED, self.port), factory);
        };
        match interface.parse::<IpAddr>() {
            Ok(address) => reactor.listen_tcp(SocketAddr::new(address, self.port), factory),
            Err(_) => reactor.listen_tcp((interface.as_str(), self.port), factory),
        }
    }
}

impl fmt::Display for TcpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tcp:{}", self.port)?;
        if let Some(interface) = &self.interface {
            write!(f, ":interface={}", Escaped(interface))?;
        }
        match self.keepalive {
            Some(keepalive) => write!(f, ":keepalive={}", keepalive.as_secs_f64()),
            None => Ok(()),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TcpClient {
    host: String,
    port: u16,
    timeout: Option<Duration>,
}

impl TcpClient {
    pub(super) fn new(arguments: Arguments) -> Result<Self, Misplaced> {
        let [host, port, timeout] = arguments.named(&["host", "port", "timeout"])?;
        Ok(Self {
            host: host.text()?,
            port: port.port_of_server()?,
            timeout: timeout.if_given(Value::seconds)?,
        })
    }

    pub(super) fn connect(&self, reactor: &Reactor, factory: impl Factory) -> Connector {
        let limits = factory.limits();
        let connect = self.timeout.unwrap_or(limits.connect);
        let factory = factory.with_limits(limits.connect(connect));
        reactor.connect_tcp(&self.host, self.port, factory)
    }
}

impl fmt::Display for TcpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tcp:{}:{}", Escaped(&self.host), self.port)?;
        match self.timeout {
            Some(timeout) => write!(f, ":timeout={}", timeout.as_secs_f64()),
            None => Ok(()),
        }
    }
}
