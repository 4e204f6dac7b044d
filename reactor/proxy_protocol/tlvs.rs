//! What a proxy says of a connection besides its addresses: types, lengths and values.

use std::fmt;

const ALPN: u8 = 0x01;
const AUTHORITY: u8 = 0x02;
pub(super) const CRC32C: u8 = 0x03;
const UNIQUE_ID: u8 = 0x05;
const TLS: u8 = 0x20;
const TLS_VERSION: u8 = 0x21;
const TLS_COMMON_NAME: u8 = 0x22;
const TLS_CIPHER: u8 = 0x23;
const NAMESPACE: u8 = 0x30;

/// The values that a PROXY header of version 2 has behind its addresses, in their order.
///
/// Those that are registered have a method, the others are found by their type: sections 2.2.1 to 2.2.8 of the
/// specification.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Tlvs(Box<[u8]>);

impl Tlvs {
    /// `None` if `bytes` are no such list.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = split(rest)?.1;
        }
        Some(Self(bytes.into()))
    }

    /// Types and values.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &[u8])> {
        pairs(&self.0)
    }

    /// The first value of this type.
    #[must_use]
    pub fn get(&self, kind: u8) -> Option<&[u8]> {
        find(&self.0, kind)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The protocol that the client has negotiated with the proxy by ALPN: `h2`, `http/1.1`.
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        self.get(ALPN)
    }

    /// The host name that the client has asked the proxy for, by SNI where it uses TLS.
    #[must_use]
    pub fn authority(&self) -> Option<&str> {
        text(self.get(AUTHORITY))
    }

    /// The name that the proxy gives this connection, at most 128 bytes, by which its own log has it.
    #[must_use]
    pub fn unique_id(&self) -> Option<&[u8]> {
        self.get(UNIQUE_ID)
    }

    /// The network namespace in which the proxy has accepted the client.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        text(self.get(NAMESPACE))
    }

    /// What the proxy knows of the client's TLS, which ends at the proxy. `None` where it does not say, or says
    /// that the client uses none.
    #[must_use]
    pub fn tls(&self) -> Option<TlsOfClient<'_>> {
        let [client, a, b, c, d, rest @ ..] = self.get(TLS)? else {
            return None;
        };
        let tls = TlsOfClient {
            client: *client,
            verify: u32::from_be_bytes([*a, *b, *c, *d]),
            rest,
        };
        (client & TlsOfClient::SPEAKS_TLS != 0).then_some(tls)
    }
}

impl fmt::Debug for Tlvs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = self.iter();
        f.debug_map()
            .entries(pairs.map(|(kind, value)| (kind, value.escape_ascii().to_string())))
            .finish()
    }
}

/// The TLS between a client and the proxy; see [`Tlvs::tls`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsOfClient<'a> {
    client: u8,
    verify: u32,
    rest: &'a [u8],
}

impl<'a> TlsOfClient<'a> {
    const SPEAKS_TLS: u8 = 1;
    const CERTIFICATE_OF_CONNECTION: u8 = 2;
    const CERTIFICATE_OF_SESSION: u8 = 4;

    /// Whether the client has presented a certificate, now or earlier in its session, and the proxy has verified it.
    #[must_use]
    pub fn is_verified(self) -> bool {
        // Both, since proxies set the other field to zero where there was no certificate, too.
        let certificate = Self::CERTIFICATE_OF_CONNECTION | Self::CERTIFICATE_OF_SESSION;
        self.client & certificate != 0 && self.verify == 0
    }

    /// The name in the client's certificate, its common name.
    #[must_use]
    pub fn common_name(self) -> Option<&'a str> {
        text(self.get(TLS_COMMON_NAME))
    }

    /// The version of TLS: `TLSv1.3`.
    #[must_use]
    pub fn version(self) -> Option<&'a str> {
        text(self.get(TLS_VERSION))
    }

    /// The cipher: `TLS_AES_256_GCM_SHA384`.
    #[must_use]
    pub fn cipher(self) -> Option<&'a str> {
        text(self.get(TLS_CIPHER))
    }

    /// The first value of this type, among those that belong to TLS.
    #[must_use]
    pub fn get(self, kind: u8) -> Option<&'a [u8]> {
        find(self.rest, kind)
    }
}

fn text(value: Option<&[u8]>) -> Option<&str> {
    std::str::from_utf8(value?).ok()
}

/// A type and its value.
type Pair<'a> = (u8, &'a [u8]);

/// The first of a list, and the others. `None` if it is not whole.
fn split(bytes: &[u8]) -> Option<(Pair<'_>, &[u8])> {
    let [kind, high, low, rest @ ..] = bytes else {
        return None;
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let (value, others) = rest.split_at_checked(length)?;
    Some(((*kind, value), others))
}

fn pairs(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (pair, others) = split(bytes)?;
        bytes = others;
        Some(pair)
    })
}

fn find(bytes: &[u8], kind: u8) -> Option<&[u8]> {
    pairs(bytes)
        .find(|(k, _)| *k == kind)
        .map(|(_, value)| value)
}
