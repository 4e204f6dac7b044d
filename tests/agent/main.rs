//! The client: what it sends, what it makes of answers, and which connections it uses.

mod answers;
mod exchanges;
mod failures;
#[cfg(feature = "tls")]
mod https;
mod pages;
mod pool;
mod reading;
mod redirects;
mod reuse;
mod sending;
mod stale;
mod urls;
mod waiting;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use reactor::http::{
    Agent, AgentLimits, Body, ClientRequest, ClientResponse, Method, RequestError, Status, Url,
    get_page,
};
use reactor::testing::{Peer, PeerListener, Simulation};
use reactor::{Deferred, Failure};

/// An agent, and a server that the test plays.
struct Game {
    simulation: Simulation,
    agent: Agent,
    listener: PeerListener,
}

const SERVER: &str = "10.0.0.1:80";

impl Game {
    fn new() -> Self {
        Self::with_limits(AgentLimits::default())
    }

    fn with_limits(limits: AgentLimits) -> Self {
        let simulation = Simulation::new();
        let listener = simulation.listen(SERVER);
        simulation.add_host("server", &["10.0.0.1".parse().expect("an address")]);
        simulation.add_host("other", &["10.0.0.2".parse().expect("an address")]);
        let agent = Agent::new(&simulation.reactor()).with_limits(limits);
        Self {
            simulation,
            agent,
            listener,
        }
    }

    fn wait(&self, seconds: f64) {
        self.simulation.run_for(Duration::from_secs_f64(seconds));
    }

    fn request(&self, request: ClientRequest) -> Deferred<ClientResponse> {
        let answer = self.agent.request(request);
        self.wait(0.1);
        answer
    }

    fn get(&self, path: &str) -> Deferred<ClientResponse> {
        let answer = self.agent.get(&format!("http://server{path}"));
        self.wait(0.1);
        answer
    }

    /// Asks, and the body of the answer.
    fn page(&self, path: &str) -> Deferred<Vec<u8>> {
        let page = self.agent.get(&format!("http://server{path}"));
        let page = page.add_callback(ClientResponse::read_body);
        self.wait(0.1);
        page
    }

    fn accept(&self) -> Peer {
        self.listener.accept().expect("a connection")
    }

    /// The server says something.
    fn say(&self, server: &Peer, said: &str) {
        server.write(said.as_bytes());
        self.wait(0.1);
    }
}

fn url(text: &str) -> Url {
    Url::parse(text).expect("a URL")
}

fn heard(peer: &Peer) -> String {
    String::from_utf8(peer.read()).expect("a request is text")
}

fn result<T: 'static>(deferred: Deferred<T>) -> Result<T, Failure> {
    deferred
        .into_result()
        .unwrap_or_else(|_| panic!("it has fired"))
}

fn text(deferred: Deferred<Vec<u8>>) -> String {
    String::from_utf8(result(deferred).expect("a body")).expect("text")
}

fn error<T: 'static>(deferred: Deferred<T>) -> RequestError {
    let Err(failure) = result(deferred) else {
        panic!("it fails");
    };
    let error = failure.check::<RequestError>();
    error
        .unwrap_or_else(|| panic!("a RequestError: {failure}"))
        .clone()
}

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
