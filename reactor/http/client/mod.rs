//! Requests to other servers: an [`Agent`], and what it sends and gets.
//!
//! ```text
//!   ClientRequest ──▶ Agent ──▶ Pool ──▶ ClientChannel ──▶ bytes
//!                       ▲         │ a connection that is idle, a new one, or a place in line
//!                       │         ▼
//!                    redirect ◀── ResponseReader ◀── bytes
//!                                 └──▶ ClientResponse, with a BodyStream
//! ```
//!
//! - `agent`: what one asks, and the redirects that it follows; `redirect` says where they lead.
//! - `request`, `response`: what is sent and what has come. `error`: why it has not.
//! - `pool`: the connections to each host, and which requests wait for one.
//! - `limits`: how long an agent waits, and how much it takes.
//! - `job`: one request on its way, and how it is stopped wherever it is.
//! - `channel`: the protocol of one connection. `in_flight`: the request that it has sent.
//! - `url`, `authority`, `escaping`, `idn`: from text to a URL.
//! - `secure`: the connection below `https`; `without_tls` and `without_idn` stand in.

mod agent;
mod authority;
mod channel;
mod error;
mod escaping;
#[cfg(feature = "idn")]
mod idn;
#[cfg(not(feature = "idn"))]
#[path = "without_idn.rs"]
mod idn;
mod in_flight;
mod job;
mod limits;
mod pool;
mod redirect;
mod request;
mod response;
#[cfg(feature = "tls")]
mod secure;
#[cfg(not(feature = "tls"))]
#[path = "without_tls.rs"]
mod secure;
mod url;

pub use agent::{Agent, get_page};
pub use error::{RequestError, UnexpectedStatus};
pub use limits::AgentLimits;
pub use request::ClientRequest;
pub use response::ClientResponse;
pub use url::{BadUrl, Url};
