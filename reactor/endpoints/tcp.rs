//! `tcp:port:…`, `tcp6:port:…` and `tcp:host:port:…`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::driver::ListenOptions;
use crate::endpoints::description::{Arguments, Escaped, Value};
use crate::endpoints::mistake::Misplaced;
use crate::factory::Factory;
use crate::reactor::Reactor;
use crate::sources::attempt::{self, Connector};
use crate::sources::cannot_listen::CannotListen;
use crate::sources::port::{self, ListeningPort};

/// Where a TCP port is, and the options of its socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TcpServer {
    pub(super) port: u16,
    pub(super) interface: Option<String>,
    pub(super) keepalive: Option<Duration>,
    pub(super) backlog: Option<i32>,
    pub(super) reuse_port: bool,
    /// The family of the addresses where no interface is given.
    pub(super) is_ipv6: bool,
}

impl TcpServer {
    pub(super) fn new(arguments: Arguments, is_ipv6: bool) -> Result<Self, Misplaced> {
        let [port, interface, keepalive, backlog, reuse_port] =
            arguments.named(&["port", "interface", "keepalive", "backlog", "reuse_port"])?;
        Self::of(port, interface, keepalive, backlog, reuse_port, is_ipv6)
    }

    pub(super) fn of(
        port: Value,
        interface: Value,
        keepalive: Value,
        backlog: Value,
        reuse_port: Value,
        is_ipv6: bool,
    ) -> Result<Self, Misplaced> {
        Ok(Self {
            port: port.port()?,
            interface: interface.if_given(Value::text)?,
            keepalive: keepalive.if_given(Value::seconds)?,
            backlog: backlog.if_given(Value::backlog)?,
            reuse_port: reuse_port.if_given(Value::yes_or_no)?.unwrap_or(false),
            is_ipv6,
        })
    }

    pub(super) fn options(&self) -> ListenOptions {
        ListenOptions {
            backlog: self.backlog,
            reuse_port: self.reuse_port,
            ..ListenOptions::default()
        }
    }

    /// What the string does not say is for the factory to say.
    pub(super) fn limited<F: Factory>(&self, factory: F) -> crate::factory::WithLimits<F> {
        let limits = factory.limits();
        let keepalive = self.keepalive.or(limits.keepalive);
        factory.with_limits(limits.keepalive(keepalive))
    }

    /// The address, or the name of one.
    pub(super) fn place(&self) -> Result<SocketAddr, (&str, u16)> {
        match &self.interface {
            None if self.is_ipv6 => Ok((Ipv6Addr::UNSPECIFIED, self.port).into()),
            None => Ok((Ipv4Addr::UNSPECIFIED, self.port).into()),
            Some(interface) => match interface.parse::<IpAddr>() {
                Ok(address) => Ok(SocketAddr::new(address, self.port)),
                Err(_) => Err((interface, self.port)),
            },
        }
    }

    pub(super) fn listen(
        &self,
        reactor: &Reactor,
        factory: impl Factory,
    ) -> Result<ListeningPort, CannotListen> {
        let (factory, options) = (self.limited(factory), self.options());
        match self.place() {
            Ok(address) => port::listen(&reactor.0, address, options, factory),
            Err(name) => port::listen(&reactor.0, name, options, factory),
        }
    }
}

impl fmt::Display for TcpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_ipv6 { "tcp6" } else { "tcp" };
        write!(f, "{kind}:{}", self.port)?;
        self.fmt_options(f)
    }
}

impl TcpServer {
    /// What comes behind the port.
    pub(super) fn fmt_options(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(interface) = &self.interface {
            write!(f, ":interface={}", Escaped(interface))?;
        }
        if let Some(keepalive) = self.keepalive {
            write!(f, ":keepalive={}", keepalive.as_secs_f64())?;
        }
        if let Some(backlog) = self.backlog {
            write!(f, ":backlog={backlog}")?;
        }
        match self.reuse_port {
            true => write!(f, ":reuse_port=yes"),
            false => Ok(()),
        }
    }
}

/// Which TCP port is connected to, from where, and within which time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TcpClient {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) timeout: Option<Duration>,
    pub(super) bind_address: Option<IpAddr>,
    pub(super) keepalive: Option<Duration>,
}

impl TcpClient {
    pub(super) fn new(arguments: Arguments) -> Result<Self, Misplaced> {
        let [host, port, timeout, bind_address, keepalive] =
            arguments.named(&["host", "port", "timeout", "bind_address", "keepalive"])?;
        Self::of(host, port, timeout, bind_address, keepalive)
    }

    pub(super) fn of(
        host: Value,
        port: Value,
        timeout: Value,
        bind_address: Value,
        keepalive: Value,
    ) -> Result<Self, Misplaced> {
        Ok(Self {
            host: host.text()?,
            port: port.port_of_server()?,
            timeout: timeout.if_given(Value::seconds)?,
            bind_address: bind_address.if_given(Value::ip)?,
            keepalive: keepalive.if_given(Value::seconds)?,
        })
    }

    pub(super) fn limited<F: Factory>(&self, factory: F) -> crate::factory::WithLimits<F> {
        let limits = factory.limits();
        let connect = self.timeout.unwrap_or(limits.connect);
        let keepalive = self.keepalive.or(limits.keepalive);
        factory.with_limits(limits.connect(connect).keepalive(keepalive))
    }

    pub(super) fn connect(&self, reactor: &Reactor, factory: impl Factory) -> Connector {
        let factory = self.limited(factory);
        attempt::connect(
            &reactor.0,
            &self.host,
            self.port,
            self.bind_address,
            factory,
        )
    }

    /// What comes behind the kind.
    pub(super) fn fmt_rest(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ":{}:{}", Escaped(&self.host), self.port)?;
        if let Some(timeout) = self.timeout {
            write!(f, ":timeout={}", timeout.as_secs_f64())?;
        }
        if let Some(from) = self.bind_address {
            write!(f, ":bind_address={}", Escaped(&from.to_string()))?;
        }
        match self.keepalive {
            Some(keepalive) => write!(f, ":keepalive={}", keepalive.as_secs_f64()),
            None => Ok(()),
        }
    }
}

impl fmt::Display for TcpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tcp")?;
        self.fmt_rest(f)
    }
}
