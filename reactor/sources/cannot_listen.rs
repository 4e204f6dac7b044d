//! Why it was not possible to listen, and what to do about it.

use std::fmt;
use std::io;

/// The longest path of a UNIX socket that every system takes as it is, without the zero byte behind it.
const LONGEST_PATH: usize = 107;

/// Why it was not possible to listen at an address. Shown in either way, as `main` shows what it
/// returns, it is a sentence that says what to do.
pub struct CannotListen {
    address: String,
    source: io::Error,
}

impl CannotListen {
    pub(crate) fn at(address: String, source: io::Error) -> Self {
        Self { address, source }
    }

    /// The operating system's error.
    #[must_use]
    pub fn io_error(&self) -> &io::Error {
        &self.source
    }
}

impl fmt::Display for CannotListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on {}: {}", self.address, self.source)?;
        match self.advice() {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

impl CannotListen {
    fn advice(&self) -> Option<&'static str> {
        match self.address.strip_prefix("unix:") {
            Some(path) => advice_of_path(path, self.source.kind()),
            None => advice_of_port(self.source.kind()),
        }
    }
}

fn advice_of_port(kind: io::ErrorKind) -> Option<&'static str> {
    match kind {
        io::ErrorKind::AddrInUse => Some(
            "another program, or another copy of this one, listens there: stop it, or take another port",
        ),
        io::ErrorKind::AddrNotAvailable => Some("this machine does not have that address"),
        io::ErrorKind::PermissionDenied => {
            Some("ports below 1024 are not for every user: take another port")
        }
        io::ErrorKind::InvalidInput => {
            Some("an address has a host and a port, as 127.0.0.1:1400 and [::1]:1400 do")
        }
        _ => None,
    }
}

fn advice_of_path(path: &str, kind: io::ErrorKind) -> Option<&'static str> {
    match kind {
        io::ErrorKind::AddrInUse => Some(
            "another program, or another copy of this one, listens there: stop it, or take another path",
        ),
        io::ErrorKind::PermissionDenied => Some("this user may not make a file in that directory"),
        io::ErrorKind::InvalidInput if path.len() > LONGEST_PATH => {
            Some("a path has at most 107 bytes")
        }
        _ => None,
    }
}

impl fmt::Debug for CannotListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for CannotListen {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}
