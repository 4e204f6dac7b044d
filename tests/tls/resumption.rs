//! Sessions that are resumed, those that are not, and the secrets of connections.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use reactor::testing::Simulation;
use reactor::tls::{TlsClientConfig, TlsServerConfig};

use crate::support::SECOND;
use crate::{HOST, ROOT, client, listens, meet, named, says_hello, server};

/// Whether each of some connections, one after the other, resumes a session.
fn resumed(pairs: &[(&TlsServerConfig, &TlsClientConfig)]) -> Vec<bool> {
    let simulation = named(Simulation::new());
    let connect = |(tls_server, tls_client): &(&_, &_)| {
        let (ours, theirs) = meet(
            &simulation,
            (tls_server, listens),
            (tls_client, listens),
            HOST,
        );
        let [one, other] = [&ours, &theirs].map(|side| {
            let info = side.transport().tls().expect("the handshake is done");
            info.is_resumed()
        });
        assert_eq!(one, other, "both know it");
        theirs.transport().lose_connection();
        simulation.run_for(SECOND);
        one
    };
    pairs.iter().map(connect).collect()
}

#[test]
fn a_client_that_comes_back_resumes_its_session() {
    let (tls_server, tls_client) = (server(), client());
    let (same_server, same_client) = (tls_server.clone(), tls_client.clone());
    let both = (&tls_server, &tls_client);
    assert_eq!(resumed(&[both, both, both]), [false, true, true]);
    assert_eq!(resumed(&[(&same_server, &same_client)]), [true]);
    // More clients than a memory of 256 sessions would hold.
    let others: Vec<_> = (0..300).map(|_| client()).collect();
    let others: Vec<_> = others.iter().map(|client| (&tls_server, client)).collect();
    assert!(!resumed(&others).contains(&true));
    assert_eq!(resumed(&others[..1]), [true]);
}

#[test]
fn no_session_is_resumed_under_other_conditions() {
    let (tls_server, tls_client) = (server(), client());
    let both = (&tls_server, &tls_client);
    let stricter = tls_server.clone().with_optional_client_certificate(ROOT);
    let stricter = stricter.expect("an authority");
    let warier = tls_client.clone().and_root_pem(ROOT).expect("an authority");
    let pairs = [both, (&stricter, &tls_client), (&stricter, &warier)];
    assert_eq!(resumed(&pairs), [false; 3]);
}

#[test]
fn resumption_can_be_turned_off_on_either_side() {
    let (tls_server, tls_client) = (server(), client());
    let never = tls_server.clone().without_resumption();
    let both = (&never, &tls_client);
    assert_eq!(resumed(&[both, both]), [false; 2]);
    let never = tls_client.without_resumption();
    let both = (&tls_server, &never);
    assert_eq!(resumed(&[both, both]), [false; 2]);
}

/// A file in memory, or one on a disk that is full.
#[derive(Clone, Default)]
struct Pad {
    text: Arc<Mutex<Vec<u8>>>,
    is_full: bool,
}

impl Write for Pad {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.text.lock().expect("nothing panics").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn secrets_are_written_on_request() {
    let (ours, theirs) = (Pad::default(), Pad::default());
    let tls_server = server().with_key_log(ours.clone());
    let tls_client = client().with_key_log(theirs.clone());
    resumed(&[(&tls_server, &tls_client)]);
    let lines = |pad: &Pad| {
        let text = pad.text.lock().expect("nothing panics").clone();
        let text = String::from_utf8(text).expect("it is text");
        assert!(text.ends_with('\n'));
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let written = lines(&ours);
    assert_eq!(written, lines(&theirs), "both have the same secrets");
    assert_eq!(written.len(), 5);
    for line in written {
        let words: Vec<_> = line.split(' ').collect();
        let [label, random, secret] = words[..] else {
            panic!("{line}");
        };
        assert!(
            label.starts_with("CLIENT_")
                || label.starts_with("SERVER_")
                || label == "EXPORTER_SECRET"
        );
        assert_eq!((random.len(), secret.len()), (64, 96));
    }
}

#[test]
fn a_key_log_that_cannot_be_written_harms_no_connection() {
    let full = Pad {
        is_full: true,
        ..Pad::default()
    };
    let tls_server = server().with_key_log(full);
    let simulation = named(Simulation::new());
    let (ours, _) = meet(
        &simulation,
        (&tls_server, listens),
        (&client(), says_hello),
        HOST,
    );
    assert_eq!(ours.data(), b"hello");
}
