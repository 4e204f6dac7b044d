//! Requests to other servers: an [`Agent`], and what it sends and gets.
//!
//! ```text
//!   ClientRequest ──▶ Agent ──▶ Pool ──▶ ClientChannel ──▶ bytes
//!                       ▲         │ a connection that is idle, a new one, or a place in line
//!                       │         ▼
//!                    redirect ◀── ResponseReader ◀── bytes
//!                                 └──▶ ClientResponse, with a BodyStream
//! ```

mod agent;
mod channel;
mod error;
mod escaping;
#[cfg(feature = "idn")]
mod idn;
#[cfg(not(feature = "idn"))]
#[path = "without_idn.rs"]
mod idn;
mod job;
mod pool;
mod reader;
mod redirect;
mod request;
mod response;
#[cfg(feature = "tls")]
mod secure;
#[cfg(not(feature = "tls"))]
#[path = "without_tls.rs"]
mod secure;
mod url;

pub use agent::{Agent, AgentLimits, get_page};
pub use error::{RequestError, UnexpectedStatus};
pub use request::ClientRequest;
pub use response::ClientResponse;
pub use url::{BadUrl, Url};
