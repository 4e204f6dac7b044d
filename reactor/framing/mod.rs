//! Framing: bytes into messages.
//!
//! TCP keeps the order of bytes and nothing else: what one side wrote in two calls may arrive in
//! one piece or in twenty. A receiver is a [`Protocol`](crate::Protocol) that takes the pieces and
//! calls the protocol that it wraps with each whole message:
//!
//! ```text
//!   data_received    "HEL"   "O\r\nQU"       "IT\r\n"
//!                      │        │               │
//!   LineReceiver      keep   "HELO"  keep    "QUIT"
//!                               ▼               ▼
//!   line_received            "HELO"          "QUIT"
//! ```
//!
//! A receiver is a [`Receiver`] of one of two kinds, [`Lines`] or [`Messages`]:
//!
//! | file | what it has |
//! | --- | --- |
//! | `receiver` | what both kinds share: the order of bytes, pauses, the end, events that are passed on |
//! | `undelivered` | bytes that wait |
//! | `lines`, `line_transport` | lines and raw data, and what a line protocol is lent |
//! | `splitter` | where lines end: no connection, only bytes |
//! | `messages` | messages that a [`Framing`] finds |
//! | `netstrings`, `length_prefix` | two framings |
//!
//! What holds for each of them:
//!
//! - However the bytes are split, the messages are the same.
//! - A message that lies whole in the read buffer is lent from there; only one that was split is
//!   copied. Between messages a connection holds no buffer.
//! - A message may not be longer than a limit, and a longer one is noticed before it is buffered.
//! - When a callback pauses reading, or is held back by the slow listeners of a
//!   [`Group`](crate::Group), the messages behind the one that it was given wait, and go on in
//!   order when reading does. The end of the peer's stream waits behind them.
//! - Nothing is delivered after the end of the connection was asked for.
//! - Work is linear in the bytes, and the stack does not grow with the messages.

// Lines.
mod lines;

mod line_transport;

pub(crate) mod splitter;

// Messages whose length comes before them.
mod messages;

mod netstrings;

mod length_prefix;

// What both share.
mod receiver;

pub(crate) mod undelivered;

pub use length_prefix::LengthPrefix;
pub use line_transport::LineTransport;
pub use lines::{LineProtocol, LineReceiver, Lines, TooLong};
pub use messages::{
    Framing, MessageProtocol, MessageReceiver, MessageTooLong, MessageTransport, Messages, Parsed,
};
pub use netstrings::Netstrings;
pub use receiver::Receiver;
