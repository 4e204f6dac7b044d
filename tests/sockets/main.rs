//! Real sockets, where the operating system is the point: resets, half closes, busy ports,
//! descriptors, signals' handlers left alone, several loops in one process, the steps in which room is
//! made.
//!
//! Clients are blocking sockets on threads of their own, or read by timers of the loop. Nothing sleeps; a test that hangs is one
//! that fails, by the time-outs of its clients.

mod addresses;
mod ends;
#[path = "../support/mod.rs"]
mod support;

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::Mutex;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use reactor::{
    Address, Factory, Group, ListeningPort, LoopingCall, Protocol, Reactor, Reason, Transport,
};

use support::{Client, Echo, Heard, Log, Probe, Then, Turns, listener, pattern};

const PATIENCE: Duration = Duration::from_secs(30);

/// Tests that count the process's descriptors, or use many, take turns.
static DESCRIPTORS: Mutex<()> = Mutex::new(());

fn one_at_a_time() -> std::sync::MutexGuard<'static, ()> {
    DESCRIPTORS
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A port of the loopback address, and where it is.
fn listen(reactor: &Reactor, factory: impl Factory) -> (ListeningPort, SocketAddr) {
    let port = reactor
        .listen_tcp("127.0.0.1:0", factory)
        .expect("a port is free");
    let address = address(&port);
    (port, address)
}

fn address(port: &ListeningPort) -> SocketAddr {
    port.local_addr().socket_addr().expect("TCP")
}

/// Runs the loop until the thread of the client has ended, and returns what it found.
fn run_with<R: Send + 'static>(
    reactor: &Reactor,
    client: impl FnOnce() -> io::Result<R> + Send + 'static,
) -> R {
    let remote = reactor.remote();
    let thread: JoinHandle<io::Result<R>> = thread::spawn(move || {
        let result = client();
        let _ = remote.call_from_thread(Reactor::stop);
        result
    });
    reactor.handle_signals(false);
    reactor.run().expect("the loop runs");
    thread
        .join()
        .expect("the client ends")
        .expect("the client is content")
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn read_to_end(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard)?;
    Ok(heard)
}

#[test]
fn an_echo_of_ten_megabytes_is_right() {
    let _turn = one_at_a_time();
    let reactor = Reactor::new().expect("a loop");
    let (_port, address) = listen(&reactor, |_| Echo);
    let heard = run_with(&reactor, move || {
        let mut stream = connect(address)?;
        let mut writer = stream.try_clone()?;
        let writing = thread::spawn(move || {
            writer.write_all(&pattern(10_000_000))?;
            writer.shutdown(Shutdown::Write)
        });
        let heard = read_to_end(&mut stream)?;
        writing.join().expect("the writer ends")?;
        Ok(heard)
    });
    assert!(heard == pattern(10_000_000));
}

/// Makes the close a reset.
fn reset_when_dropped(stream: &TcpStream) {
    let linger = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
    linger.expect("the option is known");
}

#[test]
fn two_loops_on_two_threads_serve_each_other() {
    let _turn = one_at_a_time();
    let (tell, told) = std::sync::mpsc::channel();
    let server = thread::spawn(move || {
        let reactor = Reactor::new().expect("a loop");
        let port = reactor
            .listen_tcp("127.0.0.1:0", |_| Echo)
            .expect("a port is free");
        tell.send((address(&port), reactor.remote()))
            .expect("the other is there");
        drop(tell);
        reactor.handle_signals(false);
        reactor.run().expect("the loop runs");
    });
    let (at, remote) = told.recv().expect("the server runs");
    let reactor = Reactor::new().expect("a loop");
    let log = Log::default();
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
    reactor.connect_tcp("127.0.0.1", at.port(), client);
    reactor.handle_signals(false);
    reactor
        .run()
        .expect("it returns when the connection is lost");
    assert_eq!(
        log.entries(),
        [
            "made",
            "hello",
            "lost: the connection was closed on this side"
        ]
    );
    remote
        .call_from_thread(Reactor::stop)
        .map_err(|_| ())
        .expect("the server runs");
    drop(remote);
    server.join().expect("the server ends");
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

#[cfg(target_os = "linux")]
#[test]
fn no_descriptor_is_left_whatever_became_of_it() {
    let _turn = one_at_a_time();
    drop(Reactor::new().expect("a loop"));
    let before = descriptors();
    let reactor = Reactor::new().expect("a loop");
    let own = descriptors() - before;
    assert!(own <= 4, "a loop has {own} descriptors");
    let (_port, at) = listen(&reactor, |_| Echo);
    let (_refuses, refusing) = listen(&reactor, Refuses);
    run_with(&reactor, move || {
        for n in 0..100 {
            let mut stream = connect(if n % 10 == 9 { refusing } else { at })?;
            let _ = stream.write_all(b"hello"); // it may be refused already
            match n % 3 {
                0 => drop(stream),
                1 => reset_when_dropped(&stream),
                _ => drop(stream.read(&mut [0; 5])),
            }
        }
        Ok(())
    });
    for n in 0..20 {
        let log = Log::default();
        let react: fn(&Heard<'_>, &Transport) -> Then = |_, _| Then::Default;
        let connector = reactor.connect_tcp("127.0.0.1", 1, Client::new(&log, react));
        if n % 2 == 0 {
            connector.cancel();
        }
    }
    reactor.run().expect("the attempts fail");
    assert_eq!(
        descriptors(),
        before + own,
        "the ports were closed by the stop"
    );
    // Dropped in the middle, with a connection at each end and a port.
    let port = reactor
        .listen_tcp("127.0.0.1:0", |_| Echo)
        .expect("a port is free");
    let stream = connect(address(&port)).expect("it listens");
    let log = Log::default();
    let for_factory = log.clone();
    let client = move |_| listener(&for_factory);
    reactor.connect_tcp("127.0.0.1", address(&port).port(), client);
    while !log.contains("made") {
        reactor.turn(Some(PATIENCE)).expect("a turn");
    }
    drop((stream, port, reactor));
    assert_eq!(descriptors(), before);
}

/// Refuses everybody.
struct Refuses;

impl Factory for Refuses {
    type Protocol = Echo;

    fn build_protocol(&mut self, _: &Address) -> Option<Echo> {
        None
    }
}

#[test]
fn an_idle_client_costs_no_turns() {
    let _turn = one_at_a_time();
    let reactor = Reactor::new().expect("a loop");
    let stays = |_| {
        Probe::new(
            &Log::default(),
            |heard: &Heard<'_>, _: &Transport| match heard {
                // A peer that has closed its half stays readable for ever, at its end.
                Heard::ReadClosed => Then::Nothing,
                _ => Then::Default,
            },
        )
    };
    let port = reactor
        .listen_tcp("127.0.0.1:0", stays)
        .expect("a port is free");
    let open = connect(address(&port)).expect("it listens");
    let half = connect(address(&port)).expect("it listens");
    half.shutdown(Shutdown::Write).expect("it is open");
    reactor.turn(Some(PATIENCE)).expect("a turn");
    let turns = Turns::of(&reactor);
    let over = support::shared(false);
    let flag = Rc::clone(&over);
    reactor.call_later(Duration::from_millis(300), move || flag.set(true));
    while !over.get() {
        reactor.turn(None).expect("a turn");
    }
    assert!(turns.count() <= 6, "{} turns for nothing", turns.count());
    drop((open, half));
}

/// Says to all others what it hears, and notes how much that was and who is lost.
struct Member {
    room: Group,
    said: Rc<Cell<usize>>,
    lost: Log,
}

impl Protocol for Member {
    fn connection_made(&mut self, transport: &Transport) {
        self.room.add(transport);
    }

    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        self.said.set(self.said.get() + data.len());
        self.room.write_except(transport, data);
    }

    fn connection_lost(&mut self, transport: &Transport, reason: &Reason) {
        self.lost
            .note(format!("{} {reason}", transport.peer_addr()));
    }
}

#[test]
fn listeners_that_read_steadily_are_not_dropped_at_whatever_speed() {
    let _turn = one_at_a_time();
    // Bytes, and how often they are read: 50 KB to 4 MB a second, finely and coarsely.
    let paces = [
        (1_000, 20),
        (4_096, 50),
        (5_000, 10),
        (65_536, 50),
        (65_536, 150),
        (40_000, 10),
    ];
    let reactor = Reactor::new().expect("a loop");
    reactor.handle_signals(false);
    let (room, said, lost) = (Group::new(), Rc::<Cell<usize>>::default(), Log::default());
    let (log, counter) = (lost.clone(), Rc::clone(&said));
    let factory = move |_| Member {
        room: room.clone(),
        said: Rc::clone(&counter),
        lost: log.clone(),
    };
    let (port, at) = listen(&reactor, factory);
    let listeners = paces.map(|(bytes, millis)| {
        let mut listener = connect(at).expect("a connection");
        listener.set_nonblocking(true).expect("an open socket");
        let heard = Rc::<Cell<usize>>::default();
        let counter = Rc::clone(&heard);
        let reads = LoopingCall::new(&reactor, move |times: u64| {
            let mut buffer = vec![0; bytes * times as usize];
            counter.set(counter.get() + listener.read(&mut buffer).unwrap_or(0));
        });
        reads.start(Duration::from_millis(millis)).add_both(|_| ());
        (reads, heard)
    });
    let talker = thread::spawn(move || {
        let mut talker = connect(at).expect("a connection");
        // Until the connection is lost, with the loop.
        while talker.write_all(&[b'x'; 60_000]).is_ok() {}
    });
    // Who is taken for one that has stopped, because one look found no room, is dropped in a second.
    let time = reactor.defer_later(Duration::from_millis(2_500));
    reactor.run_until(time).expect("the loop runs");
    assert_eq!(lost.entries(), [""; 0]);
    for ((_, heard), (bytes, millis)) in listeners.iter().zip(paces) {
        let heard = heard.get();
        assert!(heard > 20_000, "{bytes} each {millis} ms: {heard}");
    }
    // The systems' buffers of the slowest, and what it has read.
    assert!(said.get() < 20_000_000, "{}", said.get());
    drop((listeners, port, reactor));
    talker.join().expect("the talker ends");
}
