//! A site that answers requests: what a consumer implements and is given, and one connection of it.
//!
//! ```text
//!   Site ──▶ HttpChannel ──▶ Request ──▶ Tree … Resource ──▶ Answer ──▶ Response ──▶ bytes
//! ```
//!
//! - `site`: the factory. `shared`: what its connections share.
//! - `routing`: from the path of a request to its resource.
//! - `resource`: what answers requests. `function`: functions that do, `methods`: one for each method.
//! - `tree`: what is behind which path. `guard`: a password or a token before a resource.
//! - `files/`: the files of a folder, with ranges and conditions.
//! - `events`: server-sent events to every page that listens.
//! - `request`, `response`: what a resource is given, and what it answers. `header_lines`: the headers
//!   of the first.
//! - `forwarded`: the client behind proxies.
//! - `limits`: how much a client may send, and how long it may take.
//! - `channel/`: the protocol of one connection.
//! - `writer`: the head of an answer as bytes. `date`: its date.
//! - `access_log`: one line for each request.

pub(crate) mod site;

mod date;
mod shared;

mod routing;

pub(crate) mod resource;

pub(crate) mod function;

pub(crate) mod methods;

pub(crate) mod tree;

pub(crate) mod guard;

#[cfg(unix)]
pub(crate) mod files;

pub(crate) mod request;

pub(crate) mod forwarded;

pub(crate) mod header_lines;

pub(crate) mod response;

pub(crate) mod events;

pub(crate) mod limits;

// One connection of a site.
pub(crate) mod channel;

pub(crate) mod access_log;

pub(crate) mod writer;

pub use self::methods::{get, post};
