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

// What a consumer implements, and what it is given.
mod site;

mod resource;

mod function;

mod tree;

mod guard;

mod files;

mod request;

mod response;

mod body;

mod events;

mod headers;

mod method;

mod status;

mod limits;

// Requests to others.
mod client;

// One connection of a site.
mod channel;

mod budget;

mod incoming;

mod outgoing;

mod access_log;

// From bytes to requests, and back. No I/O.
mod reader;

mod head;

mod host;

mod chunked;

mod mistake;

mod writer;

mod date;

pub use body::{Body, BodyIsOver, BodySink};
pub use channel::HttpChannel;
pub use client::{
    Agent, AgentLimits, BadUrl, ClientRequest, ClientResponse, RequestError, UnexpectedStatus, Url,
    get_page,
};
pub use events::{Audience, ServerEvent};
pub use files::{Files, Validators};
pub use function::{Async, IntoAnswer, IntoResource, Later, Now};
pub use guard::Guard;
pub use head::Version;
pub use headers::{BadHeader, Headers};
pub use incoming::{AskedTwice, BodyStream, BodyTooLong};
pub use limits::HttpLimits;
pub use method::Method;
pub use mistake::Mistake;
pub use request::{NotAForm, Request};
pub use resource::{Answer, Intake, Methods, Resource, get, post};
pub use response::Response;
pub use site::Site;
pub use status::Status;
pub use tree::Tree;

/// The programs of the chapters on HTTP are compiled and run.
#[cfg(doctest)]
mod guide {
    #[doc = include_str!("../../docs/guide/http.md")]
    mod http {}

    #[doc = include_str!("../../docs/guide/services.md")]
    mod services {}
}
