//! How connections end on real sockets: resets, half closes, last bytes.

use std::io::{self, Write};
use std::net::Shutdown;
use std::time::Duration;

use reactor::{Factory, Limits, Reactor, Reason, Transport};

use crate::support::{Client, Heard, Log, Probe, Then, pattern};
use crate::{address, connect, listen, one_at_a_time, read_to_end, reset_when_dropped, run_with};

#[test]
fn an_abort_is_a_reset_and_a_lose_is_an_end() {
    let _turn = one_at_a_time();
    let reactor = Reactor::new().expect("a loop");
    let log = Log::default();
    let for_factory = log.clone();
    let factory = move |_| {
        Probe::new(&for_factory, |heard: &Heard<'_>, transport: &Transport| {
            match heard {
                Heard::Data(b"abort") => transport.abort_connection(),
                Heard::Data(b"lose") => transport.lose_connection(),
                _ => {}
            }
            Then::Default
        })
    };
    let (_port, address) = listen(&reactor, factory);
    let kinds = run_with(&reactor, move || {
        ["abort", "lose"]
            .iter()
            .map(|word| {
                let mut stream = connect(address)?;
                stream.write_all(word.as_bytes())?;
                Ok(read_to_end(&mut stream).map_err(|error| error.kind()))
            })
            .collect::<io::Result<Vec<_>>>()
    });
    assert_eq!(kinds, [Err(io::ErrorKind::ConnectionReset), Ok(vec![])]);
    assert!(
        log.contains("lost: the connection was aborted on this side"),
        "{log:?}"
    );
    assert!(
        log.contains("lost: the connection was closed on this side"),
        "{log:?}"
    );
}

#[test]
fn a_client_that_closes_its_half_gets_three_megabytes() {
    // `printf go | nc -N`
    let _turn = one_at_a_time();
    let reactor = Reactor::new().expect("a loop");
    let log = Log::default();
    let for_factory = log.clone();
    let factory = move |_| {
        Probe::new(&for_factory, |heard: &Heard<'_>, transport: &Transport| {
            if let Heard::Data(_) = heard {
                transport.write(&pattern(3_000_000));
            }
            Then::Default
        })
    };
    let factory = factory.with_limits(Limits::default().unsent(8 << 20));
    let (_port, address) = listen(&reactor, factory);
    let heard = run_with(&reactor, move || {
        let mut stream = connect(address)?;
        stream.write_all(b"go")?;
        stream.shutdown(Shutdown::Write)?;
        read_to_end(&mut stream)
    });
    assert!(heard == pattern(3_000_000));
    let expected = [
        "made",
        "go",
        "readclosed",
        "lost: the peer closed the connection",
    ];
    let entries = log.entries();
    let important: Vec<_> = entries
        .iter()
        .filter(|entry| {
            !["writingpaused", "writingresumed", "readingresumed"].contains(&entry.as_str())
        })
        .collect();
    assert_eq!(important, expected);
}

#[test]
fn the_last_words_reach_a_client_that_is_still_talking() {
    // A socket that is closed with unread bytes resets the connection and destroys them.
    let _turn = one_at_a_time();
    let reactor = Reactor::new().expect("a loop");
    let factory = |_| {
        Probe::new(
            &Log::default(),
            |heard: &Heard<'_>, transport: &Transport| {
                if let Heard::Data(_) = heard {
                    transport.write(b"you talk too much");
                    transport.lose_connection();
                }
                Then::Default
            },
        )
    };
    let (_port, address) = listen(&reactor, factory);
    let heard = run_with(&reactor, move || {
        let mut stream = connect(address)?;
        for _ in 0..200 {
            stream.write_all(&[b'x'; 10_000])?;
        }
        stream.shutdown(Shutdown::Write)?;
        read_to_end(&mut stream)
    });
    assert_eq!(heard, b"you talk too much");
}

#[test]
fn a_client_that_resets_is_told_from_one_that_closes_also_when_reading_is_paused() {
    let _turn = one_at_a_time();
    for paused in [false, true] {
        let reactor = Reactor::new().expect("a loop");
        let log = Log::default();
        let (for_factory, weak) = (log.clone(), reactor.downgrade());
        let factory = move |_| {
            let weak = weak.clone();
            Probe::new(
                &for_factory,
                move |heard: &Heard<'_>, transport: &Transport| {
                    match heard {
                        Heard::Made if paused => transport.pause_reading(),
                        Heard::Lost(_) => weak.upgrade().expect("it runs this").stop(),
                        _ => {}
                    }
                    Then::Default
                },
            )
        };
        let port = reactor
            .listen_tcp("127.0.0.1:0", factory)
            .expect("a port is free");
        let stream = connect(address(&port)).expect("it listens");
        let end = stream.try_clone().expect("a descriptor is free");
        reactor.call_later(Duration::from_millis(20), move || {
            reset_when_dropped(&end);
            drop((stream, end));
        });
        reactor.handle_signals(false);
        reactor.run().expect("the loop runs");
        assert!(
            log.contains("lost: the peer reset the connection"),
            "{paused} {log:?}"
        );
    }
}

#[test]
fn a_server_that_greets_and_closes_at_once_is_heard_to_the_end() {
    // The greeting and the end can come in one event with the news of the connection.
    let _turn = one_at_a_time();
    for _ in 0..50 {
        let reactor = Reactor::new().expect("a loop");
        let server = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let at = server.local_addr().expect("it listens");
        let log = Log::default();
        let react: fn(&Heard<'_>, &Transport) -> Then = |_, _| Then::Default;
        reactor.connect_tcp("127.0.0.1", at.port(), Client::new(&log, react));
        reactor.turn(Some(Duration::ZERO)).expect("a turn"); // it connects
        let (mut stream, _) = server.accept().expect("it has connected");
        stream.write_all(b"hello").expect("there is room");
        drop(stream);
        reactor.handle_signals(false);
        reactor
            .run()
            .expect("it returns when the connection is lost");
        let expected = [
            "made",
            "hello",
            "readclosed",
            "lost: the peer closed the connection",
        ];
        assert_eq!(log.entries(), expected);
    }
}

#[test]
fn a_connection_that_fails_says_why_once() {
    let _turn = one_at_a_time();
    let reactor = Reactor::new().expect("a loop");
    let log = Log::default();
    for host in ["no such host.invalid", "256.256.256.256"] {
        let react: fn(&Heard<'_>, &Transport) -> Then = |_, _| Then::Default;
        reactor.connect_tcp(host, 80, Client::new(&log, react));
    }
    reactor.handle_signals(false);
    reactor.run().expect("it returns when both have failed");
    assert_eq!(log.count("failed: "), 2, "{log:?}");
    assert!(!log.contains("made"));
    let reason = Reason::from(io::Error::from(io::ErrorKind::ConnectionReset));
    assert!(matches!(reason, Reason::Reset));
}
