//! What a client trusts, proves to be and remembers.

use std::fmt;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, ClientConnection, KeyLog, NoKeyLog, RootCertStore};

use super::error::TlsError;
use super::identity::TlsIdentity;
use super::key_log::KeyLogWriter;
use super::layer::{HANDSHAKE_TIMEOUT, TlsLayer};
use super::pem::Pem;

/// What all clients of a program share: the certificates that they trust. Clones are cheap, and resume
/// each other's sessions. The methods that begin with `with` and `and` return another configuration, with
/// sessions of its own.
#[derive(Clone)]
pub struct TlsClientConfig {
    parts: Parts,
    tls: Arc<ClientConfig>,
}

#[derive(Clone)]
struct Parts {
    roots: Arc<RootCertStore>,
    identity: Option<TlsIdentity>,
    alpn: Vec<Vec<u8>>,
    resumes: bool,
    key_log: Arc<dyn KeyLog>,
    handshake: Option<Duration>,
}

impl TlsClientConfig {
    /// A client that trusts the certificates that the operating system trusts, which the environment variables
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR` may change.
    ///
    /// This reads files, and takes some milliseconds: do it once.
    ///
    /// # Errors
    ///
    /// [`TlsError::NoRoots`] when the operating system has no certificate to trust.
    pub fn with_system_roots() -> Result<Self, TlsError> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        // A system may have certificates that are too old to be parsed, and the others are of use all the same.
        let (trusted, ignored) = roots.add_parsable_certificates(found.certs);
        log::debug!("{trusted} certificates of the system are trusted, {ignored} cannot be parsed");
        if trusted == 0 {
            let source = found.errors.into_iter().next();
            return Err(TlsError::NoRoots(source.map(Into::into)));
        }
        Ok(Self::trusting(roots))
    }

    /// A client that trusts only servers with a certificate that was signed by one of these, a text in the PEM
    /// format or a [file](Pem::file) with one.
    ///
    /// # Errors
    ///
    /// [`TlsError::BadPem`] when there is no certificate among them, or one that is broken; and
    /// [`TlsError::File`] for these in a file, or for one that cannot be read.
    pub fn with_root_pem(pem: impl Into<Pem>) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        pem.into().add_to(&mut roots)?;
        Ok(Self::trusting(roots))
    }

    /// Trusts these as well: those of a company, besides those of the system.
    ///
    /// # Errors
    ///
    /// As [`with_root_pem`](Self::with_root_pem).
    pub fn and_root_pem(self, pem: impl Into<Pem>) -> Result<Self, TlsError> {
        let mut parts = self.parts;
        pem.into().add_to(Arc::make_mut(&mut parts.roots))?;
        Ok(parts.build())
    }

    /// Shows this certificate to servers that ask for one, and proves that it is its own.
    #[must_use]
    pub fn with_identity(self, identity: TlsIdentity) -> Self {
        self.set(|parts| parts.identity = Some(identity))
    }

    /// Offers these protocols, the best one first, to servers that serve several at one port:
    /// `http/1.1`. A server that speaks none of them fails the handshake.
    #[must_use]
    pub fn with_alpn(self, protocols: &[&str]) -> Self {
        let names = protocols.iter().map(|name| name.as_bytes().to_vec());
        self.set(|parts| parts.alpn = names.collect())
    }

    /// How long a handshake may take before the connection is lost with [`TlsError::HandshakeTimedOut`], by
    /// default [`HANDSHAKE_TIMEOUT`]. It counts from when the TCP connection is established, or from when the
    /// layer is in place. `None` sets no limit.
    #[must_use]
    pub fn with_handshake_timeout(self, time: impl Into<Option<Duration>>) -> Self {
        self.set(|parts| parts.handshake = time.into())
    }

    /// Resumes no session, so that each connection has a whole handshake. Otherwise what a server gives for
    /// that is kept, for 256 servers at most, and saves a later connection the exchange of certificates.
    #[must_use]
    pub fn without_resumption(self) -> Self {
        self.set(|parts| parts.resumes = false)
    }

    /// Writes the secrets of each connection to `file`, as
    /// [`TlsServerConfig::with_key_log`](super::TlsServerConfig::with_key_log) does.
    #[must_use]
    pub fn with_key_log(self, file: impl Write + Send + 'static) -> Self {
        let key_log = Arc::new(KeyLogWriter::new(file));
        self.set(|parts| parts.key_log = key_log)
    }

    /// The layer of one connection with `host`, a name or an IP address, for which the server has to
    /// have a certificate.
    ///
    /// # Errors
    ///
    /// [`TlsError::BadHost`] when it is neither, and [`TlsError::Failed`] when the operating system
    /// has no random numbers.
    pub fn layer(&self, host: &str) -> Result<TlsLayer, TlsError> {
        let Ok(name) = ServerName::try_from(host.to_owned()) else {
            return Err(TlsError::BadHost(host.to_owned()));
        };
        match ClientConnection::new(Arc::clone(&self.tls), name) {
            Ok(tls) => Ok(TlsLayer::new(tls.into(), host, self.parts.handshake)),
            Err(error) => Err(TlsError::failed(host, error)),
        }
    }

    fn trusting(roots: RootCertStore) -> Self {
        let parts = Parts {
            roots: Arc::new(roots),
            identity: None,
            alpn: Vec::new(),
            resumes: true,
            key_log: Arc::new(NoKeyLog),
            handshake: Some(HANDSHAKE_TIMEOUT),
        };
        parts.build()
    }

    fn set(self, f: impl FnOnce(&mut Parts)) -> Self {
        let mut parts = self.parts;
        f(&mut parts);
        parts.build()
    }
}

impl Parts {
    /// Always from the beginning, with no sessions: what a server has proved to a client that trusts others, or
    /// that was itself another one, is nothing to go by.
    fn build(self) -> TlsClientConfig {
        // The provider is named, because the one of the process belongs to the program, which may have set
        // another or none.
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has what these versions need")
            .with_root_certificates(Arc::clone(&self.roots));
        let mut tls = match &self.identity {
            Some(identity) => {
                let own = SingleCertAndKey::from(Arc::clone(identity.key()));
                builder.with_client_cert_resolver(Arc::new(own))
            }
            None => builder.with_no_client_auth(),
        };
        tls.alpn_protocols.clone_from(&self.alpn);
        tls.key_log = Arc::clone(&self.key_log);
        if !self.resumes {
            tls.resumption = Resumption::disabled();
        }
        let tls = Arc::new(tls);
        TlsClientConfig { parts: self, tls }
    }
}

impl fmt::Debug for TlsClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsClientConfig")
            .field("roots", &self.parts.roots.len())
            .field("identity", &self.parts.identity)
            .finish_non_exhaustive()
    }
}
