//! What one side proves to be: a certificate, and the private key that belongs to it.

use std::fmt;
use std::sync::Arc;

use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::ring;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, Error, RootCertStore};

use super::error::{PemPart, TlsError};
use super::pem::Pem;

/// A chain of certificates, one's own first and then, for each, that of the authority which has signed it, and
/// the private key that belongs to one's own. A server has one for each of its names; a client has one if servers are
/// to know it by its certificate.
///
/// Clones are cheap.
#[derive(Clone)]
pub struct TlsIdentity {
    key: Arc<CertifiedKey>,
    /// The chain, then the key.
    sources: Arc<(Pem, Pem)>,
}

impl TlsIdentity {
    /// A chain and its key, each a text in the PEM format or a [file](Pem::file) with one.
    ///
    /// # Errors
    ///
    /// [`TlsError::BadPem`] when there is no certificate or no key, or one that is broken,
    /// [`TlsError::BadIdentity`] when they do not belong together or are of no use, and
    /// [`TlsError::File`] for these in a file, or for one that cannot be read.
    pub fn from_pem(chain: impl Into<Pem>, key: impl Into<Pem>) -> Result<Self, TlsError> {
        Self::read(Arc::new((chain.into(), key.into())))
    }

    pub(super) fn read_again(&self) -> Result<Self, TlsError> {
        Self::read(Arc::clone(&self.sources))
    }

    fn read(sources: Arc<(Pem, Pem)>) -> Result<Self, TlsError> {
        let (chain, key) = &*sources;
        let certificates = chain.certificates(PemPart::Chain)?;
        let certified =
            CertifiedKey::from_der(certificates, key.private_key()?, &ring::default_provider())
                .map_err(|error| TlsError::BadIdentity(error.into()));
        let key = Arc::new(chain.named(certified)?);
        Ok(Self { key, sources })
    }

    pub(super) fn key(&self) -> &Arc<CertifiedKey> {
        &self.key
    }

    /// Whether a file has a part of it.
    pub(super) fn has_files(&self) -> bool {
        let (chain, key) = &*self.sources;
        chain.path().is_some() || key.path().is_some()
    }

    /// Checks that clients will take the certificate for one of `name`, which may be a wildcard.
    pub(super) fn check_name(&self, name: &str) -> Result<(), TlsError> {
        // A wildcard stands for one label, any.
        let example = match name.strip_prefix("*.") {
            Some(rest) => format!("any.{rest}"),
            None => name.to_owned(),
        };
        let Ok(server) = ServerName::try_from(example) else {
            return Err(TlsError::BadHost(name.to_owned()));
        };
        self.check(|certificate| verify_server_name(certificate, &server))
    }

    /// Checks that the certificate is valid now.
    pub(super) fn check_dates(&self) -> Result<(), TlsError> {
        // The authority that clients trust is not known here, and need not be: the last of the chain stands
        // for it, since dates are looked at before signatures, and whatever else is wrong is not asked.
        let chain = &self.key.cert;
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(chain.last().cloned());
        let algorithms = ring::default_provider()
            .signature_verification_algorithms
            .all;
        self.check(|certificate| {
            let now = UnixTime::now();
            match verify_server_cert_signed_by_trust_anchor(
                certificate,
                &roots,
                &chain[1..],
                now,
                algorithms,
            ) {
                Err(error) if is_about_dates(&error) => Err(error),
                _ => Ok(()),
            }
        })
    }

    fn check(
        &self,
        f: impl FnOnce(&ParsedCertificate<'_>) -> Result<(), Error>,
    ) -> Result<(), TlsError> {
        let checked = ParsedCertificate::try_from(&self.key.cert[0])
            .and_then(|certificate| f(&certificate))
            .map_err(|error| TlsError::BadIdentity(error.into()));
        self.sources.0.named(checked)
    }
}

fn is_about_dates(error: &Error) -> bool {
    use CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
    matches!(
        error,
        Error::InvalidCertificate(
            Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. }
        )
    )
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsIdentity")
            .field("chain", &self.sources.0)
            .field("certificates", &self.key.cert.len())
            .finish_non_exhaustive()
    }
}
