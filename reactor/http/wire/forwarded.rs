//! What proxies write into a request of whom they were asked by: `Forwarded`, and the elder `X-Forwarded-For`.
//!
//! ```text
//!   Forwarded: for=198.51.100.7;proto=https;host=example.org, for="[2001:db8::2]:4711"
//!              └ written by the outermost proxy               └ by the next one, of the first
//! ```
//!
//! Each proxy appends to what it was sent, and the first of them was sent it by a client that may write anything. So lists are
//! read from the right, as far as they are believed: nothing that is further left, an open quote for example, can
//! change what an element means.
//!
//! Source: RFC 7239.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Whom a proxy was asked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// A port of zero is not known.
    Address(SocketAddr),
    /// The proxy does not know, or does not say: `unknown`, or a name that begins with `_`.
    Hidden,
}

/// One element of `Forwarded`: what one proxy says of the request that it was sent.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Element<'a> {
    pub(crate) node: Option<Node>,
    pub(crate) proto: Option<Cow<'a, str>>,
    pub(crate) host: Option<Cow<'a, str>>,
}

impl<'a> Element<'a> {
    /// `None` if it is malformed. Parameters that are not known are ignored, RFC 7239, section 5.5.
    pub(crate) fn parse(text: &'a [u8]) -> Option<Self> {
        let mut element = Self::default();
        let mut has_by = false;
        for pair in from_right(text, b';') {
            let equals = pair.iter().position(|byte| *byte == b'=')?;
            let (name, value) = (&pair[..equals], value(&pair[equals + 1..])?);
            let is_named = |known: &[u8]| name.eq_ignore_ascii_case(known);
            // Section 4: none occurs more than once.
            let is_first = match () {
                () if is_named(b"for") => element.node.replace(node(&value)?).is_none(),
                () if is_named(b"proto") => element.proto.replace(value).is_none(),
                () if is_named(b"host") => element.host.replace(value).is_none(),
                () if is_named(b"by") => !std::mem::replace(&mut has_by, true),
                () => !name.is_empty(),
            };
            if !is_first {
                return None;
            }
        }
        Some(element)
    }
}

/// The parts of a list, from the right, without those that are empty. Separators in quotes are none.
pub(crate) fn from_right(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    let parts = std::iter::from_fn(move || {
        let text = rest?;
        let at = last_separator(text, separator);
        rest = at.map(|at| &text[..at]);
        Some(text[at.map_or(0, |at| at + 1)..].trim_ascii())
    });
    parts.filter(|part| !part.is_empty())
}

fn last_separator(text: &[u8], separator: u8) -> Option<usize> {
    let mut is_quoted = false;
    for (at, byte) in text.iter().enumerate().rev() {
        if *byte == b'"' {
            let escapes = text[..at].iter().rev().take_while(|byte| **byte == b'\\');
            // From the right the first quote closes, and the one that opens has no backslash.
            is_quoted = !is_quoted || escapes.count() % 2 == 1;
        } else if *byte == separator && !is_quoted {
            return Some(at);
        }
    }
    None
}

/// A token or a quoted string. What is no token but cannot mean anything else is taken, since proxies write
/// addresses and ports without quotes.
fn value(text: &[u8]) -> Option<Cow<'_, str>> {
    let text = std::str::from_utf8(text)
        .ok()
        .filter(|text| text.is_ascii())?;
    let Some(quoted) = text.strip_prefix('"') else {
        let is_plain = |byte: u8| matches!(byte, b'!'..=b'~') && byte != b'"' && byte != b'\\';
        let is_value = !text.is_empty() && text.bytes().all(is_plain);
        return is_value.then_some(Cow::Borrowed(text));
    };
    let inner = quoted.strip_suffix('"')?;
    if !inner.contains(['"', '\\']) {
        return Some(Cow::Borrowed(inner));
    }
    let mut unescaped = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        unescaped.push(match character {
            '\\' => characters.next()?,
            '"' => return None,
            other => other,
        });
    }
    Some(Cow::Owned(unescaped))
}

/// Section 6: an address, in brackets for IPv6, or a name that hides it; and perhaps a port.
pub(crate) fn node(text: &str) -> Option<Node> {
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (ip, behind) = rest.split_once(']')?;
            let ip = IpAddr::from(ip.parse::<Ipv6Addr>().ok()?);
            let port = match behind.is_empty() {
                true => None,
                false => Some(behind.strip_prefix(':')?),
            };
            return Some(Node::Address(SocketAddr::new(ip, number(port)?)));
        }
        None => match text.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        },
    };
    let port = number(port)?;
    if name.eq_ignore_ascii_case("unknown") || is_obfuscated(name) {
        return Some(Node::Hidden);
    }
    let ip = IpAddr::V4(name.parse().ok()?);
    Some(Node::Address(SocketAddr::new(ip, port)))
}

/// An element of `X-Forwarded-For`, where IPv6 has no brackets as a rule.
pub(crate) fn bare_node(text: &[u8]) -> Option<Node> {
    let text = std::str::from_utf8(text).ok()?;
    match text.parse::<Ipv6Addr>() {
        Ok(ip) => Some(Node::Address(SocketAddr::new(ip.into(), 0))),
        Err(_) => node(text),
    }
}

/// Zero where there is no port, or an obfuscated one.
fn number(port: Option<&str>) -> Option<u16> {
    match port {
        None => Some(0),
        Some(name) if is_obfuscated(name) => Some(0),
        Some(digits) => {
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|_| is_number)
        }
    }
}

/// Section 6.3.
fn is_obfuscated(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    name.strip_prefix('_')
        .is_some_and(|name| !name.is_empty() && name.bytes().all(fits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<&str> {
        let parts = from_right(text.as_bytes(), b',');
        parts
            .map(|part| std::str::from_utf8(part).expect("text"))
            .collect()
    }

    #[test]
    fn a_list_is_taken_apart_from_the_right() {
        assert_eq!(parts("a, b ,c"), ["c", "b", "a"]);
        assert_eq!(parts(",a,, b,"), ["b", "a"]);
        assert_eq!(parts(r#"a="x,y", b"#), ["b", r#"a="x,y""#]);
        assert_eq!(parts(r#"a="x\",y", b="\\""#), [r#"b="\\""#, r#"a="x\",y""#]);
        assert!(parts("").is_empty());
    }

    #[test]
    fn what_is_further_left_does_not_change_an_element() {
        let ours = r#"for="[2001:db8::2]:4711";by="_a,b""#;
        for theirs in [
            r#"for=""#,
            r#"for="\"#,
            r#"""#,
            r#"\"#,
            r#"a="b\""#,
            "\"\"\"",
            ",",
            ";",
        ] {
            let list = format!("{theirs}, {ours}");
            assert_eq!(parts(&list)[0], ours, "{list}");
        }
    }

    fn address(text: &str) -> Option<Node> {
        Some(Node::Address(text.parse().expect("an address")))
    }

    #[test]
    fn a_node_is_an_address_or_hides_it() {
        for (text, expected) in [
            ("192.0.2.43", address("192.0.2.43:0")),
            ("192.0.2.43:47011", address("192.0.2.43:47011")),
            ("[2001:db8:cafe::17]", address("[2001:db8:cafe::17]:0")),
            (
                "[2001:db8:cafe::17]:4711",
                address("[2001:db8:cafe::17]:4711"),
            ),
            ("192.0.2.43:_port", address("192.0.2.43:0")),
            ("unknown", Some(Node::Hidden)),
            ("Unknown:80", Some(Node::Hidden)),
            ("_hidden", Some(Node::Hidden)),
            ("_SEVKISEK", Some(Node::Hidden)),
            ("_a.b-c_d:_e", Some(Node::Hidden)),
        ] {
            assert_eq!(node(text), expected, "{text}");
        }
        for text in [
            "",
            "_",
            "example.org",
            "1.2.3",
            "1.2.3.4:",
            "1.2.3.4:x",
            "1.2.3.4:65536",
            "1.2.3.4:+1",
            "2001:db8::17",
            "[::1",
            "[::1]x",
            "[::1]:",
            "[1.2.3.4]",
            "_a b",
            "unknown:",
            ":80",
            "01.2.3.4",
        ] {
            assert_eq!(node(text), None, "{text}");
        }
        assert_eq!(bare_node(b"2001:db8::17"), address("[2001:db8::17]:0"));
        assert_eq!(bare_node(b"[::1]:80"), address("[::1]:80"));
        assert_eq!(bare_node(b"1.2.3.4:80"), address("1.2.3.4:80"));
        assert_eq!(bare_node(b"\xff"), None);
    }

    #[test]
    fn an_element_has_parameters_in_any_order_and_case_each_once() {
        let parse = |text: &'static str| Element::parse(text.as_bytes());
        let element = |text| parse(text).unwrap_or_else(|| panic!("{text} is valid"));
        let whole = element(r#"For="[::1]:80";PROTO=https ; host="a\.b:80";by=_x;ext="\"""#);
        assert_eq!(whole.node, address("[::1]:80"));
        assert_eq!(whole.proto.as_deref(), Some("https"));
        assert_eq!(whole.host.as_deref(), Some("a.b:80"));
        assert_eq!(element("for=1.2.3.4:5").node, address("1.2.3.4:5"));
        assert_eq!(element("proto=http").node, None);
        for text in [
            "for",
            "for=",
            "for=x",
            "=1.2.3.4",
            "for=1.2.3.4;for=1.2.3.4",
            "by=_a;by=_a",
            "proto=a;Proto=b",
            r#"for="1.2.3.4"#,
            r#"for=1.2.3.4""#,
            r#"for="1.2.3.4"x"#,
            r#"host="a"b""#,
            "host=a b",
            "host=é",
            r#"host="a\"#,
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
