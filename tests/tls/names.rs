//! Several certificates at one port: which one is shown to whom.

use reactor::testing::Simulation;
use reactor::tls::{TlsError, TlsIdentity, TlsServerConfig};

use crate::support::SECOND;
use crate::{CHAIN, KEY, Side, client, echoes, meet, named, says_hello};

const WILD: &[u8] = include_bytes!("../support/tls/wild.pem");

const WILD_KEY: &[u8] = include_bytes!("../support/tls/wild.key");

fn wild() -> TlsIdentity {
    TlsIdentity::from_pem(WILD, WILD_KEY).expect("they belong together")
}

fn own() -> TlsIdentity {
    TlsIdentity::from_pem(CHAIN, KEY).expect("they belong together")
}

/// Shows that of `server.test`, and another one for what is called `wild.test`.
fn server() -> TlsServerConfig {
    TlsServerConfig::new(own())
        .with_name("*.Wild.test", wild())
        .and_then(|tls| tls.with_name("wild.test", wild()))
        .expect("the certificate is for these names")
}

/// A client connects to `host`.
fn meets(tls: &TlsServerConfig, host: &str) -> (Side, Side) {
    let simulation = named(Simulation::new());
    let place = "10.0.0.1".parse().expect("an address");
    simulation.add_host(host, &[place]);
    let sides = meet(&simulation, (tls, echoes), (&client(), says_hello), host);
    simulation.run_for(SECOND);
    sides
}

#[test]
fn each_client_is_shown_the_certificate_for_the_name_that_it_asks_for() {
    let tls = server();
    for host in [
        "server.test",
        "10.0.0.1",
        "wild.test",
        "a.wild.test",
        "B.WILD.test",
    ] {
        let (ours, theirs) = meets(&tls, host);
        assert_eq!(theirs.data(), b"hello", "{host}");
        let info = ours.transport().tls().expect("the handshake is done");
        let asked = host.to_lowercase();
        assert_eq!(info.server_name(), (host != "10.0.0.1").then_some(&*asked));
    }
}

#[test]
fn a_wildcard_stands_for_one_label() {
    let tls = TlsServerConfig::new(own())
        .with_name("*.wild.test", wild())
        .expect("the certificate is for this name");
    for (host, is_named) in [
        ("a.wild.test", true),
        ("wild.test", false),
        ("a.b.wild.test", false),
    ] {
        let (_, theirs) = meets(&tls, host);
        let was_accepted = theirs.data() == b"hello";
        assert_eq!(was_accepted, is_named, "{host}");
        let is_for_another = || theirs.reason().to_string().contains("not valid for name");
        assert!(
            was_accepted || is_for_another(),
            "{host}: that of the default is shown"
        );
    }
}

#[test]
fn an_exact_name_comes_before_a_wildcard() {
    // With an expired certificate for the name, which shows that it is taken.
    let tls = server().with_name("wild.test", wild()).expect("its name");
    let expired = include_bytes!("../support/tls/expired.pem");
    let expired = TlsIdentity::from_pem(expired, KEY).expect("they belong together");
    let tls = tls.with_name("server.test", expired).expect("its name");
    assert_eq!(meets(&tls, "a.wild.test").1.data(), b"hello");
    let (_, theirs) = meets(&tls, "server.test");
    assert!(theirs.reason().to_string().contains("certificate expired"));
}

#[test]
fn a_server_may_refuse_clients_that_ask_for_no_name_of_its_own() {
    let tls = server().with_names_only();
    assert_eq!(meets(&tls, "a.wild.test").1.data(), b"hello");
    for (host, said) in [
        (
            "server.test",
            "there is no certificate for \"server.test\", which the client has asked for",
        ),
        (
            "10.0.0.1",
            "there is no certificate for a client that asks for no name",
        ),
    ] {
        let (ours, theirs) = meets(&tls, host);
        let reason = ours.reason();
        assert_eq!(reason.to_string(), said);
        assert!(matches!(
            TlsError::of(&reason),
            Some(TlsError::UnknownName { .. })
        ));
        let told = format!("TLS with {host} failed: received fatal alert: AccessDenied");
        assert_eq!(theirs.reason().to_string(), told);
    }
}

#[test]
fn a_certificate_is_not_taken_for_a_name_that_it_does_not_have() {
    for (name, said) in [
        (
            "other.test",
            "the certificate and key are of no use: certificate not valid for name",
        ),
        (
            "*.other.test",
            "the certificate and key are of no use: certificate not valid for name",
        ),
        (
            "*.b.wild.test",
            "the certificate and key are of no use: certificate not valid for name",
        ),
        (
            "no name",
            "\"no name\" is neither a host's name nor an IP address",
        ),
        ("*", "\"*\" is neither a host's name nor an IP address"),
        ("", "\"\" is neither a host's name nor an IP address"),
    ] {
        let error = server()
            .with_name(name, wild())
            .expect_err(name)
            .to_string();
        assert!(error.starts_with(said), "{name}: {error}");
    }
}
