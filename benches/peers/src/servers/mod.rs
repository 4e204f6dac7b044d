//! The servers that are compared, each in its own file: the same programs, an echo, one of datagrams, and a chat.
//!
//! All run on one thread. A chat sends each line to everybody but the one who wrote it.

use std::str::FromStr;

use comparison::Result;

mod mio;
#[cfg(feature = "ours")]
mod ours;
mod raw;
mod tokio;

/// Runs a server until it is killed.
pub(crate) type Run = fn(Mode) -> Result<()>;

/// All that this program was built with. The first is what the others are compared with.
pub(crate) const BUILT: &[(&str, Run)] = &[
    ("raw", raw::run),
    ("mio", mio::run),
    ("tokio", tokio::run),
    #[cfg(feature = "ours")]
    ("ours", ours::run),
    #[cfg(feature = "ours")]
    ("observed", ours::run_observed),
];

/// Which of the programs to run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mode {
    Echo,
    Udp,
    Chat,
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "echo" => Ok(Self::Echo),
            "udp" => Ok(Self::Udp),
            "chat" => Ok(Self::Chat),
            _ => Err(format!(
                "no server mode is called `{name}`; there are echo, udp and chat"
            )),
        }
    }
}

pub(crate) fn run(server: &str, program: &[&str]) -> Result<()> {
    let [mode] = program else {
        return Err(
            "a server wants to know whether it is an echo, of datagrams or not, or a chat".into(),
        );
    };
    let run = BUILT.iter().find(|(name, _)| *name == server);
    let (_, run) = run.ok_or_else(|| format!("no server is called `{server}`"))?;
    run(mode.parse()?)
}
