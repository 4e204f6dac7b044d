//! UNIX sockets: their files, their names and their ends, on the real kernel, and the same protocols on the
//! simulated network.

#![cfg(unix)]

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use reactor::testing::Simulation;
use reactor::{Address, Reactor, Reason, Transport, UnixAddress};

use support::real::reactor;
use support::{Client, Echo, Heard, Log, Probe, Then, pattern};

/// A directory of one test, which is removed with it.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("reactor-unix-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a directory");
        Self(path)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("s")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs the loop until the client, on a thread of its own, has ended.
fn run_with<R: Send + 'static>(
    reactor: &Reactor,
    client: impl FnOnce() -> io::Result<R> + Send + 'static,
) -> R {
    let remote = reactor.remote();
    let thread = thread::spawn(move || {
        let result = client();
        let _ = remote.call_from_thread(Reactor::stop);
        result
    });
    reactor.run().expect("the loop runs");
    let result = thread.join().expect("the client ends");
    result.expect("the client is content")
}

fn connect(path: &PathBuf) -> io::Result<UnixStream> {
    let stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    Ok(stream)
}

#[test]
fn what_is_sent_comes_back_and_the_file_is_gone_at_the_end() {
    let directory = Directory::new();
    let path = directory.socket();
    let reactor = reactor();
    let port = reactor.listen_unix(&path, |_| Echo).expect("a socket");
    assert_eq!(
        *port.local_addr(),
        Address::Unix(UnixAddress::Path(path.clone()))
    );
    let sent = pattern(1_000_000);
    let (to, expected) = (path.clone(), sent.clone());
    let heard = run_with(&reactor, move || {
        let mut stream = connect(&to)?;
        let mut writer = stream.try_clone()?;
        let writes = thread::spawn(move || {
            writer.write_all(&sent)?;
            writer.shutdown(Shutdown::Write)
        });
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard)?;
        writes.join().expect("the writer ends")?;
        Ok(heard)
    });
    assert!(heard == expected, "{} bytes came back", heard.len());
    assert!(!path.exists(), "a stop removes the file");
}

#[test]
fn the_file_of_a_process_that_is_gone_is_replaced() {
    let directory = Directory::new();
    let path = directory.socket();
    drop(UnixListener::bind(&path).expect("a socket")); // closed, and its file stays
    let reactor = reactor();
    let port = reactor.listen_unix(&path, |_| Echo).expect("it is stale");
    let to = path.clone();
    run_with(&reactor, move || {
        let mut stream = connect(&to)?;
        stream.write_all(b"x")?;
        stream.read_exact(&mut [0])
    });
    drop(port);
}

#[test]
fn a_socket_at_which_another_listens_is_refused_and_left_alone() {
    let directory = Directory::new();
    let path = directory.socket();
    let other = UnixListener::bind(&path).expect("a socket");
    let error = reactor()
        .listen_unix(&path, |_| Echo)
        .expect_err("it is alive");
    assert_eq!(error.io_error().kind(), io::ErrorKind::AddrInUse);
    assert!(error.to_string().ends_with("take another path"), "{error}");
    // The look at whether it lives was a client, too.
    other.accept().expect("a client");
    UnixStream::connect(&path).expect("it still listens");
}

#[test]
fn a_file_that_is_no_socket_is_refused_and_left_alone() {
    let directory = Directory::new();
    let path = directory.socket();
    fs::write(&path, "precious").expect("a file");
    let error = reactor()
        .listen_unix(&path, |_| Echo)
        .expect_err("it is a file");
    assert!(
        error
            .to_string()
            .contains("a file is there that is not a socket"),
        "{error}"
    );
    assert_eq!(fs::read_to_string(&path).expect("the file"), "precious");
}

#[test]
fn a_path_that_is_too_long_is_an_error_that_says_so() {
    let error = reactor()
        .listen_unix("/tmp/".to_owned() + &"x".repeat(200), |_| Echo)
        .expect_err("too long");
    assert!(error.to_string().contains("at most 107 bytes"), "{error}");
}

#[test]
fn a_port_that_is_stopped_removes_its_own_file_only() {
    let directory = Directory::new();
    let path = directory.socket();
    let reactor = reactor();
    let port = reactor.listen_unix(&path, |_| Echo).expect("a socket");
    fs::remove_file(&path).expect("it is there");
    let other = UnixListener::bind(&path).expect("another one");
    port.stop_listening();
    assert!(path.exists(), "the file is another's");
    drop(other);
}

#[cfg(target_os = "linux")]
#[test]
fn an_abstract_name_has_no_file_and_is_free_when_the_port_is_stopped() {
    let name = format!("@reactor-test-{}", std::process::id());
    let reactor = reactor();
    let port = reactor.listen_unix(&name, |_| Echo).expect("a name");
    assert_eq!(port.local_addr().to_string(), format!("unix:{name}"));
    let log = Log::default();
    let diary = log.clone();
    let client = Client::new(&log, |heard: &Heard<'_>, transport: &Transport| {
        match heard {
            Heard::Made => {
                transport.write(b"hello");
            }
            Heard::Data(_) => transport.lose_connection(),
            _ => {}
        }
        Then::Default
    });
    let connected = reactor.connect_unix(&name, client).connected();
    let transport = reactor.run_until(connected).expect("it is connected");
    assert_eq!(transport.peer_addr().to_string(), format!("unix:{name}"));
    port.stop_listening();
    reactor.run().expect("it ends");
    assert!(diary.contains("hello"), "{:?}", diary.entries());
    let again = reactor.listen_unix(&name, |_| Echo);
    assert!(again.is_ok(), "the name is free");
}

#[test]
fn an_attempt_where_nobody_listens_is_refused_and_where_nothing_is_fails() {
    let directory = Directory::new();
    let path = directory.socket();
    let reactor = reactor();
    let connected = reactor.connect_unix(&path, |_| Echo).connected();
    let failure = reactor.run_until(connected).expect_err("no file");
    assert!(failure.to_string().contains("No such file"), "{failure}");
    drop(UnixListener::bind(&path).expect("a socket"));
    let connected = reactor.connect_unix(&path, |_| Echo).connected();
    let failure = reactor.run_until(connected).expect_err("nobody listens");
    assert!(failure.to_string().contains("refused"), "{failure}");
}

#[test]
fn a_client_waits_while_the_queue_of_a_server_is_full() {
    let directory = Directory::new();
    let path = directory.socket();
    let server =
        socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).expect("a socket");
    let address = socket2::SockAddr::unix(&path).expect("an address");
    server.bind(&address).expect("it is free");
    server.listen(0).expect("it listens");
    let first = UnixStream::connect(&path).expect("the one that fits");
    let reactor = reactor();
    let connected = reactor.connect_unix(&path, |_| Echo).connected();
    reactor.call_later(Duration::from_millis(50), move || {
        drop(server.accept().expect("the first"));
        std::mem::forget(server); // it listens until the test ends
    });
    reactor.run_until(connected).expect("there is room now");
    drop(first);
}

#[test]
fn an_unread_end_is_seen_while_reading_is_paused() {
    let directory = Directory::new();
    let path = directory.socket();
    let reactor = reactor();
    let log = Log::default();
    let diary = log.clone();
    let port = reactor
        .listen_unix(&path, move |_: Address| {
            Probe::new(&log, |heard: &Heard<'_>, transport: &Transport| {
                if let Heard::Made = heard {
                    transport.pause_reading();
                }
                Then::Default
            })
        })
        .expect("a socket");
    let remote = reactor.remote();
    let to = path.clone();
    let client = thread::spawn(move || {
        let stream = connect(&to);
        drop(stream); // at once, and nothing was sent
        drop(remote); // the loop may end
    });
    let seen = diary.clone();
    while !seen.contains("lost: the peer closed the connection") {
        reactor.turn(Some(Duration::from_secs(10))).expect("a turn");
    }
    client.join().expect("the client ends");
    port.stop_listening();
}

#[test]
fn in_a_simulation_a_unix_socket_is_a_place_like_any_other() {
    for seed in 0..50 {
        let simulation = Simulation::chaotic(seed);
        let reactor = simulation.reactor();
        let port = reactor.listen_unix("/run/echo", |_| Echo).expect("a place");
        assert_eq!(port.local_addr().to_string(), "unix:/run/echo");
        let in_use = reactor.listen_unix("/run/echo", |_| Echo);
        assert!(in_use.is_err(), "it is taken");
        let log = Log::default();
        let client = Client::new(&log, |heard: &Heard<'_>, transport: &Transport| {
            if let Heard::Made = heard {
                assert_eq!(transport.peer_addr().to_string(), "unix:/run/echo");
                assert_eq!(transport.local_addr().to_string(), "unix:unnamed");
                transport.write(b"hello");
                transport.lose_write_connection();
            }
            Then::Nothing
        });
        reactor.connect_unix("/run/echo", client);
        let peer = simulation.connect("unix:/run/echo");
        peer.write(b"a peer of the test");
        simulation.run_for(Duration::from_secs(60));
        assert_eq!(peer.read(), b"a peer of the test", "seed {seed}");
        assert!(!log.entries().is_empty(), "seed {seed}");
        port.stop_listening();
        let log = Log::default();
        reactor.connect_unix(
            "/run/echo",
            Client::new(&log, |_: &Heard<'_>, _: &_| Then::Default),
        );
        simulation.run_for(Duration::from_secs(60));
        assert!(!log.entries().is_empty(), "it is refused, seed {seed}");
    }
}

#[test]
fn a_reset_of_a_unix_socket_is_an_end_for_its_peer() {
    let directory = Directory::new();
    let path = directory.socket();
    let reactor = reactor();
    let port = reactor
        .listen_unix(&path, |_| {
            Probe::new(
                &Log::default(),
                |heard: &Heard<'_>, transport: &Transport| {
                    if let Heard::Data(_) = heard {
                        transport.fail_connection(Reason::Violation("no".to_owned()));
                    }
                    Then::Default
                },
            )
        })
        .expect("a socket");
    let to = path.clone();
    run_with(&reactor, move || {
        let mut stream = connect(&to)?;
        stream.write_all(b"x")?;
        let end = stream.read(&mut [0]);
        assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
        Ok(())
    });
    drop(port);
}

#[cfg(all(feature = "descriptors", target_os = "linux"))]
#[test]
fn both_sides_know_who_the_other_one_is() {
    let directory = Directory::new();
    let path = directory.socket();
    let reactor = reactor();
    let port = reactor.listen_unix(&path, |_| Echo).expect("a socket");
    let connected = reactor.connect_unix(&path, |_| Echo).connected();
    let transport = reactor.run_until(connected).expect("it is connected");
    let peer = transport.peer_credentials().expect("Linux tells");
    assert_eq!(peer.pid, std::process::id());
    let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(&path).expect("the file"));
    assert_eq!(peer.uid, owner);
    transport.abort_connection();
    port.stop_listening();
    reactor.run().expect("it ends");
    assert!(transport.peer_credentials().is_none(), "it is lost");
}
