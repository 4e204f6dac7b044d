//! What is measured: the scenarios by name, and how each one's figures read.

use std::fmt;
use std::str::FromStr;

use crate::Peers;
use comparison::Comparison;

/// One kind of load. The names on the command line are those of [`fmt::Display`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// `echo-N`: N connections, each with one 64-byte message under way.
    Echo(usize),
    /// `udp-N`: N sockets, each with one 64-byte datagram under way, to one socket of the server.
    Udp(usize),
    /// `bulk`: a few connections that keep a window of bytes under way.
    Bulk,
    /// `fan-out-N`: a few people talk, N others and they themselves listen.
    FanOut(usize),
    /// `churn`: connect, echo once, close.
    Churn,
    /// `idle-N`: N connections that echoed once and then say nothing.
    Idle(usize),
}

impl comparison::Scenario for Scenario {
    fn program(self) -> &'static [&'static str] {
        match self {
            Self::Echo(_) | Self::Bulk | Self::Churn | Self::Idle(_) => &["echo"],
            Self::Udp(_) => &["udp"],
            Self::FanOut(_) => &["chat"],
        }
    }

    fn counted(self) -> &'static str {
        match self {
            Self::Echo(_) => "message",
            Self::Udp(_) => "datagram",
            Self::Bulk => "byte",
            Self::FanOut(_) => "delivery",
            Self::Churn | Self::Idle(_) => "connection",
        }
    }

    fn operations(self) -> &'static str {
        match self {
            Self::Echo(_) => "messages",
            Self::Udp(_) => "datagrams",
            Self::Bulk => "MB",
            Self::FanOut(_) => "deliveries",
            Self::Churn | Self::Idle(_) => "connections",
        }
    }

    fn counted_an_operation(self) -> f64 {
        match self {
            Self::Bulk => 1_000_000.0,
            Self::Echo(_) | Self::Udp(_) | Self::FanOut(_) | Self::Churn | Self::Idle(_) => 1.0,
        }
    }

    fn is_timed(self) -> bool {
        !matches!(self, Self::Idle(_))
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Echo(connections) => write!(formatter, "echo-{connections}"),
            Self::Udp(sockets) => write!(formatter, "udp-{sockets}"),
            Self::Bulk => write!(formatter, "bulk"),
            Self::FanOut(receivers) => write!(formatter, "fan-out-{receivers}"),
            Self::Churn => write!(formatter, "churn"),
            Self::Idle(connections) => write!(formatter, "idle-{connections}"),
        }
    }
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let counted = |prefix: &str| name.strip_prefix(prefix)?.parse().ok().filter(|&n| n > 0);
        match name {
            "bulk" => Ok(Self::Bulk),
            "churn" => Ok(Self::Churn),
            _ => counted("echo-")
                .map(Self::Echo)
                .or_else(|| counted("udp-").map(Self::Udp))
                .or_else(|| counted("fan-out-").map(Self::FanOut))
                .or_else(|| counted("idle-").map(Self::Idle))
                .ok_or_else(|| {
                    format!(
                        "no scenario is called `{name}`; there are {}",
                        Peers::SCENARIOS
                    )
                }),
        }
    }
}
