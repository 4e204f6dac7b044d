//! What is wrong with bytes that are to be a PROXY header.

use std::error::Error;
use std::fmt;

/// How long a header may be: [`Header::MAX`](super::Header::MAX).
pub(super) const LONGEST: usize = 4096;

/// Bytes do not begin with a valid PROXY header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadProxyHeader {
    /// They begin with neither signature: what comes is no PROXY header.
    Missing,
    /// The line of version 1 does not end in CR and LF within 107 bytes.
    Line,
    /// The line of version 1 is not a family, two addresses and two ports with one space between each.
    Fields,
    /// The version in a binary header is not 2.
    Version(u8),
    /// The command in a binary header is neither `LOCAL` nor `PROXY`.
    Command(u8),
    /// The family or the transport in a binary header is unknown.
    Family(u8),
    /// A binary header is shorter than its addresses.
    Addresses,
    /// A binary header announces this many bytes, more than [`Header::MAX`](super::Header::MAX).
    TooLong(usize),
    /// What follows the addresses is not a list of types, lengths and values.
    Tlvs,
    /// The checksum is not that of the header.
    Checksum,
}

impl fmt::Display for BadProxyHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("there is no PROXY header"),
            Self::Line => f.write_str("the PROXY line does not end in CR and LF within 107 bytes"),
            Self::Fields => {
                f.write_str("the PROXY line has an invalid family, address, port or separator")
            }
            Self::Version(version) => write!(f, "the PROXY header has version {version}, not 2"),
            Self::Command(command) => {
                write!(f, "the PROXY header has the unknown command {command}")
            }
            Self::Family(family) => {
                write!(f, "the PROXY header has the unknown family {family:#04x}")
            }
            Self::Addresses => f.write_str("the PROXY header is too short for its addresses"),
            Self::TooLong(length) => {
                let most = LONGEST;
                write!(
                    f,
                    "the PROXY header has {length} bytes, at most {most} are taken"
                )
            }
            Self::Tlvs => f.write_str("the PROXY header has an invalid TLV"),
            Self::Checksum => f.write_str("the PROXY header has an invalid checksum"),
        }
    }
}

impl Error for BadProxyHeader {}
