//! Where a URL leads: the host as it is looked up, and the port.

use percent_encoding::percent_decode_str;

use crate::http::client::idn;
use crate::http::wire::host::{is_host, split};

/// A scheme, a host and a port: what a connection is made to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    pub(crate) secure: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Origin {
    /// The host as a resolver wants it: without brackets.
    pub(crate) fn name(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }
}

/// The host as it is looked up, and the port, if one is given.
pub(super) fn read_authority(authority: &str) -> Result<(String, Option<u16>), String> {
    if authority.contains('@') {
        return Err("it must not have a user and a password".to_owned());
    }
    let (host, port) = split(authority.as_bytes());
    let text = |bytes| String::from_utf8_lossy(bytes);
    let host = read_host(&text(host))?;
    let port = text(port.unwrap_or_default());
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse::<u16>() {
        _ if port.is_empty() => Ok((host, None)),
        Ok(port @ 1..) if is_number => Ok((host, Some(port))),
        _ => Err(format!(
            "its port is not a number from 1 to 65535: {port:?}"
        )),
    }
}

fn read_host(host: &str) -> Result<String, String> {
    if host.is_empty() {
        return Err("it has no host".to_owned());
    }
    let decoded = percent_decode_str(host).decode_utf8();
    let decoded = decoded.map_err(|_| format!("its host is not UTF-8: {host:?}"))?;
    let name = if decoded.is_ascii() {
        decoded.to_ascii_lowercase()
    } else {
        idn::to_ascii(&decoded)?
    };
    let is_address = host.starts_with('[');
    let is_invalid = |character: &char| {
        matches!(character, '%' | ':') || !is_host(character.encode_utf8(&mut [0; 4]).as_bytes())
    };
    match name.chars().find(is_invalid) {
        Some(character) if !is_address => Err(format!(
            "its host has the invalid character {character:?}: {name:?}"
        )),
        _ if is_host(name.as_bytes()) => Ok(name),
        _ => Err(format!("its host is not a name or an address: {name:?}")),
    }
}
