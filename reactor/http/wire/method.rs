//! What a request asks to be done.

use std::fmt;

/// The method of a request. Methods are case-sensitive, so `get` is none of them.
///
/// Source: RFC 9110, section 9; `PATCH`: RFC 5789.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// Send me this.
    Get,
    /// Send me what you would say about this, without the thing itself.
    Head,
    /// Take this, and do with it what you do.
    Post,
    /// Be this from now on.
    Put,
    /// Change in this way.
    Patch,
    /// Be gone.
    Delete,
    /// What may be asked of you?
    Options,
    /// Send back what you got.
    Trace,
    /// Connect me through.
    Connect,
}

impl Method {
    /// The method as it is written, or nothing for one that is not known here.
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
