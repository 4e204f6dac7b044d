//! The client behind proxies that a site trusts, by what they have written into its request.
//!
//! ```text
//!   client ──▶ proxy A ──▶ proxy B ──▶ site         X-Forwarded-For: (anything), client, A
//!                                                                                  ◀── read from here
//!   the peer is B, trusted; it was asked by A, trusted; which was asked by the client, who is not
//! ```
//!
//! What a client that is not trusted has written itself is never looked at. Where an element is malformed, the walk ends:
//! the client is the last one that was named before it, which is a proxy of ours, and so nobody is taken for somebody else.

use std::net::SocketAddr;

use crate::address::Address;
use crate::http::wire::forwarded::{Element, Node, bare_node, from_right};
use crate::http::wire::head::RequestHead;
use crate::http::wire::host::is_host;
use crate::http::wire::message_error::MessageError;
use crate::network::Network;
use crate::transport::Transport;

/// How many proxies a request may have come through. More are not looked at.
const MOST_PROXIES: usize = 32;

/// What trusted proxies say of a request.
#[derive(Debug, Default)]
pub(crate) struct Origin {
    /// The client, where it is not the peer.
    pub(crate) client: Option<Address>,
    pub(crate) scheme: Option<&'static str>,
    pub(crate) host: Option<Box<str>>,
}

/// Two headers say two things: one of them was written by the client.
#[derive(Debug)]
pub(crate) struct Ambiguous;

/// The answer to that.
pub(crate) const AMBIGUOUS: MessageError =
    MessageError::bad("Forwarded and X-Forwarded-For name different clients");

/// What the peer, if it is trusted, says of a request.
#[cold]
pub(crate) fn origin(
    trusted: &[Network],
    transport: &Transport,
    head: &RequestHead,
) -> Result<Option<Box<Origin>>, Ambiguous> {
    let is_trusted = match transport.peer_addr().socket_addr() {
        Some(peer) => trusted.iter().any(|network| network.contains(peer.ip())),
        // Who may connect over a UNIX socket, its permissions decide. Those of a socket on another machine, which a
        // PROXY header may name, are not ours.
        None => transport.proxied().is_none(),
    };
    if !is_trusted {
        return Ok(None);
    }
    let lines = |name| Lines::of(head, name);
    let forwarded = lines("forwarded");
    let x = XForwarded {
        clients: lines("x-forwarded-for"),
        protos: lines("x-forwarded-proto"),
        hosts: lines("x-forwarded-host"),
    };
    let origin = match (forwarded.is_empty(), x.is_empty()) {
        (true, true) => return Ok(None),
        (false, true) => by_forwarded(trusted, &forwarded),
        (true, false) => x.origin(trusted),
        (false, false) => both(by_forwarded(trusted, &forwarded), &x.origin(trusted))?,
    };
    Ok(Some(Box::new(origin)))
}

/// A proxy writes one kind and may pass on what a client has written of the other. Which one it writes is not known here, so
/// only that holds which both say.
fn both(forwarded: Origin, x: &Origin) -> Result<Origin, Ambiguous> {
    let ip = |origin: &Origin| Some(origin.client.as_ref()?.socket_addr()?.ip());
    if ip(&forwarded) != ip(x) {
        return Err(Ambiguous);
    }
    Ok(Origin {
        client: forwarded.client,
        scheme: forwarded.scheme.filter(|scheme| x.scheme == Some(scheme)),
        host: forwarded.host.filter(|host| x.host.as_ref() == Some(host)),
    })
}

impl Origin {
    /// The client, where it is not the peer.
    pub(crate) fn client(origin: &Result<Option<Box<Self>>, Ambiguous>) -> Option<&Address> {
        origin.as_ref().ok()?.as_deref()?.client.as_ref()
    }

    /// Goes one proxy further. Returns whether the one behind it is believed, too.
    fn note(&mut self, trusted: &[Network], node: Option<Node>) -> bool {
        let Some(Node::Address(address)) = node else {
            return false;
        };
        let client = Address::from(address);
        let ip = client.socket_addr().map(|address: SocketAddr| address.ip());
        self.client = Some(client);
        ip.is_some_and(|ip| trusted.iter().any(|network| network.contains(ip)))
    }
}

fn by_forwarded(trusted: &[Network], lines: &Lines<'_>) -> Origin {
    let mut origin = Origin::default();
    for element in lines.elements().take(MOST_PROXIES) {
        let Some(element) = Element::parse(element) else {
            break;
        };
        // The outermost proxy that says it has seen what the client has asked for.
        origin.scheme = element.proto.as_deref().and_then(scheme).or(origin.scheme);
        let host = element.host.filter(|host| is_host(host.as_bytes()));
        origin.host = host.map(Into::into).or(origin.host);
        if !origin.note(trusted, element.node) {
            break;
        }
    }
    origin
}

/// The lines of the elder kind, a header for each value.
struct XForwarded<'a> {
    clients: Lines<'a>,
    protos: Lines<'a>,
    hosts: Lines<'a>,
}

impl XForwarded<'_> {
    fn is_empty(&self) -> bool {
        self.clients.is_empty() && self.protos.is_empty() && self.hosts.is_empty()
    }

    fn origin(&self, trusted: &[Network]) -> Origin {
        let mut origin = Origin::default();
        let mut proxies = 0;
        for client in self.clients.elements().take(MOST_PROXIES) {
            let node = bare_node(client);
            proxies += usize::from(node.is_some());
            if !origin.note(trusted, node) {
                break;
            }
        }
        let outermost = proxies.saturating_sub(1);
        let (proto, host) = (
            self.value(&self.protos, outermost),
            self.value(&self.hosts, outermost),
        );
        origin.scheme = proto.and_then(scheme);
        origin.host = host.filter(|host| is_host(host.as_bytes())).map(Into::into);
        origin
    }

    /// The value of the outermost proxy: the one that there is, or the one in the same place as that proxy's client. In a
    /// list of any other length it is not known who has written what.
    fn value<'a>(&self, lines: &Lines<'a>, outermost: usize) -> Option<&'a str> {
        let at = match lines.elements().count() {
            1 => 0,
            count if count == self.clients.elements().count() => outermost,
            _ => return None,
        };
        std::str::from_utf8(lines.elements().nth(at)?).ok()
    }
}

/// The values of all lines of one name, which are one list: RFC 9110, section 5.3.
struct Lines<'a>(Vec<&'a [u8]>);

impl<'a> Lines<'a> {
    fn of(head: &'a RequestHead, name: &str) -> Self {
        let lines = head.fields().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        Self(lines.map(|(_, value)| value).collect())
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn elements(&self) -> impl Iterator<Item = &'a [u8]> {
        let lines = self.0.iter().rev();
        lines.flat_map(|line| from_right(line, b','))
    }
}

fn scheme(proto: &str) -> Option<&'static str> {
    let known = ["http", "https"].into_iter();
    known
        .into_iter()
        .find(|scheme| proto.eq_ignore_ascii_case(scheme))
}
