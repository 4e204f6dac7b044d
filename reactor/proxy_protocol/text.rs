//! Version 1 of the PROXY header: one line.
//!
//! ```text
//! PROXY TCP4 198.51.100.7 203.0.113.1 49152 443\r\n
//! PROXY UNKNOWN\r\n                                   the proxy does not know, or checks our health
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use super::bad_header::BadProxyHeader;
use crate::address::Address;

pub(super) const SIGNATURE: &[u8] = b"PROXY ";

/// The longest line, with its end: section 2.1.
const LONGEST: usize = 107;

/// Source and destination, where they are known.
type Addresses = Option<(Address, Address)>;

/// Bytes that begin as [`SIGNATURE`] does: the addresses, and the length of the line.
pub(super) fn read(bytes: &[u8]) -> Result<Option<(Addresses, usize)>, BadProxyHeader> {
    let line = &bytes[..bytes.len().min(LONGEST)];
    let Some(end) = line.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
        return match line.len() {
            LONGEST => Err(BadProxyHeader::Line),
            _ => Ok(None),
        };
    };
    match &line[end..] {
        [b'\r', b'\n', ..] => {
            let addresses = fields(&line[SIGNATURE.len()..end]).ok_or(BadProxyHeader::Fields)?;
            Ok(Some((addresses, end + 2)))
        }
        [b'\r'] if line.len() < LONGEST => Ok(None),
        _ => Err(BadProxyHeader::Line),
    }
}

/// `None` if it is not a valid line.
fn fields(fields: &[u8]) -> Option<Addresses> {
    // What follows this word is to be ignored, and may be anything.
    if fields == b"UNKNOWN" || fields.starts_with(b"UNKNOWN ") {
        return Some(None);
    }
    let mut words = std::str::from_utf8(fields).ok()?.split(' ');
    let mut word = || words.next();
    let ip = match word()? {
        "TCP4" => ip::<Ipv4Addr>,
        "TCP6" => ip::<Ipv6Addr>,
        _ => return None,
    };
    let (source, destination) = (ip(word()?)?, ip(word()?)?);
    let (from, to) = (port(word()?)?, port(word()?)?);
    if word().is_some() {
        return None;
    }
    let address = |ip, port| Address::from(SocketAddr::new(ip, port));
    Some(Some((address(source, from), address(destination, to))))
}

/// `std` takes neither leading zeros in IPv4, which may be octal elsewhere, nor zones in IPv6.
fn ip<T: FromStr + Into<IpAddr>>(word: &str) -> Option<IpAddr> {
    word.parse::<T>().ok().map(T::into)
}

fn port(word: &str) -> Option<u16> {
    // `parse` would take a plus sign and leading zeros.
    let is_canonical = word == "0" || word.starts_with(|first| matches!(first, '1'..='9'));
    word.parse().ok().filter(|_| is_canonical)
}
