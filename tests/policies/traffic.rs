//! Traffic logs: what is in them, that they change nothing, and how they end.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::rc::Rc;

use reactor::policies::TrafficLog;
use reactor::testing::{Conversation, Peer, Simulation};
use reactor::{Accepted, Factory, Layer, Protocol, Reactor, Reason, Transport};

use crate::support::{Echo, SECOND, pattern};

/// A file in memory.
#[derive(Clone, Default)]
struct Memory(Rc<RefCell<Vec<u8>>>);

impl Memory {
    fn bytes(&self) -> Vec<u8> {
        self.0.borrow().clone()
    }

    fn text(&self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }
}

impl Write for Memory {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A server of echoes, at this address.
fn serve(at: &str, log: impl FnOnce(&Reactor) -> TrafficLog) -> Simulation {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let log = log(&reactor);
    reactor.listen_tcp(at, log.around(|_| Echo)).unwrap();
    simulation
}

fn say(simulation: &Simulation, peer: &Peer, data: &[u8]) {
    peer.write(data);
    simulation.run_for(SECOND / 10);
}

#[test]
fn a_hexdump_has_each_event_with_all_of_its_bytes() {
    let memory = Memory::default();
    let file = memory.clone();
    let simulation = serve("10.0.0.1:7", |reactor| TrafficLog::hexdump(reactor, file));
    let peer = simulation.connect_from("10.0.0.2".parse().unwrap(), "10.0.0.1:7");
    simulation.run_for(SECOND / 10);
    say(&simulation, &peer, b"hello\r\n");
    say(&simulation, &peer, b"0123456789 and \x1b[31m\xff");
    peer.shut_write();
    simulation.run_for(SECOND);
    peer.close();
    simulation.run_for(SECOND);
    let address = peer.local_addr();
    let text = memory.text();
    let lines: Vec<_> = text.lines().collect();
    let expected = [
        &format!("0.000050 #2 opened with {address}, here 10.0.0.1:7"),
        "0.100050 #2 received 7 bytes",
        "00000000  68 65 6c 6c 6f 0d 0a                              |hello..|",
        "0.100050 #2 sent 7 bytes",
        "00000000  68 65 6c 6c 6f 0d 0a                              |hello..|",
        "0.200050 #2 received 21 bytes",
        "00000007  30 31 32 33 34 35 36 37  38 39 20 61 6e 64 20 1b  |0123456789 and .|",
        "00000017  5b 33 31 6d ff                                    |[31m.|",
        "0.200050 #2 sent 21 bytes",
    ];
    assert_eq!(lines[..9], expected);
    let ends: Vec<_> = lines[11..].iter().map(|line| &line[9..]).collect();
    let expected = [
        "#2 the peer ended its stream",
        "#2 this side ended its stream",
        "#2 lost: the peer closed the connection",
    ];
    assert_eq!(ends, expected);
}

/// A packet of a capture.
#[derive(Debug)]
struct Packet {
    from: String,
    to: String,
    sequence: u32,
    acknowledged: u32,
    flags: u8,
    data: Vec<u8>,
}

fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// The sum that a valid header has, with its checksum.
fn sum(bytes: &[u8]) -> u64 {
    let mut sum: u64 = bytes
        .chunks(2)
        .map(|pair| number(&[pair, &[0]].concat()[..2]))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum
}

/// Reads a capture as an analyser does, and verifies its lengths and checksums.
fn packets(capture: &[u8]) -> Vec<Packet> {
    assert_eq!(capture[..4], 0xa1b2_c3d4_u32.to_le_bytes());
    assert_eq!(capture[20..24], 101_u32.to_le_bytes());
    let mut rest = &capture[24..];
    let mut packets = Vec::new();
    while !rest.is_empty() {
        let little = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap()) as usize;
        assert_eq!(little(8), little(12));
        let (packet, next) = rest[16..].split_at(little(8));
        rest = next;
        let is_v4 = packet[0] == 0x45;
        let header = if is_v4 { 20 } else { 40 };
        let segment = &packet[header..];
        let addresses = if is_v4 {
            assert_eq!(number(&packet[2..4]) as usize, packet.len());
            assert_eq!((packet[9], sum(&packet[..20])), (6, 0xffff));
            &packet[12..20]
        } else {
            assert_eq!((packet[0], packet[6]), (0x60, 6));
            assert_eq!(number(&packet[4..6]) as usize, segment.len());
            &packet[8..40]
        };
        let length = (segment.len() as u32).to_be_bytes();
        let checked = [addresses, &length, &[0, 0, 0, 6], segment].concat();
        assert_eq!(sum(&checked), 0xffff, "the checksum of TCP");
        let end = |half: &[u8], port: &[u8]| {
            let ip: std::net::IpAddr = match <[u8; 4]>::try_from(half) {
                Ok(octets) => octets.into(),
                Err(_) => <[u8; 16]>::try_from(half).unwrap().into(),
            };
            std::net::SocketAddr::new(ip, number(port) as u16).to_string()
        };
        let (from, to) = addresses.split_at(addresses.len() / 2);
        packets.push(Packet {
            from: end(from, &segment[..2]),
            to: end(to, &segment[2..4]),
            sequence: number(&segment[4..8]) as u32,
            acknowledged: number(&segment[8..12]) as u32,
            flags: segment[13],
            data: segment[20..].to_vec(),
        });
    }
    packets
}

/// Puts the streams of a capture together by their sequence numbers, and sees that each acknowledgement is
/// of what has been sent.
fn streams(packets: &[Packet]) -> BTreeMap<(String, String), Vec<u8>> {
    let mut next = BTreeMap::new();
    let mut streams: BTreeMap<_, Vec<u8>> = BTreeMap::new();
    for packet in packets {
        let ends = (packet.from.clone(), packet.to.clone());
        let others = (packet.to.clone(), packet.from.clone());
        let expected = next.entry(ends.clone()).or_insert(packet.sequence);
        assert_eq!(*expected, packet.sequence, "{packet:?}");
        let counts = packet.data.len() as u32 + u32::from(packet.flags & 3 != 0);
        *expected = expected.wrapping_add(counts);
        if packet.flags & 16 != 0 {
            assert_eq!(next.get(&others), Some(&packet.acknowledged), "{packet:?}");
        }
        streams.entry(ends).or_default().extend(&packet.data);
    }
    streams
}

#[test]
fn a_capture_is_of_packets_that_an_analyser_puts_together_again() {
    for (at, from) in [("10.0.0.1:7", "10.0.0.2"), ("[fd00::1]:7", "fd00::2")] {
        let memory = Memory::default();
        let file = memory.clone();
        let simulation = serve(at, |reactor| TrafficLog::pcap(reactor, file));
        let peers = [from, from].map(|from| simulation.connect_from(from.parse().unwrap(), at));
        let sizes = [101, 200_000];
        for (peer, size) in peers.iter().zip(sizes) {
            say(&simulation, peer, &pattern(size));
            say(&simulation, peer, b"odd");
        }
        simulation.run_for(SECOND);
        peers[0].shut_write();
        peers[1].reset();
        simulation.run_for(SECOND);
        let packets = packets(&memory.bytes());
        let streams = streams(&packets);
        assert_eq!(streams.len(), 4);
        for (peer, size) in peers.iter().zip(sizes) {
            let client = peer.local_addr().to_string();
            let ends = (client.clone(), at.to_owned());
            let sent = [pattern(size), b"odd".to_vec()].concat();
            assert!(streams[&ends] == sent);
            assert!(streams[&(ends.1, ends.0)] == sent);
            assert_eq!(flags_of(&packets, &client)[..3], [2, 18, 16]);
        }
        let begins = packets.iter().filter(|packet| packet.flags == 2);
        assert!(
            begins.into_iter().all(|packet| packet.to == at),
            "the client begins"
        );
        let of = |n: usize| flags_of(&packets, &peers[n].local_addr().to_string());
        assert!(of(0).ends_with(&[17, 17]), "two ends");
        assert!(of(1).ends_with(&[20]), "a reset");
    }
}

/// The flags of the packets from and to a client.
fn flags_of(packets: &[Packet], client: &str) -> Vec<u8> {
    let of_it = packets
        .iter()
        .filter(|p| p.from == client || p.to == client);
    of_it.map(|packet| packet.flags).collect()
}

/// Adds one to each byte on its way down, and takes it off on its way up.
struct Shift;

impl Layer for Shift {
    fn receive(&mut self, data: &[u8], up: &mut Vec<u8>, _: &mut Vec<u8>) -> Result<(), Reason> {
        up.extend(data.iter().map(|byte| byte - 1));
        Ok(())
    }

    fn send(&mut self, data: &[u8], down: &mut Vec<u8>) -> Result<(), Reason> {
        down.extend(data.iter().map(|byte| byte + 1));
        Ok(())
    }
}

#[test]
fn a_log_sees_the_plain_bytes_above_a_layer_and_those_of_the_network_below_it() {
    let (plain, wire) = (Memory::default(), Memory::default());
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let above = TrafficLog::hexdump(&reactor, plain.clone()).around(|_| Echo);
    let mut above = Some(above);
    let encrypted = move |address| {
        let mut factory = above.take().unwrap();
        factory.build_protocol(&address).unwrap().with_layer(Shift)
    };
    let below = TrafficLog::hexdump(&reactor, wire.clone()).around(encrypted);
    reactor.listen_tcp("10.0.0.1:7", below).unwrap();
    let peer = simulation.connect("10.0.0.1:7");
    say(&simulation, &peer, b"IBM");
    assert_eq!(peer.read(), b"IBM");
    assert_eq!(plain.text().matches("|HAL|").count(), 2, "{}", plain.text());
    assert_eq!(wire.text().matches("|IBM|").count(), 2);
    assert!(!plain.text().contains("IBM") && !wire.text().contains("HAL"));
}

#[test]
fn a_log_ends_before_it_is_larger_than_its_limit_and_connections_go_on() {
    let memory = Memory::default();
    let file = memory.clone();
    let simulation = serve("10.0.0.1:7", |reactor| {
        TrafficLog::pcap(reactor, file).limit(1_000)
    });
    let peer = simulation.connect("10.0.0.1:7");
    for _ in 0..30 {
        say(&simulation, &peer, b"hello");
    }
    assert_eq!(peer.read(), b"hello".repeat(30));
    let length = memory.bytes().len();
    assert!((900..=1_000).contains(&length), "{length}");
    streams(&packets(&memory.bytes()));
    assert_eq!(Rc::strong_count(&memory.0), 1, "the file is closed");
}

/// Takes so many bytes, and fails or panics then.
struct Full(usize, bool);

impl Write for Full {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        assert!(self.0 > 0 || !self.1, "as it was told to");
        let taken = data.len().min(self.0);
        self.0 -= taken;
        match taken {
            0 => Err(io::ErrorKind::StorageFull.into()),
            taken => Ok(taken),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_log_that_cannot_be_written_disturbs_no_connection() {
    for panics in [false, true] {
        for room in [0, 10, 24, 300] {
            let simulation = serve("10.0.0.1:7", |reactor| {
                TrafficLog::pcap(reactor, Full(room, panics))
            });
            let peer = simulation.connect("10.0.0.1:7");
            for _ in 0..3 {
                say(&simulation, &peer, b"hello");
            }
            assert_eq!(peer.read(), b"hellohellohello");
            peer.close();
            simulation.run_for(SECOND);
        }
    }
}

#[test]
fn a_client_is_logged_as_a_server_is_and_handles_reach_its_protocol() {
    struct Greets(u8);
    impl Protocol for Greets {
        fn connection_made(&mut self, transport: &Transport) {
            transport.write(&[self.0]);
        }
        fn data_received(&mut self, _: &Transport, _: &[u8]) {}
    }
    let memory = Memory::default();
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let log = TrafficLog::pcap(&reactor, memory.clone());
    let listener = simulation.listen("10.0.0.9:9");
    let connected = reactor
        .connect_tcp("10.0.0.9", 9, log.around(|_| Accepted::new(Greets(b'a'))))
        .connected();
    simulation.run_for(SECOND);
    let transport = connected.into_result().unwrap().unwrap();
    transport.handle().call(|greets: &mut Greets, transport| {
        greets.0 += 1;
        transport.write(&[greets.0]);
    });
    simulation.run_for(SECOND);
    assert_eq!(listener.accept().unwrap().read(), b"ab");
    let packets = packets(&memory.bytes());
    assert_eq!(
        (packets[0].to.as_str(), packets[0].flags),
        ("10.0.0.9:9", 2)
    );
    let client = transport.local_addr().to_string();
    assert_eq!(streams(&packets)[&(client, "10.0.0.9:9".to_owned())], b"ab");
    drop(log);
    let conversation = Conversation::with(Echo);
    conversation.say(b"without a log");
    assert_eq!(conversation.hear(), b"without a log");
}
