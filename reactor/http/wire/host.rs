//! Which host and port a request is for: the `Host` header, and the authority of a URL.
//!
//! Source: RFC 9110, section 7.2; RFC 3986, section 3.2.

use std::net::Ipv6Addr;

/// Whether `text` is a host and perhaps a port: `example.org`, `127.0.0.1:8080`, `[::1]:80`.
///
/// User information, an empty host, and a port that is not a number up to 65,535 are refused: of
/// the first two RFC 9110 says so (sections 4.2.4 and 4.2.1).
pub(crate) fn is_host(text: &[u8]) -> bool {
    let (host, port) = split(text);
    let is_host = match host {
        [b'[', address @ .., b']'] => is_ipv6(address),
        name => is_name(name),
    };
    is_host && port.is_none_or(is_port)
}

/// The host, in its brackets if it has some, and the port behind the colon, if there is a colon.
pub(crate) fn split(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let end = |last: u8| text.iter().position(|byte| *byte == last);
    let host_end = match text.first() {
        Some(b'[') => end(b']').map_or(text.len(), |bracket| bracket + 1),
        _ => end(b':').unwrap_or(text.len()),
    };
    match text[host_end..].split_first() {
        Some((b':', port)) => (&text[..host_end], Some(port)),
        // What follows a bracket and is no port belongs to the host, and makes it a wrong one.
        Some(_) => (text, None),
        None => (text, None),
    }
}

fn is_ipv6(address: &[u8]) -> bool {
    std::str::from_utf8(address).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

/// An empty port is allowed, and means the scheme's: RFC 3986, section 3.2.3.
fn is_port(port: &[u8]) -> bool {
    let number = port.iter().try_fold(0_u32, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u32::from(byte - b'0'))?;
        Some(number * 10 + digit).filter(|number| *number <= 65_535)
    });
    number.is_some()
}

fn is_name(name: &[u8]) -> bool {
    let mut has_escapes = false;
    let is_name = name.iter().all(|byte| {
        // Escapes are rare; what they need is only done where one was seen.
        has_escapes |= *byte == b'%';
        IS_NAME_BYTE[usize::from(*byte)]
    });
    is_name && !name.is_empty() && (!has_escapes || has_valid_escapes(name))
}

/// `unreserved`, `sub-delims`, and the percent sign of an escape.
const IS_NAME_BYTE: [bool; 256] = {
    let mut table = [false; 256];
    let bytes = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=%";
    let mut index = 0;
    while index < bytes.len() {
        table[bytes[index] as usize] = true;
        index += 1;
    }
    table
};

/// Whether each percent sign is that of an escape.
pub(crate) fn has_valid_escapes(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'%')
        .skip(1)
        .all(|rest| rest.len() >= 2 && rest[..2].iter().all(u8::is_ascii_hexdigit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_and_perhaps_a_port() {
        for good in [
            "example.org",
            "a",
            "127.0.0.1",
            "127.0.0.1:8080",
            "[::1]",
            "[::1]:80",
            "host:",
            "h%41st",
            "under_score:65535",
        ] {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            ":80",
            "user@host",
            "host:8x",
            "[::1",
            "::1",
            "host?x",
            "host/x",
            "host#x",
            "a b",
            "[::1]x",
            "[]",
            "[::1]:8x",
            "host:65536",
            "host:+80",
            "host:80:80",
            "h%4",
            "h%zz",
            "h\\ost",
            "h\"ost",
            "a,b:x",
            "[v1.x]",
            "h\u{e9}",
        ] {
            assert!(!is_host(bad.as_bytes()), "{bad}");
        }
    }
}
