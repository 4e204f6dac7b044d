//! What was probably meant by a place that is written as other programs take it: `1400`,
//! `127.0.0.1:1400`, `[::1]:1400`.

use std::net::IpAddr;

use crate::endpoints::description::Escaped;

/// A port, and perhaps a host before it.
pub(super) struct Place<'a> {
    host: Option<&'a str>,
    port: u16,
}

impl<'a> Place<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let text = text.strip_prefix("tcp:").unwrap_or(text);
        let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        // Another word may be a kind of endpoint that is not known here.
        let is_name = host == "localhost" || looks_like_a_name(host);
        let is_host = ["", "*"].contains(&host) || is_name || host.parse::<IpAddr>().is_ok();
        if !is_host || !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some(Self {
            host: Some(host).filter(|host| !["", "*"].contains(host)),
            port: port.parse().ok()?,
        })
    }

    pub(super) fn to_listen(&self) -> String {
        match self.host {
            None => format!("tcp:{}", self.port),
            Some(host) => format!("tcp:{}:interface={}", self.port, Escaped(host)),
        }
    }

    pub(super) fn to_connect(&self) -> String {
        let host = self.host.unwrap_or("127.0.0.1");
        format!("tcp:{}:{}", Escaped(host), self.port)
    }
}

fn looks_like_a_name(host: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    host.contains('.') && host.bytes().all(fits)
}
