//! What a server shows, asks for and remembers; and how it is replaced while connections live.

use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::crypto::ring;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{KeyLog, NoKeyLog, RootCertStore, ServerConfig, ServerConnection};

use super::error::TlsError;
use super::identity::TlsIdentity;
use super::key_log::KeyLogWriter;
use super::layer::{HANDSHAKE_TIMEOUT, TlsLayer};
use super::names::Certificates;
use super::pem::Pem;

/// What all connections of a server share: the certificates that it proves to be its own, by name; what it asks
/// clients for; and what it needs to resume their sessions.
///
/// Clones are cheap, and are the same configuration: one that is [reloaded](Self::reload) or
/// [replaced](Self::replace) is so for all of them, a port that listens with it too. The methods that begin with
/// `with` return another configuration, with sessions of its own.
///
/// ```no_run
/// use reactor::tls::{Pem, TlsIdentity, TlsServerConfig};
///
/// let certificate = |name: &str| {
///     let file = |extension| Pem::file(format!("/etc/certificates/{name}.{extension}"));
///     TlsIdentity::from_pem(file("pem"), file("key"))
/// };
/// let tls = TlsServerConfig::new(certificate("example.com")?)
///     .with_name("example.org", certificate("example.org")?)?
///     .with_name("*.example.org", certificate("others")?)?
///     .with_optional_client_certificate(Pem::file("/etc/certificates/staff.pem"))?
///     .with_alpn(&["http/1.1"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct TlsServerConfig(Arc<Mutex<Arc<Built>>>);

/// What connections that begin now are made with.
struct Built {
    parts: Parts,
    tls: Arc<ServerConfig>,
}

#[derive(Clone)]
struct Parts {
    certificates: Certificates,
    clients: Option<Clients>,
    alpn: Vec<Vec<u8>>,
    resumes: bool,
    key_log: Arc<dyn KeyLog>,
    handshake: Option<Duration>,
}

/// Which certificates of clients are accepted.
#[derive(Clone)]
struct Clients {
    pem: Pem,
    roots: Arc<RootCertStore>,
    are_required: bool,
}

impl TlsServerConfig {
    /// A server that shows this certificate to each client.
    #[must_use]
    pub fn new(identity: TlsIdentity) -> Self {
        Self::of(Parts {
            certificates: Certificates::with_default(identity),
            clients: None,
            alpn: Vec::new(),
            resumes: true,
            key_log: Arc::new(NoKeyLog),
            handshake: Some(HANDSHAKE_TIMEOUT),
        })
    }

    /// A server with a chain of certificates and the private key of the first, each a text or a
    /// [file](Pem::file): [`new`](Self::new) with [`TlsIdentity::from_pem`].
    ///
    /// # Errors
    ///
    /// As [`TlsIdentity::from_pem`].
    pub fn from_pem(chain: impl Into<Pem>, key: impl Into<Pem>) -> Result<Self, TlsError> {
        TlsIdentity::from_pem(chain, key).map(Self::new)
    }

    /// Shows another certificate to clients that ask for `name` (SNI). A name is that of a host or a
    /// wildcard, `*.example.com`, which stands for one label: for `www.example.com` and not for
    /// `example.com`. A name that is given exactly comes before a wildcard, and the later of two certificates
    /// for a name takes its place. Clients that ask for other names, or for none, because they connect to an
    /// IP address or are very old, are shown the certificate of [`new`](Self::new).
    ///
    /// # Errors
    ///
    /// [`TlsError::BadIdentity`] when the certificate is not one for this name, and
    /// [`TlsError::BadHost`] when it is no name.
    pub fn with_name(self, name: &str, identity: TlsIdentity) -> Result<Self, TlsError> {
        self.change(|parts| parts.certificates.add(name, identity))
    }

    /// Refuses clients that ask for no name of [`with_name`](Self::with_name): their handshakes fail with
    /// [`TlsError::UnknownName`], and the certificate of [`new`](Self::new) is shown to none.
    #[must_use]
    pub fn with_names_only(self) -> Self {
        self.set(|parts| parts.certificates.remove_default())
    }

    /// Accepts only clients that prove to have a certificate which one of these authorities has signed.
    /// [`Transport::tls`](crate::Transport::tls) has it. Others fail the handshake, with
    /// [`TlsError::NoCertificate`] or [`TlsError::Certificate`].
    ///
    /// A client whose session is resumed has proved it in an earlier handshake, at most 12 hours before, and its
    /// certificate is not looked at again.
    ///
    /// # Errors
    ///
    /// [`TlsError::BadPem`] when there is no certificate among them, or one that is broken; and
    /// [`TlsError::File`].
    pub fn with_required_client_certificate(self, roots: impl Into<Pem>) -> Result<Self, TlsError> {
        self.with_clients(roots.into(), true)
    }

    /// As [`with_required_client_certificate`](Self::with_required_client_certificate), and a client may also
    /// have no certificate. One with a certificate that is not accepted fails the handshake.
    ///
    /// # Errors
    ///
    /// As [`with_required_client_certificate`](Self::with_required_client_certificate).
    pub fn with_optional_client_certificate(self, roots: impl Into<Pem>) -> Result<Self, TlsError> {
        self.with_clients(roots.into(), false)
    }

    /// Speaks these protocols, the best one first, with clients that ask which (ALPN). A client that
    /// asks, and speaks none of them, fails the handshake.
    #[must_use]
    pub fn with_alpn(self, protocols: &[&str]) -> Self {
        let names = protocols.iter().map(|name| name.as_bytes().to_vec());
        self.set(|parts| parts.alpn = names.collect())
    }

    /// How long a handshake may take before the connection is lost with [`TlsError::HandshakeTimedOut`], by
    /// default [`HANDSHAKE_TIMEOUT`]. It counts from when the connection is accepted, or from when the
    /// layer is in place. `None` sets no limit.
    #[must_use]
    pub fn with_handshake_timeout(self, time: impl Into<Option<Duration>>) -> Self {
        self.set(|parts| parts.handshake = time.into())
    }

    /// Resumes no session, so that each connection has a whole handshake. Otherwise clients that come back are
    /// given tickets (RFC 5077; RFC 8446, section 2.2), which are valid for 12 hours, and which no other
    /// configuration or process can read.
    #[must_use]
    pub fn without_resumption(self) -> Self {
        self.set(|parts| parts.resumes = false)
    }

    /// Writes the secrets of each connection to `file`, a line each, in the format of `SSLKEYLOGFILE`, with
    /// which Wireshark decrypts what it has captured. Whoever can read the file can read the connections,
    /// so it is for the search of mistakes only; no environment variable turns it on.
    ///
    /// Writing blocks the loop. A file that cannot be written is reported in the log, once.
    #[must_use]
    pub fn with_key_log(self, file: impl Write + Send + 'static) -> Self {
        let key_log = Arc::new(KeyLogWriter::new(file));
        self.set(|parts| parts.key_log = key_log)
    }

    /// Makes the connections that begin from now on with all that `other` has: its certificates, its
    /// authorities for clients, its protocols. Live connections keep what they have, and sessions of before
    /// are not resumed.
    ///
    /// # Errors
    ///
    /// [`TlsError::BadIdentity`] when a certificate of `other` has expired or is not valid yet, in which case every
    /// client would refuse it. Nothing is changed then.
    pub fn replace(&self, other: &Self) -> Result<(), TlsError> {
        let new = other.current();
        new.parts.certificates.check_dates()?;
        self.set_current(new);
        Ok(())
    }

    /// Reads all [files](Pem::file) of this configuration anew, and makes the connections that begin from now
    /// on with what they contain: all of them, or, if anything is wrong with one, what there was before.
    /// Live connections keep what they have. Sessions of before are resumed, unless the authorities for clients
    /// are others now.
    ///
    /// Call it when a certificate was renewed, on [SIGHUP](crate::Reactor::on_signal) for example, or every hour. A certificate and its key are
    /// two files, which cannot be renewed at the same moment: a call between the two is an error and changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`TlsError::File`] with what is wrong: a file cannot be read or is empty, the certificate and its
    /// key do not belong together, or it has expired or is not valid yet. [`TlsError::NoFiles`] when all is
    /// text.
    pub fn reload(&self) -> Result<(), TlsError> {
        let before = self.current();
        let mut parts = before.parts.clone();
        let has_files = parts.certificates.has_files()
            || (parts.clients.iter()).any(|clients| clients.pem.path().is_some());
        if !has_files {
            return Err(TlsError::NoFiles);
        }
        parts.certificates = parts.certificates.read_again()?;
        parts.certificates.check_dates()?;
        if let Some(clients) = &mut parts.clients {
            *clients = Clients::read(clients.pem.clone(), clients.are_required)?;
        }
        self.set_current(Arc::new(parts.build_after(&before)));
        Ok(())
    }

    /// The layer of one connection.
    #[must_use]
    #[expect(
        clippy::missing_panics_doc,
        reason = "what could not be built is never given to it"
    )]
    pub fn layer(&self) -> TlsLayer {
        let current = self.current();
        let connection = ServerConnection::new(Arc::clone(&current.tls))
            .expect("it fails only for sizes of records, which are not set here");
        TlsLayer::new(connection.into(), "the client", current.parts.handshake)
    }

    fn with_clients(self, pem: Pem, are_required: bool) -> Result<Self, TlsError> {
        let clients = Clients::read(pem, are_required)?;
        Ok(self.set(|parts| parts.clients = Some(clients)))
    }

    fn set(&self, f: impl FnOnce(&mut Parts)) -> Self {
        let mut parts = self.current().parts.clone();
        f(&mut parts);
        Self::of(parts)
    }

    fn change(&self, f: impl FnOnce(&mut Parts) -> Result<(), TlsError>) -> Result<Self, TlsError> {
        let mut parts = self.current().parts.clone();
        f(&mut parts)?;
        Ok(Self::of(parts))
    }

    fn of(parts: Parts) -> Self {
        Self(Arc::new(Mutex::new(Arc::new(parts.build()))))
    }

    fn current(&self) -> Arc<Built> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn set_current(&self, built: Arc<Built>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = built;
    }
}

impl Parts {
    /// Always from the beginning, and with new keys for tickets: a session that was begun under other
    /// conditions, with another list of authorities perhaps, must not be resumed under these.
    fn build(self) -> Built {
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has what these versions need");
        let builder = match &self.clients {
            Some(clients) => builder.with_client_cert_verifier(clients.verifier()),
            None => builder.with_no_client_auth(),
        };
        let mut tls = builder.with_cert_resolver(Arc::new(self.certificates.clone()));
        tls.alpn_protocols.clone_from(&self.alpn);
        tls.key_log = Arc::clone(&self.key_log);
        if !self.resumes {
            tls.session_storage = Arc::new(NoServerSessionStorage {});
            tls.send_tls13_tickets = 0;
        } else if let Ok(ticketer) = ring::Ticketer::new() {
            // Without tickets, where the system has no random numbers, 256 sessions are kept in memory.
            tls.ticketer = ticketer;
        }
        let tls = Arc::new(tls);
        Built { parts: self, tls }
    }

    /// As [`build`](Self::build), when what is asked of clients may be the same as before. Otherwise a program
    /// that reloads every minute would resume hardly a session.
    fn build_after(self, before: &Built) -> Built {
        let roots = |parts: &Self| parts.clients.as_ref().map(|c| Arc::clone(&c.roots));
        let is_same = match (roots(&self), roots(&before.parts)) {
            (Some(roots), Some(earlier)) => roots.roots == earlier.roots,
            _ => true, // a reload neither adds nor removes them
        };
        let mut built = self.build();
        if is_same {
            let tls = Arc::make_mut(&mut built.tls);
            tls.ticketer = Arc::clone(&before.tls.ticketer);
            tls.session_storage = Arc::clone(&before.tls.session_storage);
        }
        built
    }
}

impl Clients {
    fn read(pem: Pem, are_required: bool) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        pem.add_to(&mut roots)?;
        Ok(Self {
            pem,
            roots: Arc::new(roots),
            are_required,
        })
    }

    fn verifier(&self) -> Arc<dyn rustls::server::danger::ClientCertVerifier> {
        let provider = Arc::new(ring::default_provider());
        let roots = Arc::clone(&self.roots);
        let builder = WebPkiClientVerifier::builder_with_provider(roots, provider);
        let builder = match self.are_required {
            true => builder,
            false => builder.allow_unauthenticated(),
        };
        builder
            .build()
            .expect("there is an authority, and no list of revocations")
    }
}

impl fmt::Debug for TlsServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let current = self.current();
        f.debug_struct("TlsServerConfig")
            .field("certificates", &current.parts.certificates)
            .field("asks_for_certificates", &current.parts.clients.is_some())
            .finish_non_exhaustive()
    }
}
