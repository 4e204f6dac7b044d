//! Where to send a request: `http://example.org:8080/users/?page=2`.

use std::fmt;

use iri_string::types::{UriReferenceStr, UriString};

use crate::http::host::is_host;

/// An absolute URL of the scheme `http` or `https`, in its normal form.
///
/// Source: RFC 3986; RFC 9110, section 4.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    text: UriString,
    secure: bool,
    host: String,
    port: u16,
}

/// A scheme, a host and a port: what a connection is made to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    pub(crate) secure: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Url {
    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// The text is no absolute URL, its scheme is another one, it has no host, or it has user
    /// information, which RFC 9110, section 4.2.4, forbids: a password does not belong where
    /// everybody logs it.
    pub fn parse(text: &str) -> Result<Self, BadUrl> {
        let wrong = |what: &str| BadUrl(format!("{text:?} is no URL to send a request to: {what}"));
        let text = UriString::try_from(text)
            .map_err(|_| wrong("it has to be like http://example.org/path"))?;
        let secure = match text.scheme_str() {
            scheme if scheme.eq_ignore_ascii_case("http") => false,
            scheme if scheme.eq_ignore_ascii_case("https") => true,
            _ => return Err(wrong("its scheme has to be http or https")),
        };
        let text = text.normalize().to_dedicated_string_or(&text);
        let parts = text.authority_components().ok_or(wrong("it has no host"))?;
        if parts.userinfo().is_some() {
            return Err(wrong("it must not have a user and a password"));
        }
        let host = parts.host().to_owned();
        let port = match parts.port().filter(|port| !port.is_empty()) {
            None if secure => 443,
            None => 80,
            Some(port) => port.parse().map_err(|_| wrong("its port is too large"))?,
        };
        if !is_host(host.as_bytes()) || port == 0 {
            return Err(wrong("its host is none"));
        }
        Ok(Self {
            secure,
            host,
            port,
            text,
        })
    }

    /// Where `reference`, which may be relative, leads from here. One without a fragment keeps this
    /// one's: RFC 9110, section 10.2.2.
    ///
    /// # Errors
    ///
    /// The reference is none, or leads to what is no URL for a request.
    pub fn join(&self, reference: &str) -> Result<Self, BadUrl> {
        let wrong = || BadUrl(format!("{reference:?} leads nowhere"));
        let reference = UriReferenceStr::new(reference).map_err(|_| wrong())?;
        let resolved = reference.resolve_against(self.text.to_absolute());
        let mut joined = resolved.to_string();
        if reference.fragment().is_none()
            && let Some(fragment) = self.text.fragment()
        {
            joined = format!("{joined}#{fragment}");
        }
        Self::parse(&joined)
    }

    /// The whole URL, in its normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.text.as_str()
    }

    /// Whether the scheme is `https`.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host, in brackets if it is an address of IPv6.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, which is the scheme's where none is given.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn origin(&self) -> Origin {
        Origin {
            secure: self.secure,
            host: self.host.to_ascii_lowercase(),
            port: self.port,
        }
    }

    /// What a request line says: path and query.
    pub(crate) fn target(&self) -> String {
        let path = match self.text.path_str() {
            "" => "/",
            path => path,
        };
        match self.text.query_str() {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        }
    }

    /// What a `Host` header says.
    pub(crate) fn host_and_port(&self) -> String {
        match (self.secure, self.port) {
            (false, 80) | (true, 443) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }
}

impl Origin {
    /// The host as a resolver wants it: without brackets.
    pub(crate) fn name(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }
}

/// The normal form of a URL, or the URL where it has none.
trait ToDedicatedStringOr {
    fn to_dedicated_string_or(&self, other: &UriString) -> UriString;
}

impl<T: fmt::Display> ToDedicatedStringOr for T {
    fn to_dedicated_string_or(&self, other: &UriString) -> UriString {
        UriString::try_from(self.to_string()).unwrap_or_else(|_| other.clone())
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Url {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        Self::parse(text)
    }
}

/// A text is no URL that a request could be sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadUrl(String);

impl fmt::Display for BadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadUrl {}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    #[test]
    fn a_url_says_where_to_connect_and_what_to_ask_for() {
        for (text, host, port, target, header) in [
            ("http://a", "a", 80, "/", "a"),
            ("http://A.b:8080?q=1", "a.b", 8080, "/?q=1", "a.b:8080"),
            ("https://a/x/../y#f", "a", 443, "/y", "a"),
            ("https://a:80/", "a", 80, "/", "a:80"),
            ("http://[::1]:7/%7Ea", "[::1]", 7, "/~a", "[::1]:7"),
            ("HTTP://a:80/b", "a", 80, "/b", "a"),
        ] {
            let url = url(text);
            assert_eq!((url.host(), url.port()), (host, port), "{text}");
            assert_eq!(url.target(), target, "{text}");
            assert_eq!(url.host_and_port(), header, "{text}");
        }
        assert_eq!(url("http://[::1]/").origin().name(), "::1");
    }

    #[test]
    fn what_is_no_url_for_a_request_is_refused() {
        for text in [
            "",
            "/a",
            "a",
            "a.b/c",
            "ftp://a/",
            "http://",
            "http:///a",
            "http:a",
            "http://u:p@a/",
            "http://u@a/",
            "http://a:99999/",
            "http://a:0/",
            "http://a b/",
            "http://a/ b",
            "http://a/\r\nX: y",
            "http://é/",
            "mailto:a@b",
            "http://[::1/",
        ] {
            assert!(Url::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_reference_is_resolved_against_the_url_that_it_came_from() {
        let base = url("http://a/b/c/d?q#f");
        for (reference, to) in [
            ("g", "http://a/b/c/g#f"),
            ("../g", "http://a/b/g#f"),
            ("../../../g", "http://a/g#f"),
            ("/g", "http://a/g#f"),
            ("//g", "http://g#f"),
            ("//g/h", "http://g/h#f"),
            ("?y", "http://a/b/c/d?y#f"),
            ("", "http://a/b/c/d?q#f"),
            ("g#s", "http://a/b/c/g#s"),
            ("https://x/y", "https://x/y#f"),
        ] {
            assert_eq!(base.join(reference).expect("a URL"), url(to), "{reference}");
        }
        assert!(base.join("ftp://a/").is_err());
        assert!(base.join("a b").is_err());
    }
}
