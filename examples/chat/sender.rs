//! Whether a request that changes something comes from a page of this server or from a program, and
//! not from a page of another site that somebody looks at too.
//!
//! A browser says whose page it was, with `Origin`, `Sec-Fetch-Site` or `Referer`, and a program says
//! none of them. What the body is called says nothing: a form of a foreign page may call it as it
//! likes. The chat's API and the dashboard share this file.

use std::net::IpAddr;

use reactor::http::Request;

/// The names, besides its addresses and `localhost`, by which this server is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OwnNames(Vec<String>);

impl OwnNames {
    pub(crate) fn add(&mut self, name: impl Into<String>) {
        self.0.push(name.into());
    }

    /// Refuses what a page of another site sends, with a reason.
    pub(crate) fn check_sender(&self, request: &Request) -> Result<(), String> {
        let host = request.host().unwrap_or_default();
        let name = name_of(host);
        let is_named = self.0.iter().any(|own| own.eq_ignore_ascii_case(name));
        // A name that leads here from elsewhere has the same origin as the pages of that name.
        if !is_named && !is_address(name) {
            return Err(format!(
                "{host} is neither an address nor localhost nor a --name of this server"
            ));
        }
        let foreign = || Err("pages of other sites may not do this".to_owned());
        let is_own = |origin: &str| match origin.split_once("://") {
            Some(("http", from)) => from.eq_ignore_ascii_case(host),
            // Before a server with a name there may be one that speaks TLS.
            Some(("https", from)) => is_named && from.eq_ignore_ascii_case(host),
            _ => false,
        };
        let (Ok(origin), Ok(site), Ok(referer)) = (
            single(request, "origin"),
            single(request, "sec-fetch-site"),
            single(request, "referer"),
        ) else {
            return foreign();
        };
        let is_foreign = origin.is_some_and(|origin| !is_own(origin))
            || site.is_some_and(|site| !["same-origin", "none"].contains(&site))
            || referer.is_some_and(|url| !is_own(origin_of(url)));
        if is_foreign { foreign() } else { Ok(()) }
    }
}

/// The value of a header that a browser sends once. Of two of them nobody knows which is its own.
fn single<'r>(request: &'r Request, name: &str) -> Result<Option<&'r str>, ()> {
    let mut values = request.headers().get_all_bytes(name);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => std::str::from_utf8(value).map(Some).map_err(|_| ()),
        (Some(_), Some(_)) => Err(()),
    }
}

/// A URL up to its path.
fn origin_of(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + "://".len());
    let end = url[host..].find(['/', '?', '#']);
    end.map_or(url, |end| &url[..host + end])
}

/// A host without its port.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn is_address(name: &str) -> bool {
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}
