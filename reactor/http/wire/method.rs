//! What a request asks to be done.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

/// The method of a request. Methods are case-sensitive: `get` is not a known one.
///
/// ```
/// use reactor::http::Method;
///
/// assert_eq!("GET".parse(), Ok(Method::Get));
/// assert!("get".parse::<Method>().is_err());
/// ```
///
/// Source: RFC 9110, section 9; `PATCH`: RFC 5789.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Method {
    /// Transfers a representation of the resource.
    Get,
    /// As `GET`, without the body.
    Head,
    /// Lets the resource process the body, in its own way.
    Post,
    /// Replaces the resource by the body.
    Put,
    /// Changes the resource as the body describes.
    Patch,
    /// Removes the resource.
    Delete,
    /// Asks which methods and options the resource has.
    Options,
    /// Has the request sent back as it was received.
    Trace,
    /// Makes a tunnel to the target.
    Connect,
}

impl Method {
    /// The method of this name, or nothing if it is not known here.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "PATCH" => Self::Patch,
            "DELETE" => Self::Delete,
            "OPTIONS" => Self::Options,
            "TRACE" => Self::Trace,
            "CONNECT" => Self::Connect,
            _ => return None,
        })
    }

    /// The method as it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Trace => "TRACE",
            Self::Connect => "CONNECT",
        }
    }

    /// Whether asking changes nothing: RFC 9110, section 9.2.1.
    #[must_use]
    pub const fn is_safe(self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Options | Self::Trace)
    }

    /// Whether asking twice does the same as asking once: RFC 9110, section 9.2.2.
    #[must_use]
    pub const fn is_idempotent(self) -> bool {
        self.is_safe() || matches!(self, Self::Put | Self::Delete)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Method {
    type Err = UnknownMethod;

    fn from_str(name: &str) -> Result<Self, UnknownMethod> {
        Self::from_name(name).ok_or_else(|| UnknownMethod(name.to_owned()))
    }
}

/// A text is not the name of a known method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownMethod(String);

impl fmt::Display for UnknownMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown method: {:?}", self.0)
    }
}

impl Error for UnknownMethod {}
