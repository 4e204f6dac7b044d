//! How an agent speaks `https`.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use crate::factory::Factory;
use crate::http::client::authority::Origin;
use crate::reactor::Reactor;
use crate::reason::Reason;
use crate::sources::attempt::Connector;
use crate::tls::TlsClientConfig;

/// The certificates that an agent trusts: those of the system, unless another configuration was set. The
/// system's are read when the first connection is made, which takes some milliseconds.
#[derive(Clone, Default)]
pub(crate) struct Secure(RefCell<Option<TlsClientConfig>>);

impl Secure {
    pub(crate) fn trust(&self, config: TlsClientConfig) {
        self.0.replace(Some(config));
    }

    pub(crate) fn connect(
        &self,
        reactor: &Reactor,
        origin: &Origin,
        factory: impl Factory,
    ) -> Result<Connector, Reason> {
        let config = self.config()?;
        Ok(reactor.connect_tls(origin.name(), origin.port, &config, factory))
    }

    fn config(&self) -> Result<TlsClientConfig, Reason> {
        // Not when the agent is made: most never ask for `https`, and a system without certificates is no
        // reason that they fail.
        if let Some(config) = &*self.0.borrow() {
            return Ok(config.clone());
        }
        let config = TlsClientConfig::with_system_roots()
            .map_err(|error| Reason::Error(Rc::new(io::Error::from(error))))?;
        self.0.replace(Some(config.clone()));
        Ok(config)
    }
}
