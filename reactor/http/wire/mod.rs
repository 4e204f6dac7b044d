//! Bytes to heads, chunks and numbers, and back: the syntax of RFC 9110 and RFC 9112 without I/O.
//!
//! ```text
//!   bytes ──▶ request_reader ───▶ head, then pieces of the body, then its end
//!   bytes ──▶ response_reader ──▶ the same, of an answer
//!                   └── head, chunked, headers, host
//! ```
//!
//! - `request_reader`: requests out of bytes, wherever they were split.
//! - `response_reader`: the same for the answers that a client gets.
//! - `head`: the head of a request, and in `head/response.rs` that of an answer.
//! - `chunked`: a body whose length is not known when it begins.
//! - `headers`: header lines, and what may stand in them.
//! - `host`: the host and the port in `Host` and in a URL.
//! - `limits`: how long a head may be.
//! - `method`, `status`: the two registries.
//! - `date`: the `Date` line, which is formatted once a second.
//! - `mistake`: what is wrong with a message, and the status that answers it.

pub(crate) mod request_reader;
pub(crate) mod response_reader;

pub(crate) mod head;

pub(crate) mod chunked;
pub(crate) mod headers;
pub(crate) mod host;
pub(crate) mod limits;

pub(crate) mod date;
pub(crate) mod method;
pub(crate) mod mistake;
pub(crate) mod status;

pub use self::limits::HeadLimits;
