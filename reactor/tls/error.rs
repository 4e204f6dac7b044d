//! Why TLS cannot be set up, or has failed.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use rustls::pki_types::pem;
use rustls::{CertificateError, InvalidMessage, OtherError};

use crate::reason::Reason;

/// An error of another crate, whose type may change.
type Source = Box<dyn Error + Send + Sync>;

/// Why TLS cannot be set up, or has failed.
///
/// A connection that fails has it inside the [`io::Error`] of its [`Reason::Error`], where
/// [`TlsError::of`] finds it.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// The operating system has no certificates to trust.
    NoRoots(Option<Source>),
    /// Certificates or a key are missing in the text, or are not valid PEM.
    BadPem(PemPart, Option<Source>),
    /// A certificate and its key do not belong together or are of no use, or the certificate is not one for a
    /// name, or not valid now.
    BadIdentity(Source),
    /// A file cannot be read, or what is in it is invalid.
    File {
        /// The file.
        path: PathBuf,
        /// An [`io::Error`] or a [`TlsError`].
        source: Source,
    },
    /// There is nothing to read again: no part of the configuration is in a file.
    NoFiles,
    /// The host is neither a name nor an IP address, so no certificate can be for it.
    BadHost(String),
    /// The peer's certificate is not for its name, has expired, or was not signed by an
    /// authority that is trusted.
    Certificate {
        /// The host, or `the client`.
        peer: String,
        /// What is wrong with it.
        source: Source,
    },
    /// The peer has sent no certificate, and one is required.
    NoCertificate {
        /// The host, or `the client`.
        peer: String,
    },
    /// The client has asked for a name for which the server has no certificate, or for none, and there
    /// is no certificate for others.
    UnknownName {
        /// The name, if it has asked for one.
        name: Option<String>,
    },
    /// The first bytes of the peer are not TLS.
    NotTls {
        /// The host, or `the client`.
        peer: String,
    },
    /// The peer closed the connection, and the handshake was not done.
    ClosedInHandshake {
        /// The host, or `the client`.
        peer: String,
    },
    /// The handshake was not done in time.
    HandshakeTimedOut {
        /// The host, or `the client`.
        peer: String,
        /// How long it may take.
        limit: Duration,
    },
    /// The peer's stream ended without `close_notify`: it may have been cut off on the way.
    Truncated {
        /// The host, or `the client`.
        peer: String,
    },
    /// One of the two sides found fault with the other in another way, before the end of the
    /// handshake or after.
    Failed {
        /// The host, or `the client`.
        peer: String,
        /// With what.
        source: Source,
    },
}

/// A text in the PEM format, by what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PemPart {
    /// The certificates that are trusted.
    Roots,
    /// The certificates of one side.
    Chain,
    /// The private key that belongs to them.
    Key,
}

impl TlsError {
    /// The error of TLS that a connection was lost for, if it was lost for one.
    #[must_use]
    pub fn of(reason: &Reason) -> Option<&Self> {
        match reason {
            Reason::Error(error) => error.get_ref()?.downcast_ref(),
            _ => None,
        }
    }

    fn kind(&self) -> io::ErrorKind {
        match self {
            Self::NoRoots(_) => io::ErrorKind::NotFound,
            Self::File { source, .. } => match (
                source.downcast_ref::<Self>(),
                source.downcast_ref::<io::Error>(),
            ) {
                (Some(error), _) => error.kind(),
                (_, Some(error)) => error.kind(),
                _ => io::ErrorKind::InvalidInput,
            },
            Self::BadPem(..) | Self::BadIdentity(_) | Self::NoFiles | Self::BadHost(_) => {
                io::ErrorKind::InvalidInput
            }
            Self::Certificate { .. }
            | Self::NoCertificate { .. }
            | Self::UnknownName { .. }
            | Self::NotTls { .. }
            | Self::Failed { .. } => io::ErrorKind::InvalidData,
            Self::HandshakeTimedOut { .. } => io::ErrorKind::TimedOut,
            Self::ClosedInHandshake { .. } | Self::Truncated { .. } => io::ErrorKind::UnexpectedEof,
        }
    }

    pub(super) fn bad_pem(part: PemPart, error: pem::Error) -> Self {
        match error {
            pem::Error::NoItemsFound => Self::BadPem(part, None),
            broken => Self::BadPem(part, Some(broken.into())),
        }
    }

    pub(super) fn failed(peer: &str, error: rustls::Error) -> Self {
        let peer = peer.to_owned();
        match error {
            rustls::Error::InvalidCertificate(_) => Self::Certificate {
                peer,
                source: error.into(),
            },
            rustls::Error::NoCertificatesPresented => Self::NoCertificate { peer },
            _ => Self::Failed {
                peer,
                source: error.into(),
            },
        }
    }

    /// As [`failed`](Self::failed), for the first thing that the peer says.
    pub(super) fn failed_at_first(peer: &str, error: rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidMessage(
                InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
            ) => Self::NotTls {
                peer: peer.to_owned(),
            },
            other => Self::failed(peer, other),
        }
    }
}

impl From<TlsError> for io::Error {
    fn from(error: TlsError) -> Self {
        Self::new(error.kind(), error)
    }
}

impl From<TlsError> for Reason {
    fn from(error: TlsError) -> Self {
        Self::Error(Rc::new(error.into()))
    }
}

/// What is wrong with a certificate or its key, in the words of `rustls` where those are words.
struct Complaint<'a>(&'a Source);

impl fmt::Display for Complaint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.downcast_ref() {
            Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
                write!(f, "it was not signed by a trusted authority")
            }
            Some(rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(error)))) => {
                explain(error, f)
            }
            Some(rustls::Error::InvalidCertificate(error)) => error.fmt(f),
            Some(rustls::Error::InconsistentKeys(_)) => {
                write!(f, "they do not belong together")
            }
            Some(_) | None => self.0.fmt(f),
        }
    }
}

/// The names that `webpki` has for what is wrong most often with a certificate that one has made oneself.
fn explain(error: &dyn Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match error.to_string().as_str() {
        "CaUsedAsEndEntity" => write!(
            f,
            "it is an authority's, for signing others, and not a server's (openssl req -x509 makes one of a \
             server with -addext basicConstraints=critical,CA:FALSE)"
        ),
        "UnsupportedCertVersion" => write!(
            f,
            "it is not of version 3, so it names no host (openssl makes one that does with -addext \
             subjectAltName=DNS:name)"
        ),
        other => f.write_str(other),
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoots(None) => write!(f, "the system has no certificates to trust"),
            Self::NoRoots(Some(source)) => {
                write!(f, "the system has no certificates to trust: {source}")
            }
            Self::BadPem(part, None) => write!(f, "there is no {part} in the text"),
            Self::BadPem(part, Some(source)) => write!(f, "a broken {part}: {source}"),
            Self::BadIdentity(source) => {
                let complaint = Complaint(source);
                write!(f, "the certificate and key are of no use: {complaint}")
            }
            Self::File { path, source } => write!(f, "{}: {source}", path.display()),
            Self::NoFiles => write!(
                f,
                "no certificate or key is in a file that could be read again"
            ),
            Self::NoCertificate { peer } => {
                write!(f, "{peer} has sent no certificate, and one is required")
            }
            Self::UnknownName { name: Some(name) } => {
                write!(
                    f,
                    "there is no certificate for {name:?}, which the client has asked for"
                )
            }
            Self::UnknownName { name: None } => write!(
                f,
                "there is no certificate for a client that asks for no name"
            ),
            Self::BadHost(host) => {
                write!(f, "{host:?} is neither a host's name nor an IP address")
            }
            Self::Certificate { peer, source } => {
                let complaint = Complaint(source);
                write!(f, "the certificate of {peer} is not accepted: {complaint}")
            }
            Self::NotTls { peer } => write!(f, "{peer} does not speak TLS"),
            Self::ClosedInHandshake { peer } => {
                write!(f, "{peer} closed the connection during the TLS handshake")
            }
            Self::HandshakeTimedOut { peer, limit } => {
                write!(f, "the TLS handshake with {peer} timed out after {limit:?}")
            }
            Self::Truncated { peer } => write!(
                f,
                "{peer} closed the connection without TLS's close_notify, and something may be missing"
            ),
            Self::Failed { peer, source } => write!(f, "TLS with {peer} failed: {source}"),
        }
    }
}

impl fmt::Display for PemPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Roots => "trusted certificate",
            Self::Chain => "certificate",
            Self::Key => "private key",
        })
    }
}

impl Error for TlsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoRoots(source) | Self::BadPem(_, source) => source.as_deref().map(|s| s as _),
            Self::BadIdentity(source)
            | Self::File { source, .. }
            | Self::Certificate { source, .. }
            | Self::Failed { source, .. } => Some(source.as_ref()),
            Self::BadHost(_)
            | Self::NoFiles
            | Self::NoCertificate { .. }
            | Self::UnknownName { .. }
            | Self::NotTls { .. }
            | Self::ClosedInHandshake { .. }
            | Self::HandshakeTimedOut { .. }
            | Self::Truncated { .. } => None,
        }
    }
}
