//! `tls:…` and `ssl:…`, which mean the same: a TCP port that is encrypted.

use std::fmt;

use crate::endpoints::description::{Arguments, Escaped, Value};
use crate::endpoints::mistake::{Misplaced, Mistake};
use crate::endpoints::tcp::{TcpClient, TcpServer};
use crate::factory::Factory;
use crate::reactor::Reactor;
use crate::sources::attempt::Connector;
use crate::sources::cannot_listen::CannotListen;
use crate::sources::port::ListeningPort;
use crate::tls::{self, Pem, TlsClientConfig, TlsIdentity, TlsServerConfig};

#[derive(Clone)]
pub(super) struct TlsServer {
    tcp: TcpServer,
    certificate: String,
    key: String,
    client_ca: Option<String>,
    alpn: Option<String>,
    config: TlsServerConfig,
}

impl TlsServer {
    pub(super) fn new(arguments: Arguments) -> Result<Self, Misplaced> {
        let [
            port,
            certificate,
            key,
            interface,
            keepalive,
            backlog,
            reuse_port,
            client_ca,
            alpn,
        ] = arguments.named(&[
            "port",
            "certificate",
            "key",
            "interface",
            "keepalive",
            "backlog",
            "reuse_port",
            "client_ca",
            "alpn",
        ])?;
        let tcp = TcpServer::of(port, interface, keepalive, backlog, reuse_port, false)?;
        let (at, certificate) = certificate.text_and_place()?;
        let key = key.text()?;
        let client_ca = client_ca.if_given(Value::text_and_place)?;
        let alpn = alpn.if_given(Value::text)?;
        let config = TlsServerConfig::from_pem(Pem::file(&certificate), Pem::file(&key));
        let mut config = config.map_err(|error| unusable(at, &error))?;
        if let Some((at, roots)) = &client_ca {
            let checked = config.with_required_client_certificate(Pem::file(roots));
            config = checked.map_err(|error| unusable(*at, &error))?;
        }
        if let Some(alpn) = &alpn {
            config = config.with_alpn(&alpn.split(',').collect::<Vec<_>>());
        }
        Ok(Self {
            tcp,
            certificate,
            key,
            client_ca: client_ca.map(|(_, roots)| roots),
            alpn,
            config,
        })
    }

    pub(super) fn listen(
        &self,
        reactor: &Reactor,
        factory: impl Factory,
    ) -> Result<ListeningPort, CannotListen> {
        let (factory, options) = (self.tcp.limited(factory), self.tcp.options());
        match self.tcp.place() {
            Ok(address) => tls::listen(&reactor.0, address, options, &self.config, factory),
            Err(name) => tls::listen(&reactor.0, name, options, &self.config, factory),
        }
    }

    pub(super) fn config(&self) -> &TlsServerConfig {
        &self.config
    }
}

impl fmt::Display for TlsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tls:{}:{}", self.tcp.port, Escaped(&self.certificate))?;
        write!(f, ":{}", Escaped(&self.key))?;
        self.tcp.fmt_options(f)?;
        if let Some(roots) = &self.client_ca {
            write!(f, ":client_ca={}", Escaped(roots))?;
        }
        match &self.alpn {
            Some(alpn) => write!(f, ":alpn={}", Escaped(alpn)),
            None => Ok(()),
        }
    }
}

#[derive(Clone)]
pub(super) struct TlsClient {
    tcp: TcpClient,
    ca: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
    alpn: Option<String>,
    config: TlsClientConfig,
}

impl TlsClient {
    pub(super) fn new(arguments: Arguments) -> Result<Self, Misplaced> {
        let [
            host,
            port,
            timeout,
            bind_address,
            keepalive,
            ca,
            certificate,
            key,
            alpn,
        ] = arguments.named(&[
            "host",
            "port",
            "timeout",
            "bind_address",
            "keepalive",
            "ca",
            "certificate",
            "key",
            "alpn",
        ])?;
        let tcp = TcpClient::of(host, port, timeout, bind_address, keepalive)?;
        let ca = ca.if_given(Value::text_and_place)?;
        let certificate = certificate.if_given(Value::text_and_place)?;
        // Each needs the other.
        let key = match &certificate {
            Some(_) => Some(key.text()?),
            None => None,
        };
        let alpn = alpn.if_given(Value::text)?;
        let config = match &ca {
            None => TlsClientConfig::with_system_roots().map_err(|error| unusable(0, &error))?,
            Some((at, roots)) => TlsClientConfig::with_root_pem(Pem::file(roots))
                .map_err(|error| unusable(*at, &error))?,
        };
        let config = match (&certificate, &key) {
            (Some((at, chain)), Some(key)) => {
                let identity = TlsIdentity::from_pem(Pem::file(chain), Pem::file(key));
                config.with_identity(identity.map_err(|error| unusable(*at, &error))?)
            }
            _ => config,
        };
        let config = match &alpn {
            Some(alpn) => config.with_alpn(&alpn.split(',').collect::<Vec<_>>()),
            None => config,
        };
        Ok(Self {
            tcp,
            ca: ca.map(|(_, roots)| roots),
            certificate: certificate.map(|(_, chain)| chain),
            key,
            alpn,
            config,
        })
    }

    pub(super) fn connect(&self, reactor: &Reactor, factory: impl Factory) -> Connector {
        let TcpClient {
            host,
            port,
            bind_address,
            ..
        } = &self.tcp;
        let factory = self.tcp.limited(factory);
        tls::connect(
            &reactor.0,
            host,
            *port,
            *bind_address,
            &self.config,
            factory,
        )
    }
}

impl fmt::Display for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tls")?;
        self.tcp.fmt_rest(f)?;
        let options = [
            ("ca", &self.ca),
            ("certificate", &self.certificate),
            ("key", &self.key),
            ("alpn", &self.alpn),
        ];
        for (name, value) in options {
            if let Some(value) = value {
                write!(f, ":{name}={}", Escaped(value))?;
            }
        }
        Ok(())
    }
}

/// A file that cannot be used, which is known when the string is read.
fn unusable(at: usize, error: &tls::TlsError) -> Misplaced {
    (at, Mistake::Unusable(error.to_string()))
}
