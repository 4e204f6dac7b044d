//! Which certificates are accepted, by whom, and what is reported of the others.

use std::io;

use reactor::testing::Simulation;
use reactor::tls::{Pem, PemPart, TlsClientConfig, TlsError, TlsServerConfig};

use crate::{
    CHAIN, HOST, KEY, PLACE, ROOT, Side, client, listens, meet, named, says_hello, server,
};

const OTHER_ROOT: &[u8] = include_bytes!("../support/tls/other-ca.pem");

const EXPIRED: &[u8] = include_bytes!("../support/tls/expired.pem");

const AUTHORITY: &[u8] = include_bytes!("../support/tls/authority.pem");

const OWN: &[u8] = include_bytes!("../support/tls/own.pem");

#[test]
fn a_self_signed_certificate_is_accepted_by_a_client_that_trusts_it() {
    let own = TlsServerConfig::from_pem(OWN, KEY).expect("a chain and its key");
    let trusts_it = TlsClientConfig::with_root_pem(OWN).expect("a root");
    let simulation = named(Simulation::new());
    let (ours, _) = meet(&simulation, (&own, listens), (&trusts_it, says_hello), HOST);
    assert_eq!(ours.data(), b"hello");
}

#[test]
fn a_certificate_that_is_not_accepted_ends_the_connection_and_both_know_why() {
    let expired = TlsServerConfig::from_pem(EXPIRED, KEY).expect("a chain and its key");
    let trusts_other = TlsClientConfig::with_root_pem(OTHER_ROOT).expect("a root");
    let cases = [
        (
            "wrong.test",
            server(),
            client(),
            "the certificate of wrong.test is not accepted: certificate not valid for name \
             \"wrong.test\"; certificate is only valid for DnsName(\"server.test\")",
            "BadCertificate",
        ),
        (
            HOST,
            expired,
            client(),
            "the certificate of server.test is not accepted: certificate expired:",
            "CertificateExpired",
        ),
        (
            HOST,
            server(),
            trusts_other,
            "the certificate of server.test is not accepted: it was not signed by a trusted \
             authority",
            "UnknownCA",
        ),
        (
            HOST,
            TlsServerConfig::from_pem(AUTHORITY, KEY).expect("a chain and its key"),
            TlsClientConfig::with_root_pem(AUTHORITY).expect("a root"),
            "the certificate of server.test is not accepted: it is an authority's, for signing others, \
             and not a server's (openssl req -x509 makes one of a server with -addext \
             basicConstraints=critical,CA:FALSE)",
            "CertificateUnknown",
        ),
    ];
    for (host, tls_server, tls_client, expected, alert) in cases {
        let simulation = named(Simulation::new());
        let (ours, theirs) = meet(
            &simulation,
            (&tls_server, says_hello),
            (&tls_client, says_hello),
            host,
        );
        let reason = theirs.reason();
        assert!(reason.to_string().starts_with(expected), "{reason}");
        let error = TlsError::of(&reason);
        assert!(matches!(error, Some(TlsError::Certificate { peer, .. }) if peer == host));
        let told = format!("TLS with the client failed: received fatal alert: {alert}");
        assert_eq!(ours.reason().to_string(), told);
        assert!(ours.data().is_empty() && theirs.data().is_empty());
    }
}

#[test]
fn a_certificate_that_is_added_is_trusted_as_well() {
    let both = TlsClientConfig::with_root_pem(OTHER_ROOT)
        .and_then(|tls| tls.with_alpn(&["first"]).and_root_pem(ROOT))
        .expect("two roots");
    let tls_server = server().with_alpn(&["first"]);
    let simulation = named(Simulation::new());
    let (ours, _) = meet(
        &simulation,
        (&tls_server, listens),
        (&both, says_hello),
        HOST,
    );
    assert_eq!(ours.data(), b"hello");
    // The list of protocols was not lost on the way.
    let tls_server = server().with_alpn(&["second"]);
    let (_, theirs) = meet(
        &simulation,
        (&tls_server, listens),
        (&both, says_hello),
        HOST,
    );
    let told = "TLS with server.test failed: received fatal alert: NoApplicationProtocol";
    assert_eq!(theirs.reason().to_string(), told);
}

#[test]
fn the_certificates_of_the_system_do_not_include_ours() {
    // A machine may have none at all, and say so.
    let tls = match TlsClientConfig::with_system_roots() {
        Ok(tls) => tls,
        Err(error) => return assert!(matches!(error, TlsError::NoRoots(_)), "{error}"),
    };
    let simulation = named(Simulation::new());
    let (_, theirs) = meet(&simulation, (&server(), listens), (&tls, says_hello), HOST);
    let error = theirs.reason();
    assert!(matches!(
        TlsError::of(&error),
        Some(TlsError::Certificate { .. })
    ));
}

#[test]
fn a_host_name_that_no_certificate_can_have_is_not_connected_to() {
    let simulation = named(Simulation::new());
    let listener = simulation.listen(PLACE);
    let side = Side::default();
    let reactor = simulation.reactor();
    let connector = reactor.connect_tls("no host", 443, &client(), side.factory(listens));
    assert!(
        connector.is_connecting(),
        "nothing is called before it has returned"
    );
    let connected = connector.connected();
    simulation.run_until_idle();
    let outcome = connected.into_result().ok().and_then(Result::err);
    let failure = outcome.expect("it has failed").to_string();
    assert_eq!(
        failure,
        "\"no host\" is neither a host's name nor an IP address"
    );
    assert!(listener.accept().is_none() && side.log.entries().is_empty());
}

#[test]
fn an_invalid_identity_or_root_is_reported_as_such() {
    let of = |chain: &[u8], key: &[u8]| {
        let error = TlsServerConfig::from_pem(chain, key).expect_err("it is wrong");
        error.to_string()
    };
    assert_eq!(of(b"", KEY), "there is no certificate in the text");
    assert_eq!(of(KEY, KEY), "there is no certificate in the text");
    assert_eq!(of(CHAIN, b""), "there is no private key in the text");
    assert_eq!(of(CHAIN, CHAIN), "there is no private key in the text");
    let mismatched = of(ROOT, KEY);
    let expected = "the certificate and key are of no use: they do not belong together";
    assert_eq!(mismatched, expected);
    let encrypted =
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    assert!(of(CHAIN, encrypted).starts_with("a broken private key: it is encrypted"));
    let cut = &CHAIN[..CHAIN.len() / 4];
    assert!(of(cut, KEY).starts_with("a broken certificate: "));
    let missing = Pem::file("tests/support/tls/missing.pem");
    let error = TlsServerConfig::from_pem(missing.clone(), KEY).expect_err("it is not there");
    let text = error.to_string();
    assert!(
        text.starts_with("tests/support/tls/missing.pem: No such file"),
        "{text}"
    );
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::NotFound);
    let not_a_key = Pem::file("tests/support/tls/ca.pem");
    let error = TlsServerConfig::from_pem(CHAIN, not_a_key).expect_err("it is a certificate");
    let expected = "tests/support/tls/ca.pem: there is no private key in the text";
    assert_eq!(error.to_string(), expected);
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::InvalidInput);
    let files = "tests/support/tls/renewed.pem, tests/support/tls/server.key";
    let (chain, key) = files.split_once(", ").expect("two");
    let error = TlsServerConfig::from_pem(Pem::file(chain), Pem::file(key));
    let error = error.expect_err("they do not belong together").to_string();
    assert_eq!(error, format!("{chain}: {mismatched}"));
    assert!(TlsClientConfig::with_root_pem(missing).is_err());
    let error = TlsClientConfig::with_root_pem("").expect_err("it is empty");
    assert!(matches!(error, TlsError::BadPem(PemPart::Roots, None)));
}
