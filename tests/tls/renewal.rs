//! New certificates without a restart: live connections keep theirs, and what is wrong changes nothing.

use std::fs;
use std::path::PathBuf;

use reactor::ListeningPort;
use reactor::testing::Simulation;
use reactor::tls::{Pem, TlsClientConfig, TlsError, TlsIdentity, TlsServerConfig};

use crate::support::SECOND;
use crate::{CHAIN, HOST, KEY, PLACE, ROOT, Side, client, echoes, named, says_hello, server};

const RENEWED: &[u8] = include_bytes!("../support/tls/renewed.pem");

const RENEWED_KEY: &[u8] = include_bytes!("../support/tls/renewed.key");

const EXPIRED: &[u8] = include_bytes!("../support/tls/expired.pem");

const OTHER_ROOT: &[u8] = include_bytes!("../support/tls/other-ca.pem");

/// A server that listens all the time.
struct Running {
    simulation: Simulation,
    _port: ListeningPort,
}

impl Running {
    fn new(tls: &TlsServerConfig) -> Self {
        let simulation = named(Simulation::new());
        let factory = Side::default().factory(echoes);
        let port = simulation.reactor().listen_tls(PLACE, tls, factory);
        Self {
            simulation,
            _port: port.expect("the port is free"),
        }
    }

    fn connect(&self, tls: &TlsClientConfig) -> Side {
        let side = Side::default();
        let reactor = self.simulation.reactor();
        reactor.connect_tls(HOST, 443, tls, side.factory(says_hello));
        self.simulation.run_for(SECOND);
        side
    }

    /// How many certificates a new client is shown: two are those of before, and the renewed one is alone.
    fn shown(&self) -> usize {
        let side = self.connect(&client());
        let info = side.transport().tls().expect("the handshake is done");
        info.peer_certificates().len()
    }
}

/// A folder with a certificate and its key, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("reactor-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        let folder = Self(path);
        folder.write(CHAIN, KEY);
        folder
    }

    fn write(&self, chain: &[u8], key: &[u8]) {
        fs::write(self.0.join("cert.pem"), chain).expect("a file");
        fs::write(self.0.join("key.pem"), key).expect("a file");
    }

    fn file(&self, name: &str) -> Pem {
        Pem::file(self.0.join(name))
    }

    fn tls(&self) -> TlsServerConfig {
        let tls = TlsServerConfig::from_pem(self.file("cert.pem"), self.file("key.pem"));
        tls.expect("a chain and its key")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn renewed() -> TlsIdentity {
    TlsIdentity::from_pem(RENEWED, RENEWED_KEY).expect("they belong together")
}

#[test]
fn a_port_shows_the_certificates_that_have_replaced_others() {
    let tls = server();
    let running = Running::new(&tls);
    let before = running.connect(&client());
    assert_eq!(running.shown(), 2);
    tls.replace(&TlsServerConfig::new(renewed()))
        .expect("it is valid");
    assert_eq!(running.shown(), 1);
    before.transport().write(b" again");
    running.simulation.run_for(SECOND);
    assert_eq!(before.data(), b"hello again", "it lives on");
    let info = before.transport().tls().expect("the handshake is done");
    assert_eq!(info.peer_certificates().len(), 2);
}

#[test]
fn an_expired_certificate_replaces_none() {
    let tls = server();
    let running = Running::new(&tls);
    let expired = TlsIdentity::from_pem(EXPIRED, KEY).expect("they belong together");
    let error = tls
        .replace(&TlsServerConfig::new(expired))
        .expect_err("it has expired");
    let said = error.to_string();
    assert!(
        said.starts_with("the certificate and key are of no use: certificate expired"),
        "{said}"
    );
    assert_eq!(running.shown(), 2);
    // One that no authority has signed which is known here is valid all the same.
    let own = TlsServerConfig::from_pem(include_bytes!("../support/tls/own.pem"), KEY);
    tls.replace(&own.expect("they belong together"))
        .expect("it is valid");
}

#[test]
fn files_are_read_again_and_what_is_wrong_with_them_changes_nothing() {
    let folder = Folder::new("renewal");
    let tls = folder.tls();
    let running = Running::new(&tls);
    let refused = |said: &str| {
        let error = tls.reload().expect_err("it is wrong").to_string();
        assert!(error.contains(said), "{error}");
        assert_eq!(running.shown(), 2, "{said}");
    };
    folder.write(RENEWED, KEY); // between the two files
    refused("cert.pem: the certificate and key are of no use: they do not belong together");
    folder.write(b"", RENEWED_KEY);
    refused("cert.pem: there is no certificate in the text");
    folder.write(RENEWED, b"");
    refused("key.pem: there is no private key in the text");
    folder.write(&RENEWED[..100], RENEWED_KEY);
    refused("cert.pem: a broken certificate");
    folder.write(EXPIRED, KEY);
    refused("cert.pem: the certificate and key are of no use: certificate expired");
    fs::remove_file(folder.0.join("key.pem")).expect("it is there");
    fs::write(folder.0.join("cert.pem"), RENEWED).expect("a file");
    refused("key.pem: No such file or directory");
    folder.write(RENEWED, RENEWED_KEY);
    tls.reload().expect("they belong together");
    assert_eq!(running.shown(), 1);
}

#[test]
fn all_files_are_read_again_or_none() {
    let folder = Folder::new("all");
    fs::write(folder.0.join("clients.pem"), ROOT).expect("a file");
    let named = TlsIdentity::from_pem(folder.file("cert.pem"), folder.file("key.pem"));
    let tls = TlsServerConfig::new(renewed())
        .with_name(HOST, named.expect("they belong together"))
        .and_then(|tls| tls.with_optional_client_certificate(folder.file("clients.pem")))
        .expect("they are all right");
    let running = Running::new(&tls);
    assert_eq!(running.shown(), 2);
    // A good certificate, and no authority.
    folder.write(RENEWED, RENEWED_KEY);
    fs::write(folder.0.join("clients.pem"), "").expect("a file");
    let error = tls.reload().expect_err("there is no authority").to_string();
    assert!(
        error.ends_with("clients.pem: there is no trusted certificate in the text"),
        "{error}"
    );
    assert_eq!(running.shown(), 2);
    // One for another name.
    fs::write(folder.0.join("clients.pem"), OTHER_ROOT).expect("a file");
    let wild = include_bytes!("../support/tls/wild.pem");
    folder.write(wild, include_bytes!("../support/tls/wild.key"));
    assert!(
        tls.reload()
            .expect_err("another name")
            .to_string()
            .contains("not valid for name")
    );
    assert_eq!(running.shown(), 2);
    folder.write(RENEWED, RENEWED_KEY);
    tls.reload().expect("it is all right");
    assert_eq!(running.shown(), 1);
    let ana = include_bytes!("../support/tls/client.pem");
    let ana = TlsIdentity::from_pem(ana, include_bytes!("../support/tls/client.key"));
    let ana = running.connect(&client().with_identity(ana.expect("they belong together")));
    assert!(!ana.reason().is_clean(), "another authority is asked now");
}

#[test]
fn what_is_in_no_file_cannot_be_read_again() {
    let error = server().reload().expect_err("it is text");
    assert!(matches!(error, TlsError::NoFiles));
    assert_eq!(
        error.to_string(),
        "no certificate or key is in a file that could be read again"
    );
}

#[test]
fn a_configuration_that_is_made_of_another_is_not_replaced_with_it() {
    let tls = server();
    let derived = tls.clone().with_alpn(&["a"]);
    let running = Running::new(&derived);
    tls.replace(&TlsServerConfig::new(renewed()))
        .expect("it is valid");
    assert_eq!(running.shown(), 2);
}

/// Whether a client that comes back resumes its session, each time after something else has happened.
fn is_resumed_after<const N: usize>(tls: &TlsServerConfig, events: [&dyn Fn(); N]) -> [bool; N] {
    let running = Running::new(tls);
    let tls_client = client();
    running.connect(&tls_client);
    events.map(|happens| {
        happens();
        let side = running.connect(&tls_client);
        let info = side.transport().tls().expect("the handshake is done");
        info.is_resumed()
    })
}

#[test]
fn sessions_are_resumed_after_a_reload_unless_other_clients_are_accepted() {
    let folder = Folder::new("sessions");
    let roots = |pem: &[u8]| fs::write(folder.0.join("clients.pem"), pem).expect("a file");
    roots(ROOT);
    let tls = folder.tls();
    let reload = || tls.reload().expect("it is all right");
    let renew = || {
        folder.write(RENEWED, RENEWED_KEY);
        reload();
    };
    assert_eq!(is_resumed_after(&tls, [&reload, &renew]), [true; 2]);
    let tls = tls.with_optional_client_certificate(folder.file("clients.pem"));
    let tls = tls.expect("an authority");
    let reload = || tls.reload().expect("it is all right");
    let change = || {
        roots(OTHER_ROOT);
        reload();
    };
    assert_eq!(
        is_resumed_after(&tls, [&reload, &change, &reload]),
        [true, false, true]
    );
}

#[test]
fn sessions_are_not_resumed_with_a_configuration_that_has_replaced_theirs() {
    let tls = server();
    let replace = || tls.replace(&server()).expect("it is valid");
    assert_eq!(
        is_resumed_after(&tls, [&|| {}, &replace, &|| {}]),
        [true, false, true]
    );
}
