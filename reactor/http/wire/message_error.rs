//! What is wrong with a message, whose fault it is, and which status answers it.

use std::error::Error;
use std::fmt;

use crate::http::wire::status::Status;

/// Something in a message that breaks a rule or a limit. Always the fault of its sender.
///
/// As an answer it has [`status`](Self::status), and its text says what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageError {
    status: Status,
    what: &'static str,
}

impl MessageError {
    /// What breaks the grammar, or could be read in two ways: 400.
    pub(crate) const fn bad(what: &'static str) -> Self {
        Self::new(Status::BAD_REQUEST, what)
    }

    pub(crate) const fn new(status: Status, what: &'static str) -> Self {
        Self { status, what }
    }

    pub(crate) fn what(&self) -> &'static str {
        self.what
    }

    /// The status that answers it.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}

impl Error for MessageError {}
