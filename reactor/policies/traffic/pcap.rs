//! Traffic as packets of TCP over IP, in the classic format of libpcap.
//!
//! ```text
//!   file:    header of 24 bytes, record, record, …
//!   record:  seconds, microseconds, length, length │ IP header │ TCP header │ bytes
//! ```
//!
//! The format is that of draft-ietf-opsawg-pcap, the link type `LINKTYPE_RAW`: packets begin with their IP
//! header (RFC 791, RFC 8200), behind which comes that of TCP (RFC 9293). The packets are made up, the bytes in
//! them are real. Sequence numbers count as TCP's do, so that analysers put the streams together again.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::flow::{Direction, Flow, Happening};
use crate::address::Address;

/// The magic number of little-endian microseconds, version 2.4, the longest packet, and `LINKTYPE_RAW`.
pub(super) const HEADER: [u8; 24] = [
    0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 101, 0, 0, 0,
];

/// How many bytes a packet has. No network would carry it so, but a system that puts packets together
/// captures such ones, and IPv4 counts a length in 16 bits.
const SEGMENT: usize = 32 << 10;

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const PSH: u8 = 8;
const ACK: u8 = 16;

/// The number of TCP among the protocols over IP.
const TCP: u8 = 6;

/// The records of what has happened at this time since 1970.
pub(super) fn packets(time: Duration, flow: &Flow, what: &Happening<'_>) -> Vec<u8> {
    let mut records = Records {
        bytes: Vec::new(),
        time,
    };
    let (sent, received) = (Side::local(flow), Side::peer(flow));
    match what {
        Happening::Opened => records.open(&sent, &received),
        Happening::Received(data) => records.data(&received, &sent, data),
        Happening::Sent(data) => records.data(&sent, &received, data),
        Happening::PeerEnded => records.packet(&received, &sent, FIN | ACK, &[]),
        Happening::Ended => records.packet(&sent, &received, FIN | ACK, &[]),
        Happening::Lost(reason) if !reason.is_clean() => {
            records.packet(&sent, &received, RST | ACK, &[]);
        }
        Happening::Lost(_) => {}
    }
    records.bytes
}

/// One end of a connection, and the number of the byte that it sends next.
struct Side {
    address: SocketAddr,
    first: u32,
    next: u32,
}

impl Side {
    fn local(flow: &Flow) -> Self {
        Self::new(flow, &flow.local, &flow.sent, 1)
    }

    fn peer(flow: &Flow) -> Self {
        Self::new(flow, &flow.peer, &flow.received, 2)
    }

    fn new(flow: &Flow, address: &Address, direction: &Direction, side: u16) -> Self {
        let address = address.socket_addr().map_or_else(
            || {
                (
                    Ipv4Addr::LOCALHOST,
                    1024 * side + (flow.number % 1024) as u16,
                )
                    .into()
            },
            |address| SocketAddr::new(address.ip().to_canonical(), address.port()),
        );
        // Another one for each connection: with equal ones, the second of the same two ports would be taken
        // for a repetition of the first. The factor spreads numbers that follow each other.
        let first = flow.number.wrapping_mul(0x9e37_79b9);
        let ended = u32::from(direction.has_ended.get());
        // Of four GiB and more TCP has the low bits only. The end counts as a byte, as the beginning does.
        let next = first
            .wrapping_add(1 + ended)
            .wrapping_add(direction.bytes.get() as u32);
        Self {
            address,
            first,
            next,
        }
    }
}

struct Records {
    bytes: Vec<u8>,
    time: Duration,
}

impl Records {
    /// The three packets with which a connection begins.
    fn open(&mut self, one: &Side, other: &Side) {
        let is_client = one.address.port() > other.address.port();
        let (client, server) = if is_client {
            (one, other)
        } else {
            (other, one)
        };
        let begins = |side: &Side| Side {
            next: side.first,
            ..*side
        };
        let nothing = Side { next: 0, ..*server };
        self.packet(&begins(client), &nothing, SYN, &[]);
        self.packet(&begins(server), client, SYN | ACK, &[]);
        self.packet(client, server, ACK, &[]);
    }

    fn data(&mut self, from: &Side, to: &Side, data: &[u8]) {
        let mut next = from.next;
        for segment in data.chunks(SEGMENT) {
            let from = Side { next, ..*from };
            self.packet(&from, to, PSH | ACK, segment);
            next = next.wrapping_add(segment.len() as u32);
        }
    }

    /// Appends a record of one packet, whose parts are written in place, since their lengths and checksums
    /// come before what they are of.
    fn packet(&mut self, from: &Side, to: &Side, flags: u8, data: &[u8]) {
        let segment = segment(from, to, flags, data);
        let (header, checked) = ip_header(from.address.ip(), to.address.ip(), segment.len());
        let length = (header.len() + segment.len()) as u32;
        let seconds = self.time.as_secs() as u32; // unsigned: until 2106
        for field in [seconds, self.time.subsec_micros(), length, length] {
            self.bytes.extend(field.to_le_bytes());
        }
        self.bytes.extend(header);
        let at = self.bytes.len();
        self.bytes.extend(segment);
        // Of the addresses too, so that a packet which was led astray is noticed.
        let checksum = checksum(checked + sum(&self.bytes[at..]));
        self.bytes[at + 16..at + 18].copy_from_slice(&checksum.to_be_bytes());
    }
}

/// A TCP header with the bytes behind it, and no checksum yet.
fn segment(from: &Side, to: &Side, flags: u8, data: &[u8]) -> Vec<u8> {
    let mut segment = Vec::with_capacity(20 + data.len());
    segment.extend(from.address.port().to_be_bytes());
    segment.extend(to.address.port().to_be_bytes());
    segment.extend(from.next.to_be_bytes());
    segment.extend(to.next.to_be_bytes());
    segment.extend([5 << 4, flags, 0xff, 0xff, 0, 0, 0, 0]); // 5 words, the whole window
    segment.extend(data);
    segment
}

/// An IP header, and the sum of what of it the checksum of TCP covers.
fn ip_header(from: IpAddr, to: IpAddr, length: usize) -> (Vec<u8>, u64) {
    let (mut header, addresses) = match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let total = (20 + length) as u16;
            let mut header = vec![0x45, 0];
            header.extend(total.to_be_bytes());
            header.extend([0, 0, 0x40, 0, 64, TCP, 0, 0]); // not to be fragmented, 64 hops
            (header, [from.octets(), to.octets()].concat())
        }
        (from, to) => {
            let octets = |ip: IpAddr| match ip {
                IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
                IpAddr::V6(ip) => ip.octets(),
            };
            let mut header = vec![0x60, 0, 0, 0];
            header.extend((length as u16).to_be_bytes());
            header.extend([TCP, 64]);
            (header, [octets(from), octets(to)].concat())
        }
    };
    let checked = sum(&addresses) + u64::from(TCP) + length as u64;
    header.extend(addresses);
    if header[0] == 0x45 {
        let checksum = checksum(sum(&header));
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
    }
    (header, checked)
}

/// The sum of the words of 16 bits (RFC 1071). A last byte is the high one of a word.
fn sum(bytes: &[u8]) -> u64 {
    let word = |pair: &[u8]| u64::from(pair[0]) << 8 | u64::from(*pair.get(1).unwrap_or(&0));
    bytes.chunks(2).map(word).sum()
}

fn checksum(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
