//! Which certificate a server shows: the one for the name that the client asks for (SNI, RFC 6066, section 3).

use std::collections::BTreeMap;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::error::TlsError;
use super::identity::TlsIdentity;

/// A server's certificates by their names.
#[derive(Clone, Debug)]
pub(super) struct Certificates {
    /// For clients that ask for another name, or for none.
    default: Option<TlsIdentity>,
    /// Lower-case names, and wildcards as `*.example.com`.
    names: BTreeMap<String, TlsIdentity>,
}

impl Certificates {
    pub(super) fn with_default(identity: TlsIdentity) -> Self {
        Self {
            default: Some(identity),
            names: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, name: &str, identity: TlsIdentity) -> Result<(), TlsError> {
        identity.check_name(name)?;
        self.names.insert(name.to_ascii_lowercase(), identity);
        Ok(())
    }

    pub(super) fn remove_default(&mut self) {
        self.default = None;
    }

    pub(super) fn has_files(&self) -> bool {
        self.all().any(TlsIdentity::has_files)
    }

    /// The same, read from their files anew. All of them are as good as those that they replace, or none is
    /// taken.
    pub(super) fn read_again(&self) -> Result<Self, TlsError> {
        let mut names = BTreeMap::new();
        for (name, identity) in &self.names {
            let identity = identity.read_again()?;
            identity.check_name(name)?;
            names.insert(name.clone(), identity);
        }
        let default = self.default.as_ref().map(TlsIdentity::read_again);
        let default = default.transpose()?;
        Ok(Self { default, names })
    }

    pub(super) fn check_dates(&self) -> Result<(), TlsError> {
        self.all().try_for_each(TlsIdentity::check_dates)
    }

    /// `name` is in lower case.
    fn find(&self, name: Option<&str>) -> Option<&TlsIdentity> {
        name.and_then(|name| self.named(name))
            .or(self.default.as_ref())
    }

    fn named(&self, name: &str) -> Option<&TlsIdentity> {
        self.names.get(name).or_else(|| {
            // A wildcard stands for exactly one label (RFC 6125, section 6.4.3).
            let (_, rest) = name.split_once('.')?;
            self.names.get(&format!("*.{rest}"))
        })
    }

    fn all(&self) -> impl Iterator<Item = &TlsIdentity> {
        self.default.iter().chain(self.names.values())
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.find(hello.server_name())
            .map(|identity| Arc::clone(identity.key()))
    }
}
