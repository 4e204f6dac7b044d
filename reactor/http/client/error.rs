//! Why a request has no answer.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::http::wire::message_error::MessageError;
use crate::http::wire::status::Status;
use crate::reason::Reason;
use crate::visible::visible;

/// Why a request failed. Reached with [`Failure::check`](crate::Failure::check).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RequestError {
    /// The request cannot be sent, by the rules of HTTP. Nothing was sent.
    BadRequest(String),
    /// No connection could be made. Nothing was sent.
    NotConnected(Reason),
    /// The request's body failed, or is of another length than was said. What was sent of it is
    /// cut off: the connection was aborted.
    BadBody(String),
    /// The connection was lost before anything came back. The server may have seen the request.
    NoAnswer(Reason),
    /// The connection was lost in the middle of the answer.
    Broken(Reason),
    /// The server has sent what is no answer.
    Malformed(MessageError),
    /// It took too long: until there was a head, or between two pieces of the body.
    TimedOut(Duration),
    /// There were more redirects than were allowed.
    TooManyRedirects(usize),
    /// The answer is a redirect that leads nowhere.
    BadRedirect(String),
    /// The answer is a redirect that wants the body again, which was streamed and is gone.
    CannotRepeatBody,
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadRequest(what) => write!(f, "the request was not sent: {what}"),
            Self::BadBody(what) => write!(f, "the request was broken off: {what}"),
            Self::NotConnected(reason) => write!(f, "no connection: {reason}"),
            Self::NoAnswer(reason) => write!(f, "no answer: {reason}"),
            Self::Broken(reason) => write!(f, "the answer broke off: {reason}"),
            Self::Malformed(mistake) => write!(f, "the answer is malformed: {mistake}"),
            Self::TimedOut(after) => write!(f, "nothing was received for {after:?}"),
            Self::TooManyRedirects(limit) => write!(f, "more than {limit} redirects"),
            Self::BadRedirect(what) => write!(f, "the redirect leads nowhere: {what}"),
            Self::CannotRepeatBody => {
                write!(f, "the redirect wants the body again, which was streamed")
            }
        }
    }
}

impl Error for RequestError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotConnected(reason) | Self::NoAnswer(reason) | Self::Broken(reason) => {
                Some(reason)
            }
            Self::Malformed(mistake) => Some(mistake),
            Self::BadRequest(_)
            | Self::BadBody(_)
            | Self::TimedOut(_)
            | Self::TooManyRedirects(_)
            | Self::BadRedirect(_)
            | Self::CannotRepeatBody => None,
        }
    }
}

/// The answer has a status that was not hoped for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnexpectedStatus {
    /// The status.
    pub status: Status,
    /// The beginning of the body, at most 1 KiB of it, which may say why. It is as the server sent it;
    /// `Display` makes it [visible](crate::visible).
    pub body: String,
}

impl fmt::Display for UnexpectedStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status.to_string();
        write!(f, "the answer is {status}")?;
        match self.body.trim() {
            "" => Ok(()),
            // As servers say it that have nothing to add.
            body if body.eq_ignore_ascii_case(&status) => Ok(()),
            body => write!(f, ": {}", visible(body)),
        }
    }
}

impl Error for UnexpectedStatus {}
