//! The chat, as its API shows it.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use reactor::Reactor;
use reactor::deferred::{Deferred, DeferredList, Failure};
use reactor::http::{Agent, AgentLimits, ClientRequest, ClientResponse, Method, Url};
use serde_json::{Value, json};

/// Somebody looks at the page that waits for the answer, so a chat that hangs is soon taken for gone.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where the API is.
pub(crate) struct Chat {
    agent: Agent,
    api: String,
    token: Option<String>,
}

/// What a page shows of the chat.
pub(crate) struct Now {
    pub(crate) users: u64,
    pub(crate) banner: String,
}

impl Chat {
    pub(crate) fn new(reactor: &Reactor, api: &str, token: Option<String>) -> Self {
        let limits = AgentLimits::default()
            .connect(PATIENCE)
            .head_time(PATIENCE)
            .body_time(PATIENCE);
        Self {
            agent: Agent::new(reactor).with_limits(limits),
            api: api.trim_end_matches('/').to_owned(),
            token,
        }
    }

    /// How many are in the chat.
    pub(crate) fn users(&self) -> Deferred<u64> {
        self.get("/users/").add_callback(|answer| users(&answer))
    }

    /// How many there are and what they are welcomed with, both asked for at the same time.
    pub(crate) fn now(&self) -> Deferred<Now> {
        let both = DeferredList::new([self.get("/users/"), self.get("/banner/")])
            .fire_on_one_errback()
            .consume_errors();
        both.into_deferred().add_callback(|answers| {
            let banner = answers[1]["banner"].as_str().map(str::to_owned);
            Ok(Now {
                users: users(&answers[0])?,
                banner: banner
                    .ok_or_else(|| Failure::message("the chat did not say its banner"))?,
            })
        })
    }

    /// Changes what people are welcomed with. Fails with [`Refused`] if the chat does not want to.
    pub(crate) fn set_banner(&self, banner: &str) -> Deferred<()> {
        let url = match Url::parse(&format!("{}/banner/", self.api)) {
            Ok(url) => url,
            Err(error) => return Deferred::fail(error),
        };
        let body = json!({ "banner": banner }).to_string();
        let mut request = ClientRequest::new(Method::Post, url).with_body("application/json", body);
        if let Some(token) = &self.token {
            request = request.with_header("Authorization", format!("Bearer {token}"));
        }
        self.agent.request(request).add_callback(|response| {
            let status = response.status();
            response.read_body().add_callback(move |body| {
                if status.is_success() {
                    return Ok(());
                }
                let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
                let reason = answer["reason"].as_str().map(str::to_owned);
                Err(Refused(reason.unwrap_or_else(|| status.to_string())).into())
            })
        })
    }

    fn get(&self, path: &str) -> Deferred<Value> {
        self.agent
            .get(&format!("{}{path}", self.api))
            .add_callback(ClientResponse::expect_success)
            .add_callback(ClientResponse::read_body)
            .add_callback(|body| Ok(serde_json::from_slice(&body)?))
    }
}

fn users(answer: &Value) -> Result<u64, Failure> {
    let users = answer["users"].as_u64();
    users.ok_or_else(|| Failure::message("the chat did not say how many users there are"))
}

/// Why the chat did not do what it was asked for.
#[derive(Debug)]
pub(crate) struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Refused {}
