//! What is a header, in either version, wherever it is split.

use reactor::proxy_protocol::{BadProxyHeader, Header};
use reactor::{Address, UnixAddress};

use crate::{IPV4, LINE, SIGNATURE, binary, tlv};

/// The source and the destination of a header, which is whole with its last byte and at none before.
#[track_caller]
fn read(bytes: &[u8]) -> Option<(String, String)> {
    for split in 0..bytes.len() {
        assert_eq!(Header::read(&bytes[..split]), Ok(None), "at {split}");
    }
    for behind in [&b""[..], b"\r\nPROXY ", &[0; 5000]] {
        let (header, length) = Header::read(&[bytes, behind].concat())
            .expect("it is valid")
            .expect("it is whole");
        assert_eq!(length, bytes.len());
        assert_eq!(Header::read(bytes), Ok(Some((header, length))));
    }
    let (header, _) = Header::read(bytes)
        .expect("it is valid")
        .expect("it is whole");
    let (source, destination) = (header.source(), header.destination());
    assert_eq!(source.is_some(), destination.is_some());
    Some((source?.to_string(), destination?.to_string()))
}

/// What is wrong with bytes, and that it stays wrong whatever comes next.
#[track_caller]
fn wrong(bytes: &[u8]) -> BadProxyHeader {
    let mistake = Header::read(bytes).expect_err("it is wrong");
    for behind in [&b"x"[..], b"\r\n", &[0; 5000]] {
        assert_eq!(Header::read(&[bytes, behind].concat()), Err(mistake));
    }
    mistake
}

fn pair(source: &str, destination: &str) -> Option<(String, String)> {
    Some((source.to_owned(), destination.to_owned()))
}

#[test]
fn a_line_has_the_addresses_of_the_client_and_of_where_it_connected_to() {
    assert_eq!(read(LINE), pair("198.51.100.7:49152", "203.0.113.1:443"));
    assert_eq!(
        read(b"PROXY TCP6 2001:db8::7 2001:DB8:0:0:0:0:0:1 1 0\r\n"),
        pair("[2001:db8::7]:1", "[2001:db8::1]:0")
    );
    // As others, it is the IPv4 address.
    assert_eq!(
        read(b"PROXY TCP6 ::ffff:198.51.100.7 ::ffff:203.0.113.1 1 2\r\n"),
        pair("198.51.100.7:1", "203.0.113.1:2")
    );
    let full = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    let longest = format!("PROXY TCP6 {full} {full} 65535 65535\r\n");
    assert_eq!(longest.len(), 104);
    assert!(read(longest.as_bytes()).is_some());
}

#[test]
fn of_an_unknown_connection_the_rest_of_the_line_is_ignored() {
    let full = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    let longest = format!("PROXY UNKNOWN {full} {full} 65535 65535\r\n");
    assert_eq!(longest.len(), 107);
    for line in [
        &b"PROXY UNKNOWN\r\n"[..],
        b"PROXY UNKNOWN \r\n",
        b"PROXY UNKNOWN \xff\0 anything\r\n",
        longest.as_bytes(),
    ] {
        assert_eq!(read(line), None);
    }
    let longer = longest.replace("\r\n", "x\r\n");
    assert_eq!(wrong(&longer.as_bytes()[..107]), BadProxyHeader::Line);
}

#[test]
fn a_line_that_is_not_written_exactly_so_is_refused() {
    for line in [
        "PROXY \r\n",
        "PROXY  TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1  2\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2\r\n",
        "PROXY TCP4 1.1.1 2.2.2.2 1 2\r\n",
        "PROXY TCP4 01.1.1.1 2.2.2.2 1 2\r\n",
        "PROXY TCP4 256.1.1.1 2.2.2.2 1 2\r\n",
        "PROXY TCP4 ::1 ::1 1 2\r\n",
        "PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n",
        "PROXY TCP6 fe80::1%2 ::1 1 2\r\n",
        "PROXY TCP6 [::1] ::1 1 2\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 +1 2\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 65536\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 -2\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\t\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 ２\r\n",
        "PROXY tcp4 1.1.1.1 2.2.2.2 1 2\r\n",
        "PROXY UDP4 1.1.1.1 2.2.2.2 1 2\r\n",
        "PROXY UNKNOWNX\r\n",
        "PROXY TCP4\r\n",
    ] {
        assert_eq!(wrong(line.as_bytes()), BadProxyHeader::Fields, "{line:?}");
    }
    for line in [
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\rx",
        "PROXY UNKNOWN a\nb",
        "PROXY \r\r",
    ] {
        assert_eq!(wrong(line.as_bytes()), BadProxyHeader::Line, "{line:?}");
    }
    assert_eq!(
        wrong(&[b"PROXY ".as_slice(), &[b'x'; 101]].concat()),
        BadProxyHeader::Line
    );
}

#[test]
fn what_begins_as_something_else_is_refused_at_its_first_byte_that_differs() {
    for other in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"proxy TCP4",
        b"PROXYTCP4",
        b"PROXY\r\n",
        b"\x16\x03\x01",
        b"SSH-2.0-",
        b" PROXY ",
        b"\0",
        b"\r\nPROXY ",
        b"\r\n\r\n\0\r\nQUIT\r",
    ] {
        assert_eq!(wrong(other), BadProxyHeader::Missing);
        let differs = (1..=other.len())
            .find(|end| Header::read(&other[..*end]).is_err())
            .expect("it differs");
        let [text, binary] = [b"PROXY ", SIGNATURE].map(|signature| {
            let same = other.iter().zip(signature).take_while(|(a, b)| a == b);
            same.count()
        });
        assert_eq!(differs, text.max(binary) + 1, "{}", other.escape_ascii());
    }
}

#[test]
fn a_binary_header_has_the_same_in_bytes() {
    let of_ipv4 = pair("198.51.100.7:49152", "203.0.113.1:443");
    assert_eq!(read(&binary(0x21, 0x11, &IPV4)), of_ipv4);
    // Datagrams that the proxy makes a stream of have a client, too.
    assert_eq!(read(&binary(0x21, 0x12, &IPV4)), of_ipv4);
    let mut ipv6 = [0; 36];
    ipv6[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
    ipv6[15] = 7;
    ipv6[31] = 1;
    ipv6[33] = 1;
    ipv6[35] = 2;
    assert_eq!(
        read(&binary(0x21, 0x21, &ipv6)),
        pair("[2001:db8::7]:1", "[::1]:2")
    );
    let mapped = [
        &[0; 10][..],
        &[255, 255, 1, 2, 3, 4],
        &[0; 16],
        &[0, 1, 0, 2],
    ]
    .concat();
    assert_eq!(
        read(&binary(0x21, 0x21, &mapped)),
        pair("1.2.3.4:1", "[::]:2")
    );
}

#[test]
fn a_unix_socket_has_a_path_an_abstract_name_or_none() {
    let read_names = |source: &[u8], destination: &[u8]| {
        let mut addresses = [0; 216];
        addresses[..source.len()].copy_from_slice(source);
        addresses[108..][..destination.len()].copy_from_slice(destination);
        read(&binary(0x21, 0x31, &addresses))
    };
    assert_eq!(
        read_names(b"", b"/run/proxy.sock"),
        pair("unix:unnamed", "unix:/run/proxy.sock")
    );
    assert_eq!(
        read_names(b"\0name", b"@odd\0behind"),
        pair("unix:@name", "unix:@odd")
    );
    let full = [b'x'; 108];
    let long = format!("unix:{}", "x".repeat(108));
    assert_eq!(read_names(&full, b"\xff"), pair(&long, "unix:\u{fffd}"));
    // A file whose name begins with @ is not an abstract name.
    let mut addresses = [0; 216];
    addresses[..4].copy_from_slice(b"@odd");
    let (header, _) = Header::read(&binary(0x21, 0x31, &addresses))
        .expect("it is valid")
        .expect("it is whole");
    let source = header.source().and_then(Address::unix_addr);
    assert_eq!(source.and_then(UnixAddress::path), Some("@odd".as_ref()));
}

#[test]
fn a_header_without_addresses_leaves_them_as_they_are() {
    // A connection of the proxy's own, whatever else it says of it.
    for (family, rest) in [
        (0, &b""[..]),
        (0x11, &IPV4),
        (0x11, b"short"),
        (0xff, b"anything"),
    ] {
        assert_eq!(read(&binary(0x20, family, rest)), None);
    }
    // One whose family or transport is not known.
    for family in [0x00, 0x01, 0x10, 0x20, 0x30] {
        assert_eq!(read(&binary(0x21, family, b"anything")), None);
    }
}

#[test]
fn a_binary_header_that_is_not_valid_is_refused_as_early_as_that_is_known() {
    let is_known_at = |bytes: &[u8], at: usize| {
        assert_eq!(Header::read(&bytes[..at]), Ok(None));
        wrong(&bytes[..=at])
    };
    for (byte, version) in [(0x11, 1), (0x31, 3), (0x01, 0), (0xf1, 15)] {
        let header = binary(byte, 0x11, &IPV4);
        assert_eq!(is_known_at(&header, 12), BadProxyHeader::Version(version));
    }
    let header = binary(0x22, 0x11, &IPV4);
    assert_eq!(is_known_at(&header, 12), BadProxyHeader::Command(2));
    for family in [0x13, 0x41, 0xf0, 0x3f] {
        let header = binary(0x21, family, &IPV4);
        assert_eq!(is_known_at(&header, 13), BadProxyHeader::Family(family));
    }
    let longest = binary(0x20, 0, &vec![0; Header::MAX - 16]);
    assert_eq!(read(&longest), None);
    let longer = binary(0x20, 0, &vec![0; Header::MAX - 15]);
    assert_eq!(is_known_at(&longer, 15), BadProxyHeader::TooLong(4097));
    for (family, rest) in [(0x11, 11), (0x21, 35), (0x31, 215), (0x11, 0)] {
        let header = binary(0x21, family, &vec![0; rest]);
        assert_eq!(wrong(&header), BadProxyHeader::Addresses);
    }
}

#[test]
fn what_a_proxy_adds_is_kept() {
    let version = tlv(0x21, b"TLSv1.3");
    let tls = [
        &[7, 0, 0, 0, 0][..],
        &version,
        &tlv(0x22, b"client.test"),
        &tlv(0x23, b"AES"),
    ]
    .concat();
    let added = [
        tlv(0x01, b"h2"),
        tlv(0x02, b"example.org"),
        tlv(0x04, b"padding"),
        tlv(0x05, b"\0\x01unique"),
        tlv(0x20, &tls),
        tlv(0x30, b"blue"),
        tlv(0xe0, b""),
        tlv(0xe0, b"second"),
    ];
    let bytes = binary(0x21, 0x11, &[&IPV4[..], &added.concat()].concat());
    assert!(read(&bytes).is_some());
    let (header, _) = Header::read(&bytes)
        .expect("it is valid")
        .expect("it is whole");
    let tlvs = header.tlvs();
    assert_eq!(tlvs.len(), added.len());
    assert_eq!(tlvs.alpn(), Some(&b"h2"[..]));
    assert_eq!(tlvs.authority(), Some("example.org"));
    assert_eq!(tlvs.unique_id(), Some(&b"\0\x01unique"[..]));
    assert_eq!(tlvs.namespace(), Some("blue"));
    assert_eq!(tlvs.get(0xe0), Some(&b""[..]));
    assert_eq!(tlvs.get(0xe1), None);
    assert_eq!(tlvs.iter().last(), Some((0xe0, &b"second"[..])));
    let tls = tlvs.tls().expect("there is TLS");
    assert!(tls.is_verified());
    assert_eq!(tls.version(), Some("TLSv1.3"));
    assert_eq!(tls.common_name(), Some("client.test"));
    assert_eq!(tls.cipher(), Some("AES"));
}

#[test]
fn a_client_is_verified_only_by_a_certificate() {
    let tls = |client: u8, verify: u32| {
        let value = [&[client][..], &verify.to_be_bytes()].concat();
        let bytes = binary(0x21, 0x11, &[&IPV4[..], &tlv(0x20, &value)].concat());
        let (header, _) = Header::read(&bytes)
            .expect("it is valid")
            .expect("it is whole");
        header.tlvs().tls().map(|tls| tls.is_verified())
    };
    assert_eq!(tls(1, 0), Some(false), "it has shown none");
    assert_eq!(tls(1 | 2, 0), Some(true));
    assert_eq!(tls(1 | 4, 0), Some(true));
    assert_eq!(tls(1 | 2 | 4, 1), Some(false));
    assert_eq!(tls(2, 0), None, "it uses no TLS");
}

#[test]
fn a_list_that_is_not_one_is_refused() {
    for rest in [
        &b"\x01"[..],
        b"\x01\0",
        b"\x01\0\x01",
        b"\x01\0\0\x02",
        b"\x01\xff\xffx",
    ] {
        let header = binary(0x21, 0x11, &[&IPV4, rest].concat());
        assert_eq!(wrong(&header), BadProxyHeader::Tlvs);
    }
}

/// By another way than the library: a table.
fn crc32c(bytes: &[u8]) -> u32 {
    let table: Vec<u32> = (0..256)
        .map(|byte| (0..8).fold(byte, |crc, _| (crc >> 1) ^ (0x82f6_3b78 * (crc & 1))))
        .collect();
    let step = |crc: u32, byte: &u8| (crc >> 8) ^ table[usize::from(crc as u8 ^ byte)];
    !bytes.iter().fold(u32::MAX, step)
}

#[test]
fn a_checksum_has_to_be_that_of_the_whole_header() {
    assert_eq!(crc32c(b"123456789"), 0xe306_9283, "the known value");
    for before in [&b""[..], &tlv(0x05, b"id")] {
        let with = |sum: [u8; 4]| {
            let rest = [&IPV4[..], before, &tlv(0x03, &sum), &tlv(0x02, b"behind")].concat();
            binary(0x21, 0x11, &rest)
        };
        let good = with(crc32c(&with([0; 4])).to_be_bytes());
        assert!(read(&good).is_some());
        let kind = 16 + IPV4.len() + before.len();
        for at in (16..good.len()).filter(|at| *at != kind) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            let mistake = Header::read(&bad).expect_err("it was changed");
            let known = [BadProxyHeader::Checksum, BadProxyHeader::Tlvs];
            assert!(known.contains(&mistake), "at {at}: {mistake}");
        }
    }
    let short = binary(0x21, 0x11, &[&IPV4[..], &tlv(0x03, b"abc")].concat());
    assert_eq!(wrong(&short), BadProxyHeader::Checksum);
}
