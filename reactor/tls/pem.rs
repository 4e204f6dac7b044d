//! Certificates and keys in the PEM format, and where they are read.

use std::borrow::Cow;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::error::{PemPart, TlsError};

/// Certificates or a key in the PEM format: the text itself, or a file with it.
///
/// A file is read when it is needed, and again when a server's configuration is
/// [reloaded](super::TlsServerConfig::reload).
///
/// ```no_run
/// use reactor::tls::{Pem, TlsServerConfig};
///
/// let text = std::fs::read("cert.pem")?; // or include_bytes!, or what a secret store returns
/// let of_text = TlsServerConfig::from_pem(text, Pem::file("key.pem"))?;
/// let of_files = TlsServerConfig::from_pem(Pem::file("cert.pem"), Pem::file("key.pem"))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Pem(Source);

#[derive(Clone)]
enum Source {
    Text(Vec<u8>),
    File(PathBuf),
}

impl Pem {
    /// The file at `path`.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Source::File(path.into()))
    }

    /// Its path, if it is a file.
    pub(super) fn path(&self) -> Option<&Path> {
        match &self.0 {
            Source::Text(_) => None,
            Source::File(path) => Some(path),
        }
    }

    /// All certificates in it, of which there is at least one.
    pub(super) fn certificates(
        &self,
        part: PemPart,
    ) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let text = self.read()?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        let result = match certificates {
            Ok(certificates) if certificates.is_empty() => Err(TlsError::BadPem(part, None)),
            Ok(certificates) => Ok(certificates),
            Err(error) => Err(TlsError::bad_pem(part, error)),
        };
        self.named(result)
    }

    pub(super) fn private_key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        let text = self.read()?;
        // An encrypted key is no key for the parser, which would report that the text has none.
        let is_encrypted = String::from_utf8_lossy(&text).contains("ENCRYPTED");
        let result = PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
            pem::Error::NoItemsFound if is_encrypted => {
                let hint = "it is encrypted (openssl pkey -in key.pem -out plain.pem decrypts it)";
                TlsError::BadPem(PemPart::Key, Some(hint.into()))
            }
            error => TlsError::bad_pem(PemPart::Key, error),
        });
        self.named(result)
    }

    /// Adds all certificates in it to those that are trusted.
    pub(super) fn add_to(&self, roots: &mut RootCertStore) -> Result<(), TlsError> {
        for certificate in self.certificates(PemPart::Roots)? {
            let added = roots
                .add(certificate)
                .map_err(|error| TlsError::BadPem(PemPart::Roots, Some(error.into())));
            self.named(added)?;
        }
        Ok(())
    }

    /// Puts the path of the file in front of an error.
    pub(super) fn named<T>(&self, result: Result<T, TlsError>) -> Result<T, TlsError> {
        result.map_err(|error| match self.path() {
            Some(path) => TlsError::File {
                path: path.to_owned(),
                source: error.into(),
            },
            None => error,
        })
    }

    fn read(&self) -> Result<Cow<'_, [u8]>, TlsError> {
        match &self.0 {
            Source::Text(text) => Ok(Cow::Borrowed(text)),
            Source::File(path) => match fs::read(path) {
                Ok(text) => Ok(Cow::Owned(text)),
                Err(error) => Err(TlsError::File {
                    path: path.clone(),
                    source: error.into(),
                }),
            },
        }
    }
}

impl From<Vec<u8>> for Pem {
    fn from(text: Vec<u8>) -> Self {
        Self(Source::Text(text))
    }
}

impl From<&[u8]> for Pem {
    fn from(text: &[u8]) -> Self {
        text.to_vec().into()
    }
}

impl<const N: usize> From<&[u8; N]> for Pem {
    fn from(text: &[u8; N]) -> Self {
        text.to_vec().into()
    }
}

impl From<String> for Pem {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<&str> for Pem {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

/// Without the text, which may be a private key.
impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Text(text) => write!(f, "Pem(text of {} bytes)", text.len()),
            Source::File(path) => write!(f, "Pem(file {path:?})"),
        }
    }
}
