//! A PROXY header in either version: whose connection it is, and what else the proxy says of it.

use super::bad_header::{BadProxyHeader, LONGEST};
use super::tlvs::Tlvs;
use super::{binary, text};
use crate::address::Address;

/// What stands before the bytes of a client whose connection a proxy passes on.
///
/// ```
/// use reactor::proxy_protocol::Header;
///
/// let bytes = b"PROXY TCP4 198.51.100.7 203.0.113.1 49152 443\r\nGET / HTTP/1.1\r\n";
/// let (header, length) = Header::read(bytes)?.expect("it is whole");
/// assert_eq!(header.source().unwrap().to_string(), "198.51.100.7:49152");
/// assert_eq!(header.destination().unwrap().to_string(), "203.0.113.1:443");
/// assert_eq!(&bytes[length..], b"GET / HTTP/1.1\r\n");
/// assert_eq!(Header::read(&bytes[..20])?, None); // more has to come
/// # Ok::<(), reactor::proxy_protocol::BadProxyHeader>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    addresses: Option<(Address, Address)>,
    tlvs: Tlvs,
}

impl Header {
    /// How long a header may be, in bytes. Proxies keep to 536 where they can, which is what the smallest packet
    /// holds; long names in certificates, and what clouds add, make some longer.
    pub const MAX: usize = LONGEST;

    /// Reads the header at the beginning of `bytes`, which may go on behind it. Returns it and its length, or `None`
    /// while more bytes have to come.
    ///
    /// As long as it returns `None`, all of `bytes` belong to the header.
    ///
    /// # Errors
    ///
    /// When `bytes` do not begin with a valid header, whatever comes next. Known as early as possible: at the first
    /// byte of most other protocols.
    pub fn read(bytes: &[u8]) -> Result<Option<(Self, usize)>, BadProxyHeader> {
        let begin_with = |signature: &[u8]| {
            let length = signature.len().min(bytes.len());
            bytes[..length] == signature[..length]
        };
        let whole = |(addresses, tlvs, length)| (Self { addresses, tlvs }, length);
        match () {
            () if begin_with(text::SIGNATURE) => {
                let read = text::read(bytes)?;
                Ok(read.map(|(addresses, length)| whole((addresses, Tlvs::default(), length))))
            }
            () if begin_with(binary::SIGNATURE) => Ok(binary::read(bytes)?.map(whole)),
            () => Err(BadProxyHeader::Missing),
        }
    }

    /// The client. Of a UNIX socket it is the name on the proxy's machine. `None` in a header without addresses, `LOCAL` or `UNKNOWN`: the connection is not passed on, but
    /// the proxy's own, a health check as a rule, or the proxy does not know whose it is.
    #[must_use]
    pub fn source(&self) -> Option<&Address> {
        self.addresses.as_ref().map(|(source, _)| source)
    }

    /// Where the client has connected to. There is one if there is a [`source`](Self::source).
    #[must_use]
    pub fn destination(&self) -> Option<&Address> {
        self.addresses.as_ref().map(|(_, destination)| destination)
    }

    /// What version 2 says besides. Always empty without addresses, and in version 1.
    #[must_use]
    pub fn tlvs(&self) -> &Tlvs {
        &self.tlvs
    }

    pub(crate) fn into_parts(self) -> (Option<(Address, Address)>, Tlvs) {
        (self.addresses, self.tlvs)
    }
}
