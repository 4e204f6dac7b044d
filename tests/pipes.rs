//! Pipes, sockets that were opened elsewhere, and the standard input and output, as connections.

#![cfg(unix)]

#[path = "support/mod.rs"]
mod support;

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use reactor::Transport;
use reactor::embedding::AdoptedStream;
use reactor::testing::Simulation;

use support::real::{reactor, turn_until};
use support::{Alive, Echo, Heard, Log, Probe, Silent, Then, listener, pattern};

/// A protocol that closes nothing by itself.
fn patient(
    log: &Log,
) -> impl Fn(reactor::Address) -> Probe<fn(&Heard<'_>, &Transport) -> Then> + use<> {
    let log = log.clone();
    move |_| Probe::new(&log, |_, _| Then::Nothing)
}

#[test]
fn both_halves_of_pipes_are_one_connection() {
    let (to_us, mut theirs_out) = io::pipe().expect("a pipe");
    let (mut theirs_in, from_us) = io::pipe().expect("a pipe");
    let reactor = reactor();
    let (ours_in, ours_out) = (to_us, from_us);
    theirs_in.try_clone().expect("a copy");
    let transport = reactor
        .adopt(AdoptedStream::pipes(ours_in, ours_out), |_| Echo)
        .expect("it is adopted");
    theirs_out.write_all(b"hello").expect("room");
    drop(theirs_out);
    reactor.run().expect("it ends by itself");
    let mut heard = Vec::new();
    theirs_in.read_to_end(&mut heard).expect("the end");
    assert_eq!(heard, b"hello");
    assert!(!transport.write(b"late"));
}

#[test]
fn more_than_a_pipe_holds_goes_through_with_back_pressure() {
    let (to_us, mut theirs_out) = io::pipe().expect("a pipe");
    let (mut theirs_in, from_us) = io::pipe().expect("a pipe");
    let reactor = reactor();
    reactor
        .adopt(AdoptedStream::pipes(to_us, from_us), |_| Echo)
        .expect("it is adopted");
    let sent = pattern(3_000_000);
    let expected = sent.clone();
    let writes = std::thread::spawn(move || theirs_out.write_all(&sent));
    let reads = std::thread::spawn(move || {
        let mut heard = Vec::new();
        theirs_in.read_to_end(&mut heard).map(|_| heard)
    });
    reactor.run().expect("it ends by itself");
    writes.join().expect("a thread").expect("it is taken");
    let heard = reads.join().expect("a thread").expect("it is read");
    assert!(heard == expected, "{} bytes", heard.len());
}

#[test]
fn a_pipe_that_is_only_read_takes_no_bytes_and_ends_with_its_writer() {
    let (to_us, mut theirs) = io::pipe().expect("a pipe");
    let (reactor, log) = (reactor(), Log::default());
    let transport = reactor
        .adopt(AdoptedStream::reader(to_us), patient(&log))
        .expect("it is adopted");
    assert!(!transport.write(b"x"), "there is nowhere to write to");
    theirs.write_all(b"abc").expect("room");
    turn_until(&reactor, || log.contains("abc"));
    drop(theirs);
    turn_until(&reactor, || {
        log.contains("lost: the peer closed the connection")
    });
    assert_eq!(log.entries().len(), 4, "{log:?}");
}

#[test]
fn a_pipe_that_is_only_read_is_closed_at_once() {
    let (to_us, theirs) = io::pipe().expect("a pipe");
    let (reactor, log) = (reactor(), Log::default());
    let transport = reactor
        .adopt(AdoptedStream::reader(to_us), patient(&log))
        .expect("it is adopted");
    turn_until(&reactor, || log.contains("made"));
    transport.lose_connection();
    turn_until(&reactor, || {
        log.contains("lost: the connection was closed on this side")
    });
    drop(theirs);
}

#[test]
fn a_pipe_that_is_only_written_is_lost_with_its_reader() {
    for pauses in [false, true] {
        let (theirs, from_us) = io::pipe().expect("a pipe");
        let (reactor, log) = (reactor(), Log::default());
        let transport = reactor
            .adopt(AdoptedStream::writer(from_us), patient(&log))
            .expect("it is adopted");
        if pauses {
            transport.pause_reading();
        }
        turn_until(&reactor, || log.contains("made"));
        drop(theirs);
        turn_until(&reactor, || {
            log.entries().iter().any(|e| e.starts_with("lost"))
        });
    }
}

#[test]
fn what_was_written_before_the_close_arrives_whole() {
    let (mut theirs, from_us) = io::pipe().expect("a pipe");
    let (reactor, log) = (reactor(), Log::default());
    let transport = reactor
        .adopt(AdoptedStream::writer(from_us), patient(&log))
        .expect("it is adopted");
    let sent = pattern(500_000);
    transport.write(&sent);
    transport.lose_connection();
    let reads = std::thread::spawn(move || {
        let mut heard = Vec::new();
        theirs.read_to_end(&mut heard).map(|_| heard)
    });
    reactor.run().expect("it ends by itself");
    assert!(reads.join().expect("a thread").expect("the end") == sent);
    assert!(
        log.contains("lost: the connection was closed on this side"),
        "{log:?}"
    );
}

#[test]
fn a_file_in_the_place_of_a_pipe_is_read_to_its_end() {
    let path = std::env::temp_dir().join(format!("reactor-pipes-{}", std::process::id()));
    let sent = pattern(200_000);
    std::fs::write(&path, &sent).expect("a file");
    let (mut theirs, from_us) = io::pipe().expect("a pipe");
    let reactor = reactor();
    let file = File::open(&path).expect("the file");
    std::fs::remove_file(&path).expect("it is there");
    reactor
        .adopt(AdoptedStream::pipes(file, from_us), |_| Echo)
        .expect("it is adopted");
    let reads = std::thread::spawn(move || {
        let mut heard = Vec::new();
        theirs.read_to_end(&mut heard).map(|_| heard)
    });
    reactor.run().expect("it ends by itself");
    assert!(reads.join().expect("a thread").expect("the end") == sent);
}

#[test]
fn a_connected_socket_of_the_standard_library_is_adopted() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = listener.local_addr().expect("an address");
    let mut theirs = TcpStream::connect(at).expect("it listens");
    let (ours, _) = listener.accept().expect("a client");
    let reactor = reactor();
    let transport = reactor.adopt(ours, |_| Echo).expect("it is adopted");
    assert_eq!(transport.local_addr().to_string(), at.to_string());
    theirs.write_all(b"hello").expect("room");
    theirs.shutdown(std::net::Shutdown::Write).expect("open");
    reactor.run().expect("it ends by itself");
    let mut heard = Vec::new();
    theirs.read_to_end(&mut heard).expect("the end");
    assert_eq!(heard, b"hello");
}

#[test]
fn a_shared_socket_is_closed_and_never_shut_down() {
    let (ours, mut theirs) = UnixStream::pair().expect("a pair");
    let mut others = ours.try_clone().expect("another process has it, too");
    let (reactor, log) = (reactor(), Log::default());
    let transport = reactor
        .adopt(AdoptedStream::from(ours).shared(), patient(&log))
        .expect("it is adopted");
    transport.write(b"one ");
    transport.lose_connection();
    reactor
        .run()
        .expect("it ends by itself, and waits for no peer");
    others.write_all(b"two").expect("it is open");
    drop(others);
    let mut heard = Vec::new();
    theirs.read_to_end(&mut heard).expect("the end");
    assert_eq!(heard, b"one two");
}

#[test]
fn listeners_of_the_standard_library_are_adopted_and_their_files_stay() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = listener.local_addr().expect("an address");
    let path = std::env::temp_dir().join(format!("reactor-adopted-{}", std::process::id()));
    let unix = UnixListener::bind(&path).expect("a socket");
    let (reactor, log) = (reactor(), Log::default());
    let seen = log.clone();
    let port = reactor.adopt_listener(listener, move |_| listener_of(&seen));
    let port = port.expect("it is adopted");
    let seen = log.clone();
    let other = reactor.adopt_listener(unix, move |_| listener_of(&seen));
    let other = other.expect("it is adopted");
    drop(TcpStream::connect(at).expect("it listens"));
    drop(UnixStream::connect(&path).expect("it listens"));
    turn_until(&reactor, || log.count("made") == 2);
    port.stop_listening();
    other.stop_listening();
    assert!(path.exists(), "the file is of the one who has made it");
    std::fs::remove_file(&path).expect("it is there");
}

fn listener_of(log: &Log) -> Probe<impl FnMut(&Heard<'_>, &Transport) -> Then + use<>> {
    listener(log)
}

#[cfg(target_os = "linux")]
#[test]
fn a_socket_that_does_not_listen_is_not_adopted_as_one_that_does() {
    use std::os::fd::OwnedFd;
    let (ours, _theirs) = UnixStream::pair().expect("a pair");
    let connected = UnixListener::from(OwnedFd::from(ours));
    let error = reactor()
        .adopt_listener(connected, |_| Silent)
        .expect_err("it is connected");
    assert!(error.to_string().contains("does not listen"), "{error}");
}

#[test]
fn what_is_adopted_and_given_up_before_it_begins_has_no_protocol() {
    let (ours, mut theirs) = UnixStream::pair().expect("a pair");
    let (reactor, alive) = (reactor(), Alive::default());
    let counted = alive.clone();
    let transport = reactor
        .adopt(ours, move |_| {
            Probe::counted(&Log::default(), &counted, |_, _| Then::Default)
        })
        .expect("it is adopted");
    transport.abort_connection();
    reactor.run().expect("nothing is left");
    assert_eq!(theirs.read(&mut [0]).expect("the end"), 0);
    assert_eq!(alive.others(), 0);
}

#[test]
fn a_loop_that_is_dropped_closes_what_it_has_adopted() {
    let (ours, mut theirs) = UnixStream::pair().expect("a pair");
    let reactor = reactor();
    let transport = reactor.adopt(ours, |_| Silent).expect("it is adopted");
    drop(reactor);
    assert_eq!(theirs.read(&mut [0]).expect("the end"), 0);
    assert!(!transport.write(b"x"));
}

#[test]
fn the_standard_input_and_output_are_one_connection_in_a_simulation() {
    for seed in 0..200 {
        let simulation = Simulation::chaotic(seed);
        let reactor = simulation.reactor();
        let terminal = simulation.stdio();
        terminal.write(b"typed before; ");
        let transport = reactor.stdio(|_| Echo).expect("it is there");
        assert_eq!(transport.peer_addr().to_string(), "stdio");
        terminal.write(b"and after");
        simulation.run_for(Duration::from_secs(60));
        assert_eq!(terminal.read(), b"typed before; and after", "seed {seed}");
        assert!(reactor.stdio(|_| Echo).is_err(), "there is one");
        transport.write(b"bye");
        transport.lose_connection();
        terminal.write(b"not for this program");
        simulation.run_for(Duration::from_secs(60));
        assert!(terminal.has_ended(), "seed {seed}");
        assert_eq!(
            terminal.read(),
            b"bye",
            "a pipe is never reset, seed {seed}"
        );
        assert_eq!(simulation.descriptors(), 0);
    }
}
