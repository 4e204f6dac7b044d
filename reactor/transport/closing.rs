//! How a connection ends: its states, what moves it from one to the next, and what has to be done then.
//!
//! Everything that affects the end is in this file, and nothing in it touches a socket.
//!
//! ```text
//!             lose                      sent                     ended
//!  Open ───────────────▶ Closing ─────────────────▶ Shut ───────────────────▶ Lost
//!   │                       ▲                         ▲                         ▲
//!   │ lose_write            │ lose                    │ lose                    │
//!   │                       │           sent          │          ended          │
//!   └─────────────────▶ Finishing ──────────────▶ Finished ─────────────────────┤
//!                                                                               │
//!  any of these ──fail──▶ Dropped ──────────────────────────────────────────────┘
//! ```
//!
//! `sent` is that nothing is unsent, the last words of layers included; `ended` is `sent` when the peer
//! will send no more besides. Between `Closing` and `Shut`, and between `Finishing` and `Finished`, the
//! sending half of the socket is shut down. The peer is waited for in `Shut` because a socket that is closed
//! with unread bytes resets the connection, which destroys the last words on their way.
//!
//! Twisted has the same states without names: `disconnecting`, `_writeDisconnecting` and
//! `_writeDisconnected` of its `FileDescriptor`.

use self::Action::{Nothing, Report, ShutWrite};
use self::State::{Closing, Dropped, Finished, Finishing, Lost, Open, Shut};

/// How far the end of a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Bytes are taken and delivered.
    Open,
    /// `lose_write_connection` was asked for, and bytes are still unsent. No more are taken.
    Finishing,
    /// The peer knows that no more will come. What it sends is still delivered.
    Finished,
    /// `lose_connection` was asked for, and bytes are still unsent. Nothing is delivered any more.
    Closing,
    /// All is sent, and the sending half is shut down. What the peer still sends is read and ignored.
    Shut,
    /// The end is due at once, and what is unsent was dropped.
    Dropped,
    /// `connection_lost` is due or was called.
    Lost,
}

/// What moves a connection from one state to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// `lose_connection`.
    Lose,
    /// `lose_write_connection`.
    LoseWrite,
    /// An abort, an error of the socket, a limit, a panic.
    Fail,
    /// Nothing is unsent.
    Sent,
    /// Nothing is unsent, and the peer will send no more.
    Ended,
}

/// What has to be done at a change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Nothing,
    /// Shut the socket's sending half down.
    ShutWrite,
    /// Close the socket, and report the end at the end of the turn.
    Report,
}

impl State {
    /// The table. A row that is not there changes nothing.
    pub(crate) fn on(self, event: Event) -> (Self, Action) {
        match (self, event) {
            (Open, Event::Lose) => (Closing, Nothing),
            (Open, Event::LoseWrite) => (Finishing, Nothing),

            (Finishing, Event::Lose) => (Closing, Nothing),
            (Finishing, Event::Sent | Event::Ended) => (Finished, ShutWrite),

            (Finished, Event::Lose) => (Shut, Nothing), // nothing is unsent: not through `Closing`
            (Finished, Event::Ended) => (Lost, Report),

            (Closing, Event::Sent) => (Shut, ShutWrite),
            // No shutdown before: the close that follows does both in one system call.
            (Closing, Event::Ended) => (Lost, Report),

            (Shut, Event::Ended) => (Lost, Report),

            // Not `Lost` at once: it may fail inside its own callback, where none other may be called.
            (Open | Finishing | Finished | Closing | Shut, Event::Fail) => (Dropped, Nothing),
            (Dropped, Event::Sent | Event::Ended) => (Lost, Report),

            (state, _) => (state, Nothing),
        }
    }

    /// Whether bytes of the peer are delivered.
    pub(crate) fn delivers(self) -> bool {
        matches!(self, Open | Finishing | Finished)
    }

    /// Whether the end waits for a peer: to take what is unsent, or to close its side.
    pub(crate) fn lingers(self) -> bool {
        matches!(self, Closing | Shut)
    }

    /// Whether the sending half of the socket was shut down.
    pub(crate) fn has_shut_write(self) -> bool {
        matches!(self, Finished | Shut)
    }

    /// Whether nothing is sent or read any more.
    pub(crate) fn is_over(self) -> bool {
        matches!(self, Dropped | Lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [State; 7] = [Open, Finishing, Finished, Closing, Shut, Dropped, Lost];
    const EVENTS: [Event; 5] = [
        Event::Lose,
        Event::LoseWrite,
        Event::Fail,
        Event::Sent,
        Event::Ended,
    ];

    /// The table as the guide shows it.
    fn table() -> String {
        let mut table =
            String::from("state     | lose     lose_write  fail     sent              ended\n");
        table.push_str(
            "----------|-----------------------------------------------------------------\n",
        );
        for state in STATES {
            let cells = EVENTS.map(|event| match state.on(event) {
                (next, Nothing) if next == state => "·".to_owned(),
                (next, Nothing) => format!("{next:?}"),
                (next, ShutWrite) => format!("{next:?}, shut"),
                (next, Report) => format!("{next:?}, report"),
            });
            let [lose, lose_write, fail, sent, ended] = cells;
            let state = format!("{state:?}");
            let row =
                format!("{state:<9} | {lose:<8} {lose_write:<11} {fail:<8} {sent:<17} {ended}");
            table.push_str(row.trim_end());
            table.push('\n');
        }
        table
    }

    #[test]
    fn the_guide_shows_this_table() {
        let guide = include_str!("../../docs/guide/protocols.md");
        let table = table();
        assert!(
            guide.contains(&table),
            "docs/guide/protocols.md lacks:\n\n{table}"
        );
    }

    #[test]
    fn every_walk_ends_in_lost_and_never_leaves_it() {
        // All walks of five events, which is more than the longest way.
        let mut walks = vec![(Open, 0)];
        for _ in 0..5 {
            let next = walks.iter().flat_map(|&(state, reports)| {
                EVENTS.map(|event| {
                    let (next, action) = state.on(event);
                    assert!(state != Lost || (next, action) == (Lost, Nothing));
                    (next, reports + usize::from(action == Report))
                })
            });
            walks = next.collect();
        }
        for (state, reports) in walks {
            assert_eq!(
                reports,
                usize::from(state == Lost),
                "reported once, when lost"
            );
            let (dropped, _) = state.on(Event::Fail);
            assert_eq!(
                dropped.on(Event::Sent).0,
                Lost,
                "a failure ends what {state:?} has begun"
            );
            let (closing, _) = state.on(Event::Lose);
            assert_eq!(
                closing.on(Event::Ended).0,
                Lost,
                "and so does an orderly close"
            );
        }
    }

    #[test]
    fn no_state_but_open_takes_bytes_and_none_goes_back() {
        let rank = |state| STATES.iter().position(|s| *s == state).expect("a state");
        for state in STATES {
            for event in EVENTS {
                let (next, action) = state.on(event);
                assert_ne!((state, next), (Finishing, Open));
                assert!(
                    next == state || rank(next) > rank(state),
                    "{state:?} on {event:?}"
                );
                // The sending half is shut down once.
                assert!(action != ShutWrite || !state.has_shut_write() && next.has_shut_write());
                assert!(
                    !next.delivers() || state.delivers(),
                    "what was closed delivers no more"
                );
            }
        }
    }
}
