//! Version 2 of the PROXY header: 16 bytes, then as many as they announce.
//!
//! ```text
//!  0 .. 12   the signature
//!  12        version (2), command: LOCAL or PROXY        4 bits each
//!  13        family: none, IPv4, IPv6, UNIX; transport    4 bits each
//!  14 .. 16  how many bytes follow
//!  16 ..     source and destination: 12 bytes for IPv4, 36 for IPv6, 216 for UNIX
//!    ..      TLVs: a type, a length of two bytes, a value
//! ```

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use super::bad_header::{BadProxyHeader, LONGEST};
use super::tlvs::{CRC32C, Tlvs};
use crate::address::{Address, UnixAddress};

pub(super) const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The bytes that each header has.
const FIXED: usize = 16;

const LOCAL: u8 = 0;
const PROXY: u8 = 1;

const UNSPECIFIED: u8 = 0;
const IPV4: u8 = 1;
const IPV6: u8 = 2;
const UNIX: u8 = 3;

/// What a UNIX address has room for: the `sun_path` of Linux.
const UNIX_PATH: usize = 108;

/// Source and destination, where they are known.
type Addresses = Option<(Address, Address)>;

/// Bytes that begin as [`SIGNATURE`] does: the addresses, what is said besides, and the length of the header.
pub(super) fn read(bytes: &[u8]) -> Result<Option<(Addresses, Tlvs, usize)>, BadProxyHeader> {
    let (version, command) = nibbles(bytes.get(12)).unwrap_or((2, LOCAL));
    if version != 2 {
        return Err(BadProxyHeader::Version(version));
    }
    if command > PROXY {
        return Err(BadProxyHeader::Command(command));
    }
    let (family, transport) = nibbles(bytes.get(13)).unwrap_or_default();
    // Of a connection of its own the proxy says nothing that counts.
    if command == PROXY && (family > UNIX || transport > 2) {
        return Err(BadProxyHeader::Family(family << 4 | transport));
    }
    let Some(&[high, low]) = bytes.get(14..FIXED) else {
        return Ok(None);
    };
    let length = FIXED + usize::from(u16::from_be_bytes([high, low]));
    if length > LONGEST {
        return Err(BadProxyHeader::TooLong(length));
    }
    let Some(header) = bytes.get(..length) else {
        return Ok(None);
    };
    // An unspecified transport leaves the meaning of the addresses open, as an unspecified family does.
    let (addresses, tlvs) = match (command, family, transport) {
        (LOCAL, ..) | (_, UNSPECIFIED, _) | (.., UNSPECIFIED) => (None, Tlvs::default()),
        _ => passed_on(header, family)?,
    };
    Ok(Some((addresses, tlvs, length)))
}

/// The transport is not looked at: a client of a proxy that turns datagrams into a stream is the client all the same.
fn passed_on(header: &[u8], family: u8) -> Result<(Addresses, Tlvs), BadProxyHeader> {
    let mut rest = &header[FIXED..];
    let addresses = match family {
        IPV4 => ip_addresses::<4>(&mut rest),
        IPV6 => ip_addresses::<16>(&mut rest),
        _ => unix_addresses(&mut rest),
    };
    let addresses = addresses.ok_or(BadProxyHeader::Addresses)?;
    let tlvs = Tlvs::read(rest).ok_or(BadProxyHeader::Tlvs)?;
    check(header, header.len() - rest.len(), &tlvs)?;
    Ok((Some(addresses), tlvs))
}

fn nibbles(byte: Option<&u8>) -> Option<(u8, u8)> {
    byte.map(|byte| (byte >> 4, byte & 15))
}

/// Takes the first bytes off.
fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, left) = rest.split_first_chunk()?;
    *rest = left;
    Some(*taken)
}

fn ip_addresses<const N: usize>(rest: &mut &[u8]) -> Option<(Address, Address)>
where
    IpAddr: From<[u8; N]>,
{
    let (source, destination) = (take::<N>(rest)?, take::<N>(rest)?);
    let (from, to) = (take(rest)?, take(rest)?);
    let address =
        |ip, port| Address::from(SocketAddr::new(IpAddr::from(ip), u16::from_be_bytes(port)));
    Some((address(source, from), address(destination, to)))
}

fn unix_addresses(rest: &mut &[u8]) -> Option<(Address, Address)> {
    let (source, destination) = (take::<UNIX_PATH>(rest)?, take::<UNIX_PATH>(rest)?);
    Some((unix_address(&source), unix_address(&destination)))
}

/// A path ends at its first zero, and an abstract name, which begins with one, is filled up with them.
fn unix_address(path: &[u8; UNIX_PATH]) -> Address {
    let end = path.iter().rposition(|byte| *byte != 0);
    Address::Unix(match (path[0], end) {
        (_, None) => UnixAddress::Unnamed,
        (0, Some(end)) => UnixAddress::Abstract(path[1..=end].into()),
        (_, Some(_)) => {
            let path = path.split(|byte| *byte == 0).next().unwrap_or_default();
            // A name on the proxy's machine, where there is no file of ours: what is no UTF-8 is only to be shown.
            UnixAddress::Path(String::from_utf8_lossy(path).into_owned().into())
        }
    })
}

/// Section 2.2.3: the checksum, where there is one, is that of the header with zeros in its place.
fn check(header: &[u8], tlvs_begin: usize, tlvs: &Tlvs) -> Result<(), BadProxyHeader> {
    let mut at = tlvs_begin;
    for (kind, value) in tlvs.iter() {
        at += 3;
        let place = at..at + value.len();
        at = place.end;
        if kind != CRC32C {
            continue;
        }
        let stated = <[u8; 4]>::try_from(value).map_err(|_| BadProxyHeader::Checksum)?;
        if u32::from_be_bytes(stated) != crc32c_without(header, place) {
            return Err(BadProxyHeader::Checksum);
        }
    }
    Ok(())
}

/// The CRC of RFC 9260, appendix A, of `bytes` with zeros at `place`. Bit by bit, since a table would be longer than
/// the header.
fn crc32c_without(bytes: &[u8], place: Range<usize>) -> u32 {
    let mut crc = u32::MAX;
    for (at, byte) in bytes.iter().enumerate() {
        let byte = if place.contains(&at) { 0 } else { *byte };
        crc ^= u32::from(byte);
        for _ in 0..8 {
            let divides = crc & 1 == 1;
            crc >>= 1;
            if divides {
                crc ^= 0x82f6_3b78;
            }
        }
    }
    !crc
}
