//! Ports, addresses and names of the operating system.

use std::cell::RefCell;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream};
use std::rc::Rc;

use reactor::{Address, Reactor, Transport};

use crate::support::{Client, Echo, Heard, Log, Then};
use crate::{PATIENCE, address, connect, listen, one_at_a_time, read_to_end, run_with};

#[test]
fn a_busy_port_says_so_in_the_system_s_words() {
    let _turn = one_at_a_time();
    let reactor = Reactor::new().expect("a loop");
    let (_port, at) = listen(&reactor, |_| Echo);
    let error = reactor.listen_tcp(at, |_| Echo).expect_err("it is taken");
    assert_eq!(error.io_error().kind(), io::ErrorKind::AddrInUse);
    let text = error.to_string();
    assert!(
        text.starts_with(&format!("cannot listen on {at}: Address already in use")),
        "{text}"
    );
    let error = reactor
        .listen_tcp("nonsense", |_| Echo)
        .expect_err("no address");
    assert!(
        error
            .to_string()
            .starts_with("cannot listen on \"nonsense\": "),
        "{error}"
    );
}

/// `nc 127.0.0.1` reached a port at `::` on systems that make it one of both families.
#[test]
fn every_ipv6_address_and_every_ipv4_address_can_have_the_same_port() {
    let _turn = one_at_a_time();
    let reactor = Reactor::new().expect("a loop");
    let met = Rc::new(RefCell::new(Vec::new()));
    let listen = |address: SocketAddr| {
        let met = Rc::clone(&met);
        reactor.listen_tcp(address, move |peer: Address| {
            met.borrow_mut().push((address.is_ipv6(), peer));
            Echo
        })
    };
    let Ok(port) = listen((Ipv6Addr::UNSPECIFIED, 0).into()) else {
        return; // a system without IPv6
    };
    let number = address(&port).port();
    listen((Ipv4Addr::UNSPECIFIED, number).into()).expect("the port is free for IPv4");
    let clients: Vec<SocketAddr> = [
        IpAddr::from(Ipv4Addr::LOCALHOST),
        IpAddr::from(Ipv6Addr::LOCALHOST),
    ]
    .map(|ip| TcpStream::connect((ip, number)))
    .map(|client| client.expect("somebody listens").local_addr().expect("one"))
    .to_vec();
    while met.borrow().len() < 2 {
        reactor.turn(Some(PATIENCE)).expect("it turns");
    }
    met.borrow_mut().sort_by_key(|(is_ipv6, _)| *is_ipv6);
    let expected = [(false, clients[0].into()), (true, clients[1].into())];
    assert_eq!(*met.borrow(), expected);
}

#[test]
fn a_stopped_port_can_be_listened_at_again_at_once_while_its_connections_live() {
    let _turn = one_at_a_time();
    let reactor = Reactor::new().expect("a loop");
    let (port, at) = listen(&reactor, |_| Echo);
    let mut stays = connect(at).expect("it listens");
    reactor.turn(Some(PATIENCE)).expect("a turn");
    port.stop_listening();
    assert_eq!(
        TcpStream::connect(at).expect_err("nobody listens").kind(),
        io::ErrorKind::ConnectionRefused
    );
    reactor.listen_tcp(at, |_| Echo).expect("it is free again");
    let heard = run_with(&reactor, move || {
        stays.write_all(b"still here")?;
        stays.shutdown(Shutdown::Write)?;
        let mut next = connect(at)?;
        next.write_all(b"and next")?;
        next.shutdown(Shutdown::Write)?;
        Ok([read_to_end(&mut stays)?, read_to_end(&mut next)?])
    });
    assert_eq!(heard, [&b"still here"[..], b"and next"]);
}

#[test]
fn a_refused_connection_fails_with_the_system_s_error() {
    let _turn = one_at_a_time();
    let reactor = Reactor::new().expect("a loop");
    // A port that nobody listens at: its owner has just gone.
    let (port, at) = listen(&reactor, |_| Echo);
    port.stop_listening();
    let log = Log::default();
    let react: fn(&Heard<'_>, &Transport) -> Then = |_, _| Then::Default;
    reactor.connect_tcp("127.0.0.1", at.port(), Client::new(&log, react));
    assert_eq!(log.entries(), [""; 0]);
    reactor.handle_signals(false);
    reactor
        .run()
        .expect("it returns when the attempt has failed");
    assert!(log.contains("failed: Connection refused"), "{log:?}");
    assert_eq!(log.entries().len(), 1);
}

#[test]
fn a_host_name_is_looked_up_on_another_thread() {
    let _turn = one_at_a_time();
    let reactor = Reactor::new().expect("a loop");
    let port = reactor
        .listen_tcp("127.0.0.1:0", |_| Echo)
        .expect("a port is free");
    let log = Log::default();
    let at = address(&port).port();
    let stop = reactor.downgrade();
    let client = Client::new(&log, move |heard: &Heard<'_>, transport: &Transport| {
        match heard {
            Heard::Made => {
                transport.write(b"hello");
            }
            Heard::Data(_) => stop.upgrade().expect("it runs this").stop(),
            _ => {}
        }
        Then::Default
    });
    reactor.connect_tcp("localhost", at, client);
    reactor.handle_signals(false);
    reactor.run().expect("the loop runs");
    assert!(log.contains("hello"), "{log:?}");
}

#[test]
fn a_name_is_found_while_all_threads_of_the_pool_work() {
    let _turn = one_at_a_time();
    let reactor = Reactor::new().expect("a loop");
    let server = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let at = server.local_addr().expect("it listens");
    let working: Vec<_> = (0..8)
        .map(|_| {
            let (go_on, goes_on) = std::sync::mpsc::channel::<()>();
            (go_on, reactor.defer_to_thread(move || goes_on.recv()))
        })
        .collect();
    let connected = reactor.connect_tcp("localhost", at.port(), |_| Echo);
    reactor.handle_signals(false);
    let transport = reactor.run_until(connected.connected());
    assert!(transport.expect("it is connected").is_open());
    for (go_on, work) in working {
        assert!(!work.is_fired());
        drop(go_on);
        let _ = reactor.run_until(work).expect("it does not panic");
    }
}
