//! Clients with certificates: asked for, required, accepted or not, and known to the protocol.

use reactor::testing::Simulation;
use reactor::tls::{TlsClientConfig, TlsError, TlsIdentity, TlsServerConfig};

use crate::support::SECOND;
use crate::{HOST, ROOT, Side, client, echoes, listens, meet, named, says_hello, server};

const ANA: &[u8] = include_bytes!("../support/tls/client.pem");

const STRANGER: &[u8] = include_bytes!("../support/tls/stranger.pem");

const ANAS_KEY: &[u8] = include_bytes!("../support/tls/client.key");

fn with(certificate: &[u8]) -> TlsClientConfig {
    let identity = TlsIdentity::from_pem(certificate, ANAS_KEY).expect("they belong together");
    client().with_identity(identity)
}

fn requires() -> TlsServerConfig {
    let tls = server().with_required_client_certificate(ROOT);
    tls.expect("an authority")
}

fn asks() -> TlsServerConfig {
    let tls = server().with_optional_client_certificate(ROOT);
    tls.expect("an authority")
}

fn talk(tls_server: &TlsServerConfig, tls_client: &TlsClientConfig) -> (Side, Side) {
    let simulation = named(Simulation::new());
    meet(
        &simulation,
        (tls_server, echoes),
        (tls_client, says_hello),
        HOST,
    )
}

#[test]
fn a_client_with_a_certificate_is_known_by_it() {
    for tls_server in [requires(), asks()] {
        let (ours, theirs) = talk(&tls_server, &with(ANA));
        assert_eq!(theirs.data(), b"hello");
        let info = ours.transport().tls().expect("the handshake is done");
        assert_eq!(info.peer_certificates().len(), 1);
        let der = info.peer_certificate().expect("it was required");
        assert!(der.windows(3).any(|bytes| bytes == b"ana"));
    }
}

#[test]
fn a_client_without_a_certificate_is_refused_where_one_is_required() {
    let (ours, theirs) = talk(&requires(), &client());
    let reason = ours.reason();
    let said = "the client has sent no certificate, and one is required";
    assert_eq!(reason.to_string(), said);
    assert!(matches!(
        TlsError::of(&reason),
        Some(TlsError::NoCertificate { .. })
    ));
    let told = "TLS with server.test failed: received fatal alert: CertificateRequired";
    assert_eq!(theirs.reason().to_string(), told);
    assert!(ours.data().is_empty() && !ours.log.contains("handshakedone"));

    let (ours, theirs) = talk(&asks(), &client());
    assert_eq!(theirs.data(), b"hello");
    let info = ours.transport().tls().expect("the handshake is done");
    assert_eq!(info.peer_certificate(), None);
}

#[test]
fn a_client_whose_certificate_is_not_accepted_is_refused_also_where_none_is_required() {
    for tls_server in [requires(), asks()] {
        let (ours, theirs) = talk(&tls_server, &with(STRANGER));
        let said = "the certificate of the client is not accepted: it was not signed by a trusted \
                    authority";
        assert_eq!(ours.reason().to_string(), said);
        assert!(!theirs.reason().is_clean() && ours.data().is_empty());
    }
}

#[test]
fn a_client_whose_session_is_resumed_is_known_as_before() {
    let simulation = named(Simulation::new());
    let (tls_server, tls_client) = (requires(), with(ANA));
    let mut certificates = Vec::new();
    for resumed in [false, true] {
        let (ours, theirs) = meet(
            &simulation,
            (&tls_server, listens),
            (&tls_client, listens),
            HOST,
        );
        let info = ours.transport().tls().expect("the handshake is done");
        assert_eq!(info.is_resumed(), resumed);
        certificates.push(info.peer_certificate().map(<[u8]>::to_vec));
        theirs.transport().lose_connection();
        simulation.run_for(SECOND);
    }
    assert!(certificates[0].is_some() && certificates[0] == certificates[1]);
    // Who shows no certificate has sessions of its own.
    let (ours, _) = meet(
        &simulation,
        (&tls_server, listens),
        (&client(), listens),
        HOST,
    );
    assert!(!ours.reason().is_clean());
}
