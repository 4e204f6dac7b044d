//! `openssl s_client` at our server.

use std::fs;
use std::io::Write;

use reactor::tls::{TlsIdentity, TlsServerConfig};

use crate::ours::Server;
use crate::{Folder, file, lasting_client, pem, s_client};

const VERSIONS: [(&str, &str); 2] = [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")];

const CLEAN: &str = "the peer closed the connection";

fn tls() -> TlsServerConfig {
    let tls = TlsServerConfig::from_pem(pem("server.pem"), pem("server.key"));
    tls.expect("a chain and its key")
}

#[test]
fn both_versions_are_spoken_and_end_in_order() {
    let server = Server::start(&tls());
    for (option, version) in VERSIONS {
        // It closes when we have, and has heard of it.
        let said = s_client(server.port, &[option, "-quiet"], "hello\nbye\n");
        let ended = server.ended();
        assert!(
            said.contains(&ended.told) && said.contains("hello\nbye\n"),
            "{said}"
        );
        assert!(ended.told.starts_with(version), "{ended:?}");
        assert_eq!((&*ended.data, &*ended.reason), ("hello\nbye\n", CLEAN));
        // It closes first, with close_notify, when its input ends.
        s_client(server.port, &[option], "");
        assert_eq!(server.ended().reason, CLEAN);
    }
    for older in ["-tls1", "-tls1_1"] {
        s_client(server.port, &[older, "-cipher", "ALL:@SECLEVEL=0"], "");
        let ended = server.ended();
        assert!(ended.told.is_empty() && ended.reason.contains("TLS with the client failed"));
    }
}

#[test]
fn each_cipher_suite_is_spoken() {
    let server = Server::start(&tls());
    for suite in [
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
    ] {
        s_client(server.port, &["-quiet", "-ciphersuites", suite], "bye\n");
        let ended = server.ended();
        assert!(ended.told.contains(suite), "{ended:?}");
    }
    let old = [
        "-tls1_2",
        "-quiet",
        "-cipher",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
    ];
    s_client(server.port, &old, "bye\n");
    let ended = server.ended();
    assert!(
        ended
            .told
            .contains("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
        "{ended:?}"
    );
}

#[test]
fn a_client_that_is_killed_is_told_apart_from_one_that_closes() {
    let server = Server::start(&tls());
    let mut client = lasting_client(server.port);
    client.kill().expect("it runs");
    client.wait().expect("it ends");
    let ended = server.ended();
    assert!(
        ended.reason.contains("without TLS's close_notify") || ended.reason.contains("reset"),
        "{ended:?}"
    );
}

#[test]
fn certificates_of_clients_are_asked_for_required_accepted_or_not() {
    let required = tls().with_required_client_certificate(pem("ca.pem"));
    let optional = tls().with_optional_client_certificate(pem("ca.pem"));
    let key = file("client.key");
    let (ana, stranger) = (file("client.pem"), file("stranger.pem"));
    let shows = |certificate| vec!["-cert", certificate, "-key", &*key];
    let refused =
        "the certificate of the client is not accepted: it was not signed by a trusted authority";
    let cases = [
        (
            "required",
            required,
            vec![],
            Err("the client has sent no certificate, and one is required"),
        ),
        ("optional", optional, vec![], Ok("certificates=0")),
    ];
    for (name, tls, without, expected) in cases {
        let server = Server::start(&tls.expect("an authority"));
        for (option, _) in VERSIONS {
            let rows = [
                (without.clone(), expected),
                // The authority's is sent along, which openssl finds by itself.
                (shows(&ana), Ok("certificates=2")),
                (shows(&stranger), Err(refused)),
            ];
            for (certificate, expected) in rows {
                let args = [vec![option, "-quiet"], certificate].concat();
                s_client(server.port, &args, "bye\n");
                let ended = server.ended();
                match expected {
                    Ok(told) => assert!(
                        ended.told.contains(told) && ended.reason == CLEAN,
                        "{name} {args:?} {ended:?}"
                    ),
                    Err(reason) => assert_eq!(
                        (&*ended.told, &*ended.reason),
                        ("", reason),
                        "{name} {args:?}"
                    ),
                }
            }
        }
    }
}

#[test]
fn the_certificate_is_that_of_the_name_that_is_asked_for() {
    let wild =
        TlsIdentity::from_pem(pem("wild.pem"), pem("wild.key")).expect("they belong together");
    let all = tls().with_name("*.wild.test", wild).expect("its name");
    let named = all.clone().with_names_only();
    let (all, named) = (Server::start(&all), Server::start(&named));
    for (option, _) in VERSIONS {
        for (name, subject) in [
            ("a.wild.test", "wild.test"),
            ("b.WILD.test", "wild.test"),
            ("a.b.wild.test", "server.test"),
            ("server.test", "server.test"),
        ] {
            let said = s_client(all.port, &[option, "-servername", name], "");
            assert!(
                said.contains(&format!("subject=CN = {subject}")),
                "{name}: {said}"
            );
            assert!(
                all.ended()
                    .told
                    .contains(&format!("name={}", name.to_lowercase()))
            );
        }
        let said = s_client(all.port, &[option, "-noservername"], "");
        assert!(said.contains("subject=CN = server.test"), "{said}");
        assert!(all.ended().told.contains("name=- "));
        for (args, reason) in [
            (
                vec![option, "-noservername"],
                "there is no certificate for a client that asks for no name",
            ),
            (
                vec![option, "-servername", "x.test"],
                "there is no certificate for \"x.test\", which the client has asked for",
            ),
        ] {
            s_client(named.port, &args, "");
            assert_eq!(named.ended().reason, reason);
        }
    }
}

#[test]
fn a_protocol_is_agreed_on_or_the_handshake_fails() {
    let server = Server::start(&tls().with_alpn(&["b", "a"]));
    for (option, _) in VERSIONS {
        for (offered, agreed) in [("a,b", "alpn=b"), ("a", "alpn=a"), ("x,a", "alpn=a")] {
            s_client(server.port, &[option, "-quiet", "-alpn", offered], "bye\n");
            assert!(server.ended().told.contains(agreed));
        }
        s_client(server.port, &[option, "-quiet"], "bye\n");
        assert!(server.ended().told.contains("alpn=- "));
        let said = s_client(server.port, &[option, "-alpn", "x"], "");
        assert!(said.contains("no application protocol"), "{said}");
        assert!(server.ended().told.is_empty());
    }
}

#[test]
fn sessions_are_resumed() {
    let folder = Folder::new("sessions");
    let (server, other) = (Server::start(&tls()), Server::start(&tls()));
    let never = Server::start(&tls().without_resumption());
    for (option, _) in VERSIONS {
        let session = folder.path("session");
        let keeps = [
            "-quiet",
            option,
            "-servername",
            "localhost",
            "-sess_out",
            &session,
        ];
        s_client(server.port, &keeps, "bye\n");
        assert!(server.ended().told.ends_with("resumed=false"));
        let resumes = [
            "-quiet",
            option,
            "-servername",
            "localhost",
            "-sess_in",
            &session,
        ];
        for (server, resumed) in [(&server, true), (&other, false), (&never, false)] {
            s_client(server.port, &resumes, "bye\n");
            assert!(
                server.ended().told.ends_with(&format!("resumed={resumed}")),
                "{option}"
            );
        }
    }
    // The first connection, and five that come back.
    let said = s_client(server.port, &["-tls1_2", "-reconnect"], "");
    assert_eq!(said.matches("Reused, TLSv1.2").count(), 5, "{said}");
    let resumed = (0..6).filter(|_| server.ended().told.ends_with("resumed=true"));
    assert_eq!(resumed.count(), 5);
}

#[test]
fn a_connection_may_begin_in_the_clear() {
    let server = Server::start_in_the_clear(&tls());
    for (option, version) in VERSIONS {
        let said = s_client(
            server.port,
            &[option, "-quiet", "-starttls", "pop3"],
            "bye\n",
        );
        let ended = server.ended();
        assert!(
            ended.told.starts_with(version) && said.contains(&ended.told),
            "{said}"
        );
        assert_eq!((&*ended.data, &*ended.reason), ("bye\n", CLEAN));
    }
}

#[test]
fn a_certificate_is_renewed_while_connections_live() {
    let folder = Folder::new("renewal");
    let (chain, key) = (folder.path("cert.pem"), folder.path("key.pem"));
    let write = |name: &str, key_name: &str| {
        fs::copy(file(name), &chain).expect("a file");
        fs::copy(file(key_name), &key).expect("a file");
    };
    write("server.pem", "server.key");
    let tls = TlsServerConfig::from_pem(
        reactor::tls::Pem::file(&*chain),
        reactor::tls::Pem::file(&*key),
    );
    let tls = tls.expect("a chain and its key");
    let server = Server::start(&tls);
    let certificates = || {
        let said = s_client(server.port, &["-showcerts"], "");
        server.ended();
        said.matches("BEGIN CERTIFICATE").count()
    };
    let mut lives = lasting_client(server.port);
    assert_eq!(certificates(), 2);
    write("renewed.pem", "server.key");
    assert!(tls.reload().is_err());
    assert_eq!(certificates(), 2);
    write("renewed.pem", "renewed.key");
    tls.reload().expect("they belong together");
    assert_eq!(certificates(), 1);
    let mut stdin = lives.stdin.take().expect("it is a pipe");
    stdin.write_all(b"still here\nbye\n").expect("it runs");
    lives.wait().expect("it ends");
    let ended = server.ended();
    assert_eq!((&*ended.data, &*ended.reason), ("still here\nbye\n", CLEAN));
}

#[test]
fn openssl_refuses_a_server_that_it_should_not_believe() {
    let expired = TlsServerConfig::from_pem(pem("expired.pem"), pem("server.key"));
    let expired = Server::start(&expired.expect("a chain and its key"));
    for (option, _) in VERSIONS {
        let said = s_client(expired.port, &[option], "");
        assert!(said.contains("certificate has expired"), "{said}");
        let reason = expired.ended().reason;
        assert!(
            reason.contains("received fatal alert: CertificateExpired"),
            "{reason}"
        );
    }
}
