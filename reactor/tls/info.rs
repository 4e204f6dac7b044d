//! What a handshake has agreed on, and whom it was with.

use std::fmt;
use std::rc::Rc;

use rustls::pki_types::CertificateDer;
use rustls::{CipherSuite, Connection, HandshakeKind, ProtocolVersion};

use crate::transport::Transport;

/// What TLS has agreed on with the peer of one connection, and what it knows of the peer:
/// [`Transport::tls`] has it when the handshake is done.
#[derive(Clone)]
pub struct TlsInfo {
    version: TlsVersion,
    cipher: CipherSuite,
    alpn: Option<Box<str>>,
    server_name: Option<Box<str>>,
    certificates: Box<[CertificateDer<'static>]>,
    is_resumed: bool,
}

/// A version of TLS. There are no others: older ones are broken, and never spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

impl TlsInfo {
    /// `host` is the one that a client has asked for.
    pub(super) fn of(tls: &Connection, host: Option<&str>) -> Option<Self> {
        let version = match tls.protocol_version()? {
            ProtocolVersion::TLSv1_2 => TlsVersion::Tls12,
            ProtocolVersion::TLSv1_3 => TlsVersion::Tls13,
            _ => return None,
        };
        let name = match tls {
            Connection::Client(_) => host,
            Connection::Server(server) => server.server_name(),
        };
        // Only a protocol that this side has named is agreed on, so it is text.
        let alpn = tls.alpn_protocol().map(String::from_utf8_lossy);
        Some(Self {
            version,
            cipher: tls.negotiated_cipher_suite()?.suite(),
            alpn: alpn.map(|name| name.into()),
            server_name: name.map(Into::into),
            certificates: tls.peer_certificates().unwrap_or_default().into(),
            is_resumed: tls.handshake_kind() == Some(HandshakeKind::Resumed),
        })
    }

    /// The version of TLS.
    #[must_use]
    pub fn version(&self) -> TlsVersion {
        self.version
    }

    /// The cipher suite, by its name in IANA's registry: `TLS_AES_256_GCM_SHA384`.
    #[must_use]
    pub fn cipher_suite(&self) -> String {
        // `rustls` tells those of TLS 1.3 apart by a prefix of its own.
        format!("{:?}", self.cipher).replacen("TLS13_", "TLS_", 1)
    }

    /// The application's protocol that was agreed on (ALPN, RFC 7301), if both sides have named any:
    /// `http/1.1`.
    #[must_use]
    pub fn alpn(&self) -> Option<&str> {
        self.alpn.as_deref()
    }

    /// The name by which the client has asked for the server: in a server the one of the client's SNI
    /// (RFC 6066, section 3), in lower case, if it sent one; in a client the host that was connected to, which may be an IP
    /// address.
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// The certificate that the peer has proved to be its own, as DER. A server always has one; a client
    /// only if it was asked for one.
    #[must_use]
    pub fn peer_certificate(&self) -> Option<&[u8]> {
        self.certificates.first().map(AsRef::as_ref)
    }

    /// The peer's certificate and those that it has sent to show who signed it, in this order, as DER:
    /// empty for a client without a certificate. After a resumption they are those of the first handshake.
    pub fn peer_certificates(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.certificates.iter().map(AsRef::as_ref)
    }

    /// Whether a session was resumed, so that no certificates were exchanged.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        self.is_resumed
    }
}

impl Transport {
    /// What TLS has agreed on with the peer: `None` before the handshake is done, of which
    /// [`handshake_done`](crate::Protocol::handshake_done) notifies a protocol, and without TLS. Of TLS in
    /// TLS it is the inner one. Still known after the connection was lost.
    #[must_use]
    pub fn tls(&self) -> Option<Rc<TlsInfo>> {
        self.negotiated()
    }
}

impl fmt::Debug for TlsInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsInfo")
            .field("version", &self.version)
            .field("cipher_suite", &self.cipher_suite())
            .field("alpn", &self.alpn)
            .field("server_name", &self.server_name)
            .field("peer_certificates", &self.certificates.len())
            .field("is_resumed", &self.is_resumed)
            .finish()
    }
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls12 => "TLSv1.2",
            Self::Tls13 => "TLSv1.3",
        })
    }
}
