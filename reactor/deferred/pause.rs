//! Holding a chain back although its result may be there.

use super::Location;
use super::chain::Deferred;
use super::loan::Passing;
use super::resolver::Resolver;

impl<T: 'static> Deferred<T> {
    /// Holds back what is added to the returned Deferred until the [`Pause`] is ended or dropped,
    /// and the result is there.
    ///
    /// Pauses add up: each has to end. Cancelling a chain that has its result and is paused fails
    /// it with [`Cancelled`](super::Cancelled) at once.
    #[must_use = "the chain goes on as soon as the Pause is dropped"]
    #[track_caller]
    pub fn pause(self) -> (Self, Pause) {
        let (resolver, gate) = Deferred::pending();
        let place = Location::caller();
        // The result rests in this closure, where no cancellation comes: what is cancelled is the gate,
        // whose failure then replaces the result.
        let wait = move |result| {
            let open = move |opened: Passing<()>| match opened {
                Ok(_) => Self::fired(result, place),
                Err(cancelled) => Self::fired(Err(cancelled), place),
            };
            gate.then(open, place)
        };
        let paused = self.then(wait, place);
        (
            paused,
            Pause {
                gate: Some(resolver),
            },
        )
    }
}

/// Holds a chain back for as long as it lives; see [`Deferred::pause`].
#[must_use = "the chain goes on as soon as the Pause is dropped"]
#[derive(Debug)]
pub struct Pause {
    gate: Option<Resolver<()>>,
}

impl Pause {
    /// Lets the chain go on, at once if its result is there. Dropping the pause does the same.
    pub fn unpause(self) {}
}

impl Drop for Pause {
    fn drop(&mut self) {
        if let Some(gate) = self.gate.take() {
            gate.callback(());
        }
    }
}
