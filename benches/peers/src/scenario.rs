//! What is measured: the scenarios by name, and how each one's figures read.

use std::fmt;
use std::str::FromStr;

use crate::servers::Mode;

/// One kind of load. The names on the command line are those of [`fmt::Display`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// `echo-N`: N connections, each with one 64-byte message under way.
    Echo(usize),
    /// `bulk`: a few connections that keep a window of bytes under way.
    Bulk,
    /// `fan-out-N`: a few people talk, N others and they themselves listen.
    FanOut(usize),
    /// `churn`: connect, echo once, close.
    Churn,
    /// `idle-N`: N connections that echoed once and then say nothing.
    Idle(usize),
}

impl Scenario {
    /// Which of the two programs a server runs for this scenario.
    pub(crate) fn mode(self) -> Mode {
        match self {
            Self::Echo(_) | Self::Bulk | Self::Churn | Self::Idle(_) => Mode::Echo,
            Self::FanOut(_) => Mode::Chat,
        }
    }

    /// What one operation is called in a table.
    pub(crate) fn operation(self) -> &'static str {
        match self {
            Self::Echo(_) => "message",
            Self::Bulk => "MB",
            Self::FanOut(_) => "delivery",
            Self::Churn | Self::Idle(_) => "connection",
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Echo(connections) => write!(formatter, "echo-{connections}"),
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
                .or_else(|| counted("fan-out-").map(Self::FanOut))
                .or_else(|| counted("idle-").map(Self::Idle))
                .ok_or_else(|| {
                    format!("no scenario is called `{name}`; there are echo-N, bulk, fan-out-N, churn and idle-N")
                }),
        }
    }
}
