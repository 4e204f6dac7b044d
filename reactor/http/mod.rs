//! HTTP: sites that answer requests, on the rules of RFC 9110 and RFC 9112.
//!
//! One request's way:
//!
//! ```text
//!   bytes ──▶ RequestReader ──▶ Request ──▶ Site ──▶ Resource ──▶ Answer ──▶ Response ──▶ bytes
//!             head, chunked                 the tree             now or later   writer
//! ```
//!
//! - A [`Site`] is a factory; a [`Tree`] of [`Resource`]s says what is behind which path.
//! - A resource answers with a [`Response`], with a [`Deferred`](crate::Deferred) of one, or with
//!   an `async` block: [`Answer`]. A function is a resource, also an `async` one: [`IntoResource`].
//! - Whatever two parsers could read in different ways is refused, and the connection closed.
//! - Every buffer has a limit and every wait a deadline: [`HttpLimits`].
//!
//! The rooms: [`wire`], bytes to heads, chunks and numbers, without I/O; `body`, what goes behind a head, in
//! and out; [`server`], sites; and `client`, an [`Agent`] that asks others.

// Bytes to heads, chunks and numbers. It imports nothing from outside.
pub mod wire;

// What goes behind a head, in and out.
mod body;

// Answering requests.
pub mod server;

// Sending requests to others.
mod client;

// What all limits of time have in common.
mod limits;

pub use body::Body;
pub use body::incoming::{AskedTwice, BodyStream, BodyTooLong};
pub use body::sink::{BodyIsOver, BodySink};
pub use client::{
    Agent, AgentLimits, BadUrl, ClientRequest, ClientResponse, RequestError, UnexpectedStatus, Url,
    get_page,
};
pub use server::channel::HttpChannel;
pub use server::events::{Audience, ServerEvent};
#[cfg(unix)]
#[cfg_attr(docsrs, doc(cfg(unix)))]
pub use server::files::{Files, Validators};
pub use server::function::{Async, IntoAnswer, IntoResource, Later, Now};
pub use server::guard::Guard;
pub use server::header_lines::HeaderLines;
pub use server::limits::HttpLimits;
pub use server::methods::Methods;
pub use server::request::{NotAForm, Request};
pub use server::resource::{Answer, Intake, Resource};
pub use server::response::Response;
pub use server::site::Site;
pub use server::tree::Tree;
pub use wire::{BadHeader, Headers, MessageError, Method, Status, UnknownMethod, Version};

/// The programs of the chapters on HTTP are compiled and run.
#[cfg(all(doctest, feature = "os"))]
mod guide {
    #[doc = include_str!("../../docs/guide/http.md")]
    mod http {}

    #[doc = include_str!("../../docs/guide/services.md")]
    mod services {}
}
