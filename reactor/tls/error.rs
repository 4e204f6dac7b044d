//! Why TLS cannot be set up, or has failed.

use std::error::Error;
use std::fmt;
use std::io;
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
    /// The certificate and the key of a server do not belong together, or are of no use.
    BadIdentity(Source),
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
    /// A server's certificates.
    Chain,
    /// A server's private key.
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
        let kind = match &error {
            TlsError::NoRoots(_) => io::ErrorKind::NotFound,
            TlsError::BadPem(..) | TlsError::BadIdentity(_) | TlsError::BadHost(_) => {
                io::ErrorKind::InvalidInput
            }
            TlsError::Certificate { .. } | TlsError::NotTls { .. } | TlsError::Failed { .. } => {
                io::ErrorKind::InvalidData
            }
            TlsError::HandshakeTimedOut { .. } => io::ErrorKind::TimedOut,
            TlsError::ClosedInHandshake { .. } | TlsError::Truncated { .. } => {
                io::ErrorKind::UnexpectedEof
            }
        };
        Self::new(kind, error)
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
                write!(
                    f,
                    "the server's certificate and key are of no use: {complaint}"
                )
            }
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
            | Self::Certificate { source, .. }
            | Self::Failed { source, .. } => Some(source.as_ref()),
            Self::BadHost(_)
            | Self::NotTls { .. }
            | Self::ClosedInHandshake { .. }
            | Self::HandshakeTimedOut { .. }
            | Self::Truncated { .. } => None,
        }
    }
}
