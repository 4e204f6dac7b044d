//! What is done with the body of a request: decided once, before any of it is read, and without
//! looking at anything but what the head and the resource have said.

use crate::http::server::resource::Intake;
use crate::http::wire::framing::Framing;

/// What a head says of the body behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Announced {
    pub(super) framing: Framing,
    /// Whether the client holds the body back until it is asked for: `Expect: 100-continue`.
    pub(super) is_held_back: bool,
}

impl Announced {
    fn length(&self) -> Option<u64> {
        match self.framing {
            Framing::Length(length) => Some(length),
            Framing::None => Some(0),
            Framing::Chunked | Framing::UntilClose => None,
        }
    }
}

/// What is done with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyPlan {
    /// It is not read: the answer goes out at once, and the connection ends behind it.
    Refuse,
    /// It is read and dropped. Then the answer goes out, and the connection goes on.
    Discard,
    /// It is kept until it is whole, if it has at most `limit` bytes.
    Collect { limit: u64 },
    /// The resource gets it as it comes.
    Stream,
}

/// Decides. `intake` is how the resource wants the body, or `None` where the answer is known
/// without it; `usual` is the limit of a body for which its resource sets none.
pub(super) fn plan_body(intake: Option<Intake>, body: Announced, usual: u64) -> BodyPlan {
    let length = body.length();
    let limit = match intake {
        // A client that holds the body back has not begun to send, and what is long or of unknown
        // length costs more to read than a new connection costs the client. The rest is on its way
        // already: reading it keeps the connection, and closing on it could reset the answer away.
        None if body.is_held_back || length.is_none_or(|length| length > usual) => {
            return BodyPlan::Refuse;
        }
        None => return BodyPlan::Discard,
        Some(Intake::Stream) => return BodyPlan::Stream,
        Some(Intake::AtMost(limit)) => limit,
        Some(Intake::Memory) => usual,
    };
    match length {
        Some(length) if length > limit => BodyPlan::Refuse,
        // Memory is made for no more than was announced.
        Some(length) => BodyPlan::Collect { limit: length },
        None => BodyPlan::Collect { limit },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_where_that_is_wanted_or_cheaper_than_a_new_connection() {
        use BodyPlan::{Collect, Discard, Refuse, Stream};
        use Framing::{Chunked, Length};
        let memory = Some(Intake::Memory);
        let at_most = Some(Intake::AtMost(50));
        let stream = Some(Intake::Stream);
        // With a usual limit of 10 bytes; the last two columns: sent at once, held back.
        for (intake, framing, at_once, held_back) in [
            (None, Length(10), Discard, Refuse),
            (None, Length(11), Refuse, Refuse),
            (None, Chunked, Refuse, Refuse),
            (
                memory,
                Length(10),
                Collect { limit: 10 },
                Collect { limit: 10 },
            ),
            (
                memory,
                Length(3),
                Collect { limit: 3 },
                Collect { limit: 3 },
            ),
            (memory, Length(11), Refuse, Refuse),
            (
                memory,
                Chunked,
                Collect { limit: 10 },
                Collect { limit: 10 },
            ),
            (
                at_most,
                Length(11),
                Collect { limit: 11 },
                Collect { limit: 11 },
            ),
            (at_most, Length(51), Refuse, Refuse),
            (
                at_most,
                Chunked,
                Collect { limit: 50 },
                Collect { limit: 50 },
            ),
            (stream, Length(u64::MAX), Stream, Stream),
            (stream, Chunked, Stream, Stream),
        ] {
            for (is_held_back, expected) in [(false, at_once), (true, held_back)] {
                let body = Announced {
                    framing,
                    is_held_back,
                };
                assert_eq!(plan_body(intake, body, 10), expected, "{intake:?} {body:?}");
            }
        }
    }
}
