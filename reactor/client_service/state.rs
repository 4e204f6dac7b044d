//! What a service is doing, what moves it from one state to the next, and what has to be done then.
//!
//! Everything that affects the way of a service is in this file, and nothing in it touches a loop.
//!
//! ```text
//!            start               made              ready
//!  New ───────────▶ Connecting ───────▶ Preparing ───────▶ Connected
//!                    ▲   ▲  │ failed        │ failed           │ lost
//!                    │   │  ▼               ▼                  ▼
//!                    │   └─ Waiting ◀──────────────────────────┘
//!                    │ due      │
//!                    │          │ stop        lost, failed
//!                    │          └────────────────▶ Stopped ──start──▶ Connecting
//!  Connecting, Preparing, Connected ──stop──▶ Stopping ──▲
//!                    │                        │    ▲
//!                    │ lost, failed     start ▼    │ stop
//!                    └──────────────────── Restarting
//! ```
//!
//! A service has at most one attempt or one connection at any time: it leaves `Stopping` and `Restarting`
//! only when that is gone.

use self::Action::{Announce, Cancel, Connect, Fail, Finish, Lose, Nothing, Prepare, Wait};
use self::State::{Connected, Connecting, New, Preparing, Restarting, Stopped, Stopping, Waiting};

/// What a service is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It was not started yet.
    New,
    /// An attempt to connect is under way.
    Connecting,
    /// There is a connection, and the hook that prepares it has not fired.
    Preparing,
    Connected,
    /// The next attempt is due later.
    Waiting,
    /// It was asked to stop, and the attempt or the connection is not gone yet.
    Stopping,
    /// As `Stopping`, and it was started again meanwhile.
    Restarting,
    Stopped,
}

/// What moves a service from one state to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// `start`.
    Start,
    /// `stop`.
    Stop,
    /// The loop stops, which ends connections in its own way.
    Shutdown,
    /// The attempt has succeeded.
    Made,
    /// The connection is prepared.
    Ready,
    /// The attempt has failed, or the preparation has, and the connection is gone.
    Failed,
    /// The same, and it was the last failure that is allowed.
    GaveUp,
    /// A connection that was prepared is lost, or one that is not wanted any more.
    Lost,
    /// The wait is over.
    Due,
}

/// What has to be done at a change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Nothing,
    /// Begin an attempt.
    Connect,
    /// Give the attempt up.
    Cancel,
    /// Call the hook.
    Prepare,
    /// Fire the Deferreds of those who wait for a connection.
    Announce,
    /// Set the timer for the next attempt.
    Wait,
    /// Close the connection.
    Lose,
    /// Nothing is left: fire the Deferreds of the end.
    Finish,
    /// Nothing is left: fail them.
    Fail,
}

impl State {
    /// The table. A row that is not there changes nothing.
    pub(super) fn on(self, event: Event) -> (Self, Action) {
        match (self, event) {
            (New | Stopped, Event::Start) => (Connecting, Connect),
            (New, Event::Stop) => (Stopped, Finish),

            (Connecting, Event::Made) => (Preparing, Prepare),
            (Connecting | Preparing, Event::Failed) => (Waiting, Wait),
            (Connecting | Preparing, Event::GaveUp) => (Stopped, Fail),
            (Preparing, Event::Ready) => (Connected, Announce),
            (Connected, Event::Lost) => (Waiting, Wait),
            (Waiting, Event::Due) => (Connecting, Connect),

            (Connecting, Event::Stop | Event::Shutdown) => (Stopping, Cancel),
            (Preparing | Connected, Event::Stop) => (Stopping, Lose),
            // Not `Lose`: the loop's stop calls `shutdown_requested`, and the protocol says how it ends.
            (Preparing | Connected, Event::Shutdown) => (Stopping, Nothing),
            (Waiting, Event::Stop | Event::Shutdown) => (Stopped, Finish),

            // It succeeded before it could be given up.
            (Stopping | Restarting, Event::Made) => (self, Lose),
            (Stopping, Event::Failed | Event::GaveUp | Event::Lost) => (Stopped, Finish),
            (Stopping, Event::Start) => (Restarting, Nothing),
            (Restarting, Event::Stop | Event::Shutdown) => (Stopping, Nothing),
            (Restarting, Event::Failed | Event::GaveUp | Event::Lost) => (Connecting, Connect),

            (state, _) => (state, Nothing),
        }
    }

    /// Whether those who wait for a connection wait in vain.
    pub(super) fn is_ending(self) -> bool {
        matches!(self, Stopping | Stopped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [State; 8] = [
        New, Connecting, Preparing, Connected, Waiting, Stopping, Restarting, Stopped,
    ];
    const EVENTS: [Event; 9] = [
        Event::Start,
        Event::Stop,
        Event::Shutdown,
        Event::Made,
        Event::Ready,
        Event::Failed,
        Event::GaveUp,
        Event::Lost,
        Event::Due,
    ];

    /// What a service holds, as the loop would see it.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    struct Held {
        attempt: bool,
        connection: bool,
        timer: bool,
    }

    /// What can happen while this is held. Calls of the program may come at any time.
    fn is_possible(event: Event, held: Held, state: State) -> bool {
        match event {
            Event::Start | Event::Stop | Event::Shutdown => true,
            Event::Made => held.attempt,
            Event::Failed | Event::GaveUp => held.attempt || held.connection && state == Preparing,
            Event::Ready => held.connection,
            Event::Lost => held.connection && state != Preparing, // which is `Failed` there
            Event::Due => held.timer,
        }
    }

    fn after(held: Held, event: Event, action: Action) -> Held {
        let mut held = held;
        match event {
            Event::Made => (held.attempt, held.connection) = (false, true),
            Event::Failed | Event::GaveUp | Event::Lost => held = Held::default(),
            Event::Due => held.timer = false,
            Event::Start | Event::Stop | Event::Shutdown | Event::Ready => {}
        }
        match action {
            Connect => held.attempt = true,
            Wait => held.timer = true,
            Finish | Fail => held.timer = false, // the timer is cancelled there
            Nothing | Cancel | Prepare | Announce | Lose => {}
        }
        held
    }

    /// All that can be reached, from the beginning on.
    fn reachable() -> Vec<(State, Held)> {
        let mut seen = vec![(New, Held::default())];
        let mut at = 0;
        while let Some(&(state, held)) = seen.get(at) {
            at += 1;
            for event in EVENTS.into_iter().filter(|e| is_possible(*e, held, state)) {
                let (next, action) = state.on(event);
                let next = (next, after(held, event, action));
                if !seen.contains(&next) {
                    seen.push(next);
                }
            }
        }
        seen
    }

    #[test]
    fn each_state_holds_what_its_name_says_and_never_two_things() {
        for (state, held) in reachable() {
            let number = [held.attempt, held.connection, held.timer];
            let number = number.into_iter().filter(|held| *held).count();
            let expected = match state {
                New | Stopped => 0,
                _ => 1,
            };
            assert_eq!(number, expected, "{state:?} {held:?}");
            match state {
                Connecting => assert!(held.attempt),
                Preparing | Connected => assert!(held.connection),
                Waiting => assert!(held.timer),
                New | Stopped | Stopping | Restarting => assert!(!held.timer, "{state:?}"),
            }
        }
    }

    #[test]
    fn every_state_is_reached_and_stops_from_there_when_what_it_holds_is_gone() {
        let reached = reachable();
        for state in STATES {
            assert!(reached.iter().any(|(s, _)| *s == state), "{state:?}");
            for stop in [Event::Stop, Event::Shutdown] {
                let (stopping, _) = state.on(stop);
                for gone in [Event::Failed, Event::GaveUp, Event::Lost] {
                    let (last, _) = stopping.on(gone);
                    // Before the first start there is nothing that a loop could stop.
                    assert!(last == Stopped || (state, last) == (New, New), "{state:?}");
                }
            }
        }
    }

    #[test]
    fn a_stop_closes_or_gives_up_what_there_is_and_a_start_after_it_connects_again() {
        for (state, held) in reachable() {
            let (stopping, action) = state.on(Event::Stop);
            match (state, held) {
                (Stopping | Restarting | Stopped, _) => assert_eq!(action, Nothing),
                (_, Held { attempt: true, .. }) => assert_eq!(action, Cancel),
                (
                    _,
                    Held {
                        connection: true, ..
                    },
                ) => assert_eq!(action, Lose),
                _ => assert_eq!((stopping, action), (Stopped, Finish)),
            }
            let (started, action) = stopping.on(Event::Start);
            let (last, then) = started.on(Event::Lost);
            let connects = [action, then].iter().filter(|a| **a == Connect).count();
            assert_eq!((connects, last), (1, Connecting), "{state:?}");
        }
    }
}
