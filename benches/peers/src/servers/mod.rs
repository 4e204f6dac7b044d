//! The servers that are compared, each in its own file: the same two programs, an echo and a chat.
//!
//! All run on one thread. A chat sends each line to everybody but the one who wrote it.

use std::fmt;
use std::io::Write;
use std::net::SocketAddr;
use std::str::FromStr;

use crate::Result;

mod mio;
#[cfg(feature = "ours")]
mod ours;
mod raw;
mod tokio;

/// How many bytes a shared read buffer holds, in the servers that have one.
const READ_BUFFER: usize = 64 * 1024;

/// What a server is built on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Raw,
    Mio,
    Tokio,
    #[cfg(feature = "ours")]
    Ours,
}

impl Kind {
    /// All that this program was built with. The first is what the others are compared with.
    pub(crate) const BUILT: &[Self] = &[
        Self::Raw,
        Self::Mio,
        Self::Tokio,
        #[cfg(feature = "ours")]
        Self::Ours,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Mio => "mio",
            Self::Tokio => "tokio",
            #[cfg(feature = "ours")]
            Self::Ours => "ours",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if name == "ours" && cfg!(not(feature = "ours")) {
            return Err("`ours` is not built: add `--features ours`".to_owned());
        }
        let kind = Self::BUILT.iter().copied().find(|kind| kind.name() == name);
        kind.ok_or_else(|| {
            format!("no server is called `{name}`; there are raw, mio, tokio and ours")
        })
    }
}

/// Which of the two programs to run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mode {
    Echo,
    Chat,
}

impl fmt::Display for Mode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Echo => "echo",
            Self::Chat => "chat",
        })
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "echo" => Ok(Self::Echo),
            "chat" => Ok(Self::Chat),
            _ => Err(format!(
                "no server mode is called `{name}`; there are echo and chat"
            )),
        }
    }
}

/// Runs a server until it is killed.
pub(crate) fn run(kind: &str, mode: &str) -> Result<()> {
    let mode = mode.parse()?;
    match kind.parse()? {
        Kind::Raw => raw::run(mode),
        Kind::Mio => mio::run(mode),
        Kind::Tokio => tokio::run(mode),
        #[cfg(feature = "ours")]
        Kind::Ours => ours::run(mode),
    }
}

/// Tells the driver where the server is, as the first and only line.
fn announce(address: SocketAddr) -> Result<()> {
    let mut output = std::io::stdout();
    writeln!(output, "{}", address.port())?;
    Ok(output.flush()?)
}
