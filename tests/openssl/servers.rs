//! Our client at `openssl s_server`.

use std::io::{BufRead, BufReader};
use std::process::Child;

use reactor::Reactor;
use reactor::http::{Agent, ClientResponse};
use reactor::tls::{TlsClientConfig, TlsIdentity};

use crate::ours::ask;
use crate::{Folder, file, pem, piped};

const CLEAN: &str = "the connection was closed on this side";

/// `openssl s_server`, which sends each line back in reverse, on a port of its own.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(args: &[&str]) -> Self {
        Self::with("server.pem", &[args, &["-rev"]].concat(), None)
    }

    fn with(certificate: &str, args: &[&str], folder: Option<&Folder>) -> Self {
        let mut server = piped("openssl", &["s_server"]);
        let (chain, key) = (file(certificate), file("server.key"));
        server.args([
            "-accept",
            "127.0.0.1:0",
            "-cert",
            &chain,
            "-cert_chain",
            &chain,
            "-key",
            &key,
        ]);
        if let Some(folder) = folder {
            server.current_dir(&folder.0);
        }
        let mut child = server.args(args).spawn().expect("openssl is installed");
        let mut lines = BufReader::new(child.stdout.take().expect("it is a pipe")).lines();
        let place = loop {
            let line = lines
                .next()
                .expect("it says where it listens")
                .expect("it is text");
            if let Some(place) = line.strip_prefix("ACCEPT ") {
                break place.to_owned();
            }
        };
        let port = place.rsplit(':').next().and_then(|port| port.parse().ok());
        // What it prints further is read, so that it need not wait for that.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            port: port.expect("a port"),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn client() -> TlsClientConfig {
    TlsClientConfig::with_root_pem(pem("ca.pem")).expect("a root")
}

fn ana() -> TlsIdentity {
    TlsIdentity::from_pem(pem("client.pem"), pem("client.key")).expect("they belong together")
}

#[test]
fn both_versions_are_spoken_and_sessions_are_resumed() {
    for (option, version) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let server = Server::start(&[option]);
        let tls = client();
        for resumed in [false, true, true] {
            let ended = ask(server.port, &tls);
            assert!(ended.told.starts_with(version), "{ended:?}");
            assert!(ended.told.contains("name=localhost"), "{ended:?}");
            assert!(
                ended.told.ends_with(&format!("resumed={resumed}")),
                "{ended:?}"
            );
            assert_eq!((&*ended.data, &*ended.reason), ("olleh\n", CLEAN));
        }
        let ended = ask(server.port, &tls.without_resumption());
        assert!(ended.told.ends_with("resumed=false"));
    }
}

#[test]
fn a_client_shows_its_certificate_to_a_server_that_asks() {
    let ca = file("ca.pem");
    for option in ["-tls1_2", "-tls1_3"] {
        let asks = Server::start(&[
            option,
            "-Verify",
            "2",
            "-verify_return_error",
            "-CAfile",
            &ca,
        ]);
        assert_eq!(
            ask(asks.port, &client().with_identity(ana())).data,
            "olleh\n"
        );
        let without = ask(asks.port, &client());
        assert!(
            without.reason.contains("received fatal alert"),
            "{without:?}"
        );
        let stranger = TlsIdentity::from_pem(pem("stranger.pem"), pem("client.key"));
        let stranger = client().with_identity(stranger.expect("they belong together"));
        let stranger = ask(asks.port, &stranger);
        assert!(
            stranger.reason.contains("received fatal alert"),
            "{stranger:?}"
        );
    }
}

#[test]
fn a_protocol_is_agreed_on_or_the_handshake_fails() {
    let server = Server::start(&["-alpn", "b,a"]);
    let ended = ask(server.port, &client().with_alpn(&["a", "b"]));
    assert!(ended.told.contains("alpn=b"), "{ended:?}");
    let ended = ask(server.port, &client().with_alpn(&["x"]));
    assert!(ended.reason.contains("NoApplicationProtocol"), "{ended:?}");
}

#[test]
fn a_server_that_is_not_to_be_believed_is_refused() {
    let server = Server::start(&[]);
    let other = TlsClientConfig::with_root_pem(pem("other-ca.pem")).expect("a root");
    let said =
        "the certificate of localhost is not accepted: it was not signed by a trusted authority";
    assert_eq!(ask(server.port, &other).reason, said);
    let expired = Server::with("expired.pem", &["-rev"], None);
    let ended = ask(expired.port, &client());
    assert!(
        ended
            .reason
            .contains("is not accepted: certificate expired"),
        "{ended:?}"
    );
    assert!(ended.told.is_empty() && ended.data.is_empty());
}

#[test]
fn an_agent_fetches_a_page() {
    let folder = Folder::new("page");
    std::fs::write(folder.path("page"), "what it says").expect("a file");
    for option in ["-tls1_2", "-tls1_3"] {
        let server = Server::with("server.pem", &[option, "-WWW"], Some(&folder));
        let reactor = Reactor::new().expect("a loop");
        let agent = Agent::new(&reactor).with_tls(client());
        let url = format!("https://127.0.0.1:{}/page", server.port);
        let page = agent.get(&url).add_callback(ClientResponse::read_body);
        let page = reactor.run_until(page).expect("there is an answer");
        assert_eq!(page, b"what it says");
    }
}
