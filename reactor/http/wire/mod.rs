//! The syntax of HTTP/1.1 without I/O: bytes to heads, bodies and numbers, under the rules of RFC 9110
//! and RFC 9112.
//!
//! ```text
//!   bytes ──▶ RequestReader ───▶ Part::Head, Part::Body*, Part::End, the next head
//!   bytes ──▶ ResponseReader ──▶ Part::Head, Part::Body*, Part::End
//!                   └── RequestHead, ResponseHead, ChunkDecoder
//! ```
//!
//! Whatever two parsers of a request could read in different ways is a [`MessageError`], which knows the
//! status that answers it. This module imports nothing else of the crate, knows no clock except for the
//! `Date` line, and may be used, and fuzzed, by itself:
//!
//! ```
//! use reactor::http::wire::{HeadLimits, MessageError, Part, RequestReader};
//!
//! let limits = HeadLimits::default();
//! let mut reader = RequestReader::new();
//! let mut body = Vec::new();
//! // As it came in three reads.
//! for mut data in [&b"POST /users HTTP/1.1\r\nHost: a\r\nContent-"[..], b"Length: 3\r\n\r\nA", b"na"] {
//!     while let Some(part) = reader.read(&mut data, &limits)? {
//!         match part {
//!             Part::Head(head) => assert_eq!(head.target(), "/users"),
//!             Part::Body(bytes) => body.extend_from_slice(bytes),
//!             Part::End(_) => assert_eq!(body, b"Ana"),
//!         }
//!     }
//! }
//! # Ok::<(), MessageError>(())
//! ```
//!
//! - `request_reader`: requests out of bytes, wherever they were split.
//! - `response_reader`: the same for an answer that a client gets. `part`: what both return.
//! - `head`: the head of a request, and in `head/response.rs` that of an answer.
//! - `framing`: how the end of a body is found. `chunked`: one whose length is not known when it begins.
//! - `headers`: header lines, and what may stand in them. `number`: the numbers in them.
//! - `host`: the host and the port in `Host` and in a URL.
//! - `forwarded`: whom proxies were asked by.
//! - `limits`: how long a head may be.
//! - `method`, `status`, `version`: what a first line consists of.
//! - `date`: the `Date` line, which is formatted once a second.
//! - `message_error`: what is wrong with a message, and the status that answers it.

pub(crate) mod request_reader;
pub(crate) mod response_reader;

pub(crate) mod part;

pub(crate) mod head;

pub(crate) mod chunked;
pub(crate) mod forwarded;
pub(crate) mod framing;
pub(crate) mod headers;
pub(crate) mod host;
pub(crate) mod limits;
pub(crate) mod number;

pub(crate) mod message_error;
pub(crate) mod method;
pub(crate) mod status;
pub(crate) mod version;

pub use self::chunked::{ChunkDecoder, ChunkPart, trailers};
pub use self::framing::Framing;
pub use self::head::RequestHead;
pub use self::head::response::ResponseHead;
pub use self::headers::{BadHeader, Headers};
pub use self::limits::HeadLimits;
pub use self::message_error::MessageError;
pub use self::method::{Method, UnknownMethod};
pub use self::number::decimal;
pub use self::part::Part;
pub use self::request_reader::RequestReader;
pub use self::response_reader::ResponseReader;
pub use self::status::Status;
pub use self::version::Version;
