//! What is called later: what the timers of a loop hold, and what its queue does.

use std::panic::Location;

use super::table::Token;
use crate::contained::Contained;

/// What the timers of a loop hold. The timer of a source is a token, which costs no box.
pub(super) enum Due {
    /// A consumer's call.
    Call {
        call: Contained<Box<dyn NamedCall>>,
        place: &'static Location<'static>,
    },
    /// The timer of a source.
    Source(Token),
    /// The lame-duck time of a stop is over.
    LameDuck,
    /// The grace of a stop is over.
    Grace,
}

/// A closure that knows the name of its type.
pub(super) trait NamedCall {
    fn name(&self) -> &'static str;
    fn call(self: Box<Self>);
}

impl<F: FnOnce()> NamedCall for F {
    fn name(&self) -> &'static str {
        std::any::type_name::<F>()
    }

    fn call(self: Box<Self>) {
        self();
    }
}

pub(super) struct QueuedCall {
    pub(super) call: Contained<Box<dyn NamedCall>>,
    pub(super) place: &'static Location<'static>,
}
