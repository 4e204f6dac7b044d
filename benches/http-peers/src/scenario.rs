//! What is measured: the scenarios by name, and what each one asks for.

use std::fmt;
use std::str::FromStr;

use comparison::Comparison;

use crate::HttpPeers;
use crate::routes::Route;

/// How many connections there are where the name does not say.
const CONNECTIONS: usize = 64;

/// One kind of load. The names on the command line are those of [`fmt::Display`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// `keep-alive-N`: N connections, each with one request under way.
    KeepAlive(usize),
    /// `pipelined-N`: each connection sends N requests in one write and waits for all answers.
    Pipelined(usize),
    /// `close`: a connection for each request, which asks the server to close it.
    Close,
    /// `json`: as `keep-alive-64`, but the answer is made anew for each request.
    Json,
    /// `idle-N`: N connections that made one request and then say nothing.
    Idle(usize),
}

impl Scenario {
    pub(crate) fn route(self) -> Route {
        match self {
            Self::KeepAlive(_) | Self::Pipelined(_) | Self::Close | Self::Idle(_) => {
                Route::Plaintext
            }
            Self::Json => Route::Users,
        }
    }

    pub(crate) fn connections(self) -> usize {
        match self {
            Self::KeepAlive(connections) | Self::Idle(connections) => connections,
            Self::Pipelined(_) | Self::Close | Self::Json => CONNECTIONS,
        }
    }

    /// How many requests a connection sends before it waits for the answers.
    pub(crate) fn depth(self) -> usize {
        match self {
            Self::Pipelined(depth) => depth,
            Self::KeepAlive(_) | Self::Close | Self::Json | Self::Idle(_) => 1,
        }
    }

    /// Whether a connection is for one request only.
    pub(crate) fn closes(self) -> bool {
        matches!(self, Self::Close)
    }
}

impl comparison::Scenario for Scenario {
    fn program(self) -> &'static [&'static str] {
        &[]
    }

    fn counted(self) -> &'static str {
        match self {
            Self::KeepAlive(_) | Self::Pipelined(_) | Self::Close | Self::Json => "request",
            Self::Idle(_) => "connection",
        }
    }

    fn operations(self) -> &'static str {
        match self {
            Self::KeepAlive(_) | Self::Pipelined(_) | Self::Close | Self::Json => "requests",
            Self::Idle(_) => "connections",
        }
    }

    fn is_timed(self) -> bool {
        !matches!(self, Self::Idle(_))
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeepAlive(connections) => write!(formatter, "keep-alive-{connections}"),
            Self::Pipelined(depth) => write!(formatter, "pipelined-{depth}"),
            Self::Close => write!(formatter, "close"),
            Self::Json => write!(formatter, "json"),
            Self::Idle(connections) => write!(formatter, "idle-{connections}"),
        }
    }
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let counted = |prefix: &str| name.strip_prefix(prefix)?.parse().ok().filter(|&n| n > 0);
        match name {
            "close" => Ok(Self::Close),
            "json" => Ok(Self::Json),
            _ => counted("keep-alive-")
                .map(Self::KeepAlive)
                .or_else(|| counted("pipelined-").map(Self::Pipelined))
                .or_else(|| counted("idle-").map(Self::Idle))
                .ok_or_else(|| {
                    format!(
                        "no scenario is called `{name}`; there are {}",
                        HttpPeers::SCENARIOS
                    )
                }),
        }
    }
}
