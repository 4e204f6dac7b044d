//! Configurations: the certificates that a client trusts, and the one that a server shows.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

use super::error::{PemPart, TlsError};
use super::layer::{HANDSHAKE_TIMEOUT, TlsLayer};

/// What all clients of a program share: the certificates that they trust. Clones are cheap, and resume
/// each other's sessions.
#[derive(Clone)]
pub struct TlsClientConfig {
    roots: Arc<RootCertStore>,
    tls: Arc<ClientConfig>,
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
        Ok(Self::trusting(Arc::new(roots)))
    }

    /// A client that trusts only servers with a certificate that was signed by one of these, in the PEM
    /// format.
    ///
    /// # Errors
    ///
    /// [`TlsError::BadPem`] when there is no certificate in the text, or one that is broken.
    pub fn with_root_pem(pem: impl AsRef<[u8]>) -> Result<Self, TlsError> {
        Self::trusting(Arc::new(RootCertStore::empty())).and_root_pem(pem)
    }

    /// Trusts these as well: those of a company, besides those of the system.
    ///
    /// # Errors
    ///
    /// As [`with_root_pem`](Self::with_root_pem).
    pub fn and_root_pem(mut self, pem: impl AsRef<[u8]>) -> Result<Self, TlsError> {
        let roots = Arc::make_mut(&mut self.roots);
        for certificate in certificates(pem.as_ref(), PemPart::Roots)? {
            roots
                .add(certificate)
                .map_err(|error| TlsError::BadPem(PemPart::Roots, Some(error.into())))?;
        }
        // `rustls` has no way to add a root to a configuration, so another one is built.
        let protocols = self.tls.alpn_protocols.clone();
        let anew = Self::trusting(self.roots).alpn(protocols);
        Ok(anew.with_handshake_timeout(self.handshake))
    }

    /// Offers these protocols, the best one first, to servers that serve several at one port:
    /// `http/1.1`. A server that speaks none of them fails the handshake.
    #[must_use]
    pub fn with_alpn(self, protocols: &[&str]) -> Self {
        self.alpn(as_bytes(protocols))
    }

    /// How long a handshake may take before the connection is lost with [`TlsError::HandshakeTimedOut`], by
    /// default [`HANDSHAKE_TIMEOUT`]. It counts from when the TCP connection is established, or from when the
    /// layer is in place. `None` sets no limit.
    #[must_use]
    pub fn with_handshake_timeout(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.handshake = time.into();
        self
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
            Ok(connection) => Ok(TlsLayer::new(connection.into(), host, self.handshake)),
            Err(error) => Err(TlsError::failed(host, error)),
        }
    }

    fn trusting(roots: Arc<RootCertStore>) -> Self {
        // The provider is named, because the one of the process belongs to the program, which may have set
        // another or none.
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has what these versions need")
            .with_root_certificates(Arc::clone(&roots))
            .with_no_client_auth();
        Self {
            roots,
            tls: Arc::new(tls),
            handshake: Some(HANDSHAKE_TIMEOUT),
        }
    }

    fn alpn(mut self, protocols: Vec<Vec<u8>>) -> Self {
        Arc::make_mut(&mut self.tls).alpn_protocols = protocols;
        self
    }
}

/// What a server shows and proves to be its own: its certificate, and the key that belongs to it. Clones are cheap.
#[derive(Clone)]
pub struct TlsServerConfig {
    tls: Arc<ServerConfig>,
    handshake: Option<Duration>,
}

impl TlsServerConfig {
    /// A server with a chain of certificates, its own first and then, for each, that of the authority which has
    /// signed it, and with the private key of its own. Both are in the PEM format.
    ///
    /// # Errors
    ///
    /// [`TlsError::BadPem`] when there is no certificate or no key, or one that is broken, and
    /// [`TlsError::BadIdentity`] when they do not belong together or are of no use.
    #[expect(
        clippy::missing_panics_doc,
        reason = "what could not be built is never given to it"
    )]
    pub fn from_pem(chain: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Result<Self, TlsError> {
        let chain = certificates(chain.as_ref(), PemPart::Chain)?;
        let key = private_key(key.as_ref())?;
        let tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has what these versions need")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| TlsError::BadIdentity(error.into()))?;
        Ok(Self {
            tls: Arc::new(tls),
            handshake: Some(HANDSHAKE_TIMEOUT),
        })
    }

    /// Speaks these protocols, the best one first, with clients that ask which. A client that asks,
    /// and speaks none of them, fails the handshake.
    #[must_use]
    pub fn with_alpn(mut self, protocols: &[&str]) -> Self {
        Arc::make_mut(&mut self.tls).alpn_protocols = as_bytes(protocols);
        self
    }

    /// How long a handshake may take before the connection is lost with [`TlsError::HandshakeTimedOut`], by
    /// default [`HANDSHAKE_TIMEOUT`]. It counts from when the connection is accepted, or from when the
    /// layer is in place. `None` sets no limit.
    #[must_use]
    pub fn with_handshake_timeout(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.handshake = time.into();
        self
    }

    /// The layer of one connection.
    #[must_use]
    #[expect(
        clippy::missing_panics_doc,
        reason = "what could not be built is never given to it"
    )]
    pub fn layer(&self) -> TlsLayer {
        let connection = ServerConnection::new(Arc::clone(&self.tls))
            .expect("it fails only for sizes of records, which are not set here");
        TlsLayer::new(connection.into(), "the client", self.handshake)
    }
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    // An encrypted key is no key for the parser, which would say that the text has none.
    let is_encrypted = String::from_utf8_lossy(pem).contains("ENCRYPTED");
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        pem::Error::NoItemsFound if is_encrypted => {
            let hint = "it is encrypted (openssl pkey -in key.pem -out plain.pem decrypts it)";
            TlsError::BadPem(PemPart::Key, Some(hint.into()))
        }
        error => TlsError::bad_pem(PemPart::Key, error),
    })
}

fn certificates(pem: &[u8], part: PemPart) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err(TlsError::BadPem(part, None)),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(TlsError::bad_pem(part, error)),
    }
}

fn as_bytes(protocols: &[&str]) -> Vec<Vec<u8>> {
    protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect()
}

impl fmt::Debug for TlsClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsClientConfig")
            .field("roots", &self.roots.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for TlsServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsServerConfig").finish_non_exhaustive()
    }
}
