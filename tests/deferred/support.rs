//! What the tests say often, in words.

#[path = "../support/log.rs"]
mod log;

use std::fmt;

use reactor::deferred::{Deferred, Failure};

pub(crate) use self::log::Log;

/// An error with a number, to be told apart from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) u32);

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "refused {}", self.0)
    }
}

impl std::error::Error for Refused {}

#[track_caller]
pub(crate) fn value_of<T: 'static>(deferred: Deferred<T>) -> T {
    match deferred.into_result() {
        Ok(Ok(value)) => value,
        Ok(Err(failure)) => panic!("failed: {failure:?}"),
        Err(deferred) => panic!("not fired: {deferred:?}"),
    }
}

#[track_caller]
pub(crate) fn failure_of<T: 'static>(deferred: Deferred<T>) -> Failure {
    match deferred.into_result() {
        Ok(Ok(_)) => panic!("has a value"),
        Ok(Err(failure)) => failure,
        Err(deferred) => panic!("not fired: {deferred:?}"),
    }
}

/// The result as text, with the failure's text or "waits".
pub(crate) fn state_of<T: fmt::Debug + 'static>(deferred: Deferred<T>) -> String {
    match deferred.into_result() {
        Ok(Ok(value)) => format!("{value:?}"),
        Ok(Err(failure)) => format!("failed: {failure}"),
        Err(_) => "waits".to_owned(),
    }
}
