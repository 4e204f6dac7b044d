//! Where to send a request: `http://example.org:8080/users/?page=2`.
//!
//! People and servers write URLs with spaces, brackets and letters of all languages in them. What
//! the WHATWG URL standard escapes is escaped here, and what it leaves as it is stays, so that a
//! server sees the same target as from a browser. What is not encoding is stricter: no control
//! characters, no user information, and nothing left out between the scheme and the host.

use std::fmt;

use percent_encoding::utf8_percent_encode;

use crate::http::client::authority::{Origin, read_authority};
use crate::http::client::escaping::{FRAGMENT, PATH, QUERY, SEGMENT, normal, without_dots};

/// An absolute URL of the scheme `http` or `https`, in its normal form.
///
/// What must not be in a URL is escaped, so that `/café au lait` is `/caf%C3%A9%20au%20lait`. A host
/// beyond ASCII becomes the name that is looked up for it, as `bücher.example` becomes
/// `xn--bcher-kva.example`; this needs the feature `idn`, which the feature `tls` brings along.
///
/// Source: RFC 3986; RFC 9110, section 4.2; for what is escaped, the
/// [URL standard](https://url.spec.whatwg.org/#percent-encoded-bytes), section 1.3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    text: String,
    secure: bool,
    host: String,
    port: u16,
    /// Where in the text the path begins.
    path: usize,
    /// Where in the text the query ends, and the fragment begins, if there is one.
    fragment: usize,
}

impl Url {
    /// Reads a URL. Spaces around it are dropped.
    ///
    /// # Errors
    ///
    /// The text is no absolute URL, its scheme is another one, it has no host, or it has user
    /// information, which RFC 9110, section 4.2.4, forbids: a password does not belong where
    /// everybody logs it. A control character, a line end included, is refused wherever it is. The
    /// error names the character that is invalid, where one is.
    pub fn parse(text: &str) -> Result<Self, BadUrl> {
        Self::read(text)
            .map_err(|why| BadUrl(format!("{text:?} is no URL to send a request to: {why}")))
    }

    /// Where `reference`, which may be relative, leads from here. One without a fragment keeps this
    /// one's: RFC 9110, section 10.2.2.
    ///
    /// # Errors
    ///
    /// The reference leads to what is no URL for a request, as for [`parse`](Self::parse).
    pub fn join(&self, reference: &str) -> Result<Self, BadUrl> {
        let mut text = self.resolve(&with_slashes(reference.trim_matches(' ')));
        if !text.contains('#') {
            text.push_str(&self.text[self.fragment..]);
        }
        Self::read(&text).map_err(|why| BadUrl(format!("{reference:?} leads nowhere: {why}")))
    }

    /// This URL with segments behind its path, and without query and fragment. Each segment is
    /// escaped as a whole, so that a name from elsewhere stays one segment:
    ///
    /// ```
    /// use reactor::http::Url;
    ///
    /// let api = Url::parse("http://example.org/api")?;
    /// let orgs = api.with_segments(["users", "a/b?", "orgs"])?;
    /// assert_eq!(orgs.as_str(), "http://example.org/api/users/a%2Fb%3F/orgs");
    /// assert!(api.with_segments(["users", "..", "orgs"]).is_err());
    /// # Ok::<(), reactor::http::BadUrl>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A segment is `.` or `..`, which mean another path however they are escaped.
    pub fn with_segments<'s>(
        &self,
        segments: impl IntoIterator<Item = &'s str>,
    ) -> Result<Self, BadUrl> {
        let path = self.target().split('?').next().unwrap_or_default();
        let mut text = format!("{}{path}", &self.text[..self.path]);
        for segment in segments {
            if matches!(segment, "." | "..") {
                return Err(BadUrl(format!("{segment:?} is not the name of anything")));
            }
            if !text.ends_with('/') {
                text.push('/');
            }
            text.extend(utf8_percent_encode(segment, SEGMENT));
        }
        Self::parse(&text)
    }

    /// RFC 3986, section 5.2.2. Dots in the path are left to the reader of the result.
    fn resolve(&self, reference: &str) -> String {
        let (base, path_and_query) = (&self.text[..self.path], self.target());
        let path = path_and_query.split('?').next().unwrap_or_default();
        match reference.as_bytes() {
            _ if scheme(reference).is_some() => reference.to_owned(),
            [b'/', b'/', ..] => format!("{}:{reference}", self.scheme()),
            [b'/', ..] => format!("{base}{reference}"),
            [b'?', ..] => format!("{base}{path}{reference}"),
            [] | [b'#', ..] => format!("{base}{path_and_query}{reference}"),
            _ => {
                let folder = path.rfind('/').map_or("/", |end| &path[..=end]);
                format!("{base}{folder}{reference}")
            }
        }
    }

    /// Parses a URL, or returns why it is invalid.
    fn read(text: &str) -> Result<Self, String> {
        let text = with_slashes(text.trim_matches(' '));
        if let Some(control) = text.chars().find(char::is_ascii_control) {
            return Err(format!("it has the control character {control:?}"));
        }
        let scheme = scheme(&text).ok_or("it has to be like http://example.org/path")?;
        let secure = match scheme {
            _ if scheme.eq_ignore_ascii_case("http") => false,
            _ if scheme.eq_ignore_ascii_case("https") => true,
            _ => return Err("its scheme has to be http or https".to_owned()),
        };
        let rest = text[scheme.len()..].strip_prefix("://");
        let (rest, fragment) = cut(rest.ok_or("it has no host")?, '#');
        let (rest, query) = cut(rest, '?');
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = read_authority(authority)?;
        let mut url = Self {
            text: String::new(),
            secure,
            host,
            port: port.unwrap_or(if secure { 443 } else { 80 }),
            path: 0,
            fragment: 0,
        };
        url.write(path, query, fragment);
        Ok(url)
    }

    /// Writes the text of a URL whose host and port are known.
    fn write(&mut self, path: &str, query: Option<&str>, fragment: Option<&str>) {
        self.text = format!("{}://{}", self.scheme(), self.host);
        if !matches!((self.secure, self.port), (false, 80) | (true, 443)) {
            self.text.push_str(&format!(":{}", self.port));
        }
        self.path = self.text.len();
        self.text.push_str(&normal(&without_dots(path), PATH));
        if let Some(query) = query {
            self.text.extend(["?", &normal(query, QUERY)]);
        }
        self.fragment = self.text.len();
        if let Some(fragment) = fragment {
            self.text.extend(["#", &normal(fragment, FRAGMENT)]);
        }
    }

    fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    /// The whole URL, in its normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the scheme is `https`.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host as it is looked up, in lower case, and in brackets if it is an address of IPv6.
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
            host: self.host.clone(),
            port: self.port,
        }
    }

    /// What a request line says: path and query.
    pub(crate) fn target(&self) -> &str {
        &self.text[self.path..self.fragment]
    }

    /// What a `Host` header says.
    pub(crate) fn host_and_port(&self) -> &str {
        &self.text[self.scheme().len() + "://".len()..self.path]
    }
}

/// The scheme that a text begins with, if it does.
fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once(':')?;
    let is_of_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic());
    (is_scheme && scheme.bytes().all(is_of_scheme)).then_some(scheme)
}

/// A backslash before the query is a slash, as browsers read it: URL standard, section 4.4.
fn with_slashes(text: &str) -> String {
    let (before, rest) = text.split_at(text.find(['?', '#']).unwrap_or(text.len()));
    before.replace('\\', "/") + rest
}

/// What is before a mark, and what is behind it, if it is there.
fn cut(text: &str, mark: char) -> (&str, Option<&str>) {
    match text.split_once(mark) {
        Some((before, behind)) => (before, Some(behind)),
        None => (text, None),
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
            "http://a:+80/",
            "http://a b/",
            "http://a%20b/",
            "http://a%2fb/",
            "http://a%/",
            "http://%5B::1%5D/",
            "http://u%40a@b/",
            "http://a%40b/",
            "http://a|b/",
            "http://a/\r\nX: y",
            "http://a/\tb",
            "http://a/#\n",
            "http://a/\n",
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
        assert_eq!(
            base.join("a b").expect("a URL"),
            url("http://a/b/c/a%20b#f")
        );
        for reference in [
            "ftp://a/",
            "//u@b/",
            "//u:p@b/",
            "/\\u@b/",
            "a\r\nX: y",
            "a\n",
            "\r",
        ] {
            assert!(base.join(reference).is_err(), "{reference:?}");
        }
    }

    #[test]
    fn what_browsers_escape_is_escaped_and_the_rest_is_sent_as_it_is() {
        for (text, normal) in [
            ("http://a/b c", "http://a/b%20c"),
            (" http://a/b ", "http://a/b"),
            ("http://a/é?é#é", "http://a/%C3%A9?%C3%A9#%C3%A9"),
            ("http://a/{x}|[y]^`", "http://a/%7Bx%7D|[y]%5E%60"),
            ("http://a/?a[]={1}|^`\\'", "http://a/?a[]={1}|^`\\%27"),
            ("http://a/\"<>'", "http://a/%22%3C%3E'"),
            ("http://a/?\"<>", "http://a/?%22%3C%3E"),
            ("http://a/#\"<>`{#", "http://a/#%22%3C%3E%60{#"),
            ("http://a/b\\c?d\\e", "http://a/b/c?d\\e"),
            ("http://a/%7e%2f%E9", "http://a/~%2F%E9"),
            ("http://a/100%", "http://a/100%"),
            ("http://a/%zz?%zz", "http://a/%zz?%zz"),
            ("http://a/%%34%31", "http://a/%%34%31"),
            ("http://a/b/%2e%2E/c/%2e", "http://a/c/"),
            ("http://a/%/b/%2e%2e/c/..", "http://a/%/"),
            ("http://a", "http://a/"),
            ("http://a?", "http://a/?"),
            ("https://A:443/#", "https://a/#"),
        ] {
            let read = url(text);
            assert_eq!(read.as_str(), normal, "{text}");
            assert_eq!(url(read.as_str()), read, "{text}: once more");
        }
    }

    #[test]
    #[cfg(feature = "idn")]
    fn a_host_in_any_script_is_the_name_that_is_looked_up() {
        for (text, host) in [
            ("http://bücher.example/", "xn--bcher-kva.example"),
            ("http://B\u{dc}CHER.example/", "xn--bcher-kva.example"),
            ("http://bu\u{308}cher.example/", "xn--bcher-kva.example"),
            ("http://b%C3%BCcher.example/", "xn--bcher-kva.example"),
            ("http://例え。jp:8080/", "xn--r8jz45g.jp"),
            ("http://faß.example/", "xn--fa-hia.example"),
            ("http://１２７.0.0.1/", "127.0.0.1"),
        ] {
            assert_eq!(url(text).host(), host, "{text}");
        }
        let base = url("http://a/");
        assert_eq!(base.join("//é/").expect("a URL").host(), "xn--9ca");
        // These become a slash, a colon and nothing, where a name ends or is missing.
        for text in [
            "http://a\u{2100}b/",
            "http://a\u{ff1a}80/",
            "http://\u{ad}/",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_error_names_what_is_invalid() {
        for (text, said) in [
            ("http://a b/", "the invalid character ' '"),
            ("http://a/\u{7}", "the control character '\\u{7}'"),
            (
                "http://a:x/",
                "its port is not a number from 1 to 65535: \"x\"",
            ),
            ("http://a^/", "the invalid character '^'"),
            ("ftp://a/", "its scheme has to be http or https"),
        ] {
            let error = Url::parse(text).expect_err("no URL").to_string();
            assert!(error.contains(said), "{error}");
        }
        #[cfg(not(feature = "idn"))]
        {
            let error = Url::parse("http://bücher.example/").expect_err("no URL");
            let said = "'ü', which needs the feature `idn`";
            assert!(error.to_string().contains(said), "{error}");
        }
    }
}
