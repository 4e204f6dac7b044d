//! A DNS client: asks a server for the records of a name, and prints them.
//!
//! ```text
//! $ cargo run --example dns -- example.org MX 9.9.9.9:53
//! example.org 3600 MX 10 mail.example.org
//! ```
//!
//! Without a server, the first one of `/etc/resolv.conf` is asked.
//!
//! The one idea: a datagram may be lost, so the question is sent again every two seconds until the Deferred of the
//! answer fires. What comes is an answer only if it repeats the number of the question and the question itself;
//! anything else may be forged, and is ignored.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use reactor::datagram::{DatagramProtocol, DatagramTransport};
use reactor::{Deferred, Failure, LoopingCall, Reactor, Resolver};

use message::{KINDS, answers, is_answer, question};

mod message;

type Error = Box<dyn std::error::Error>;

const AGAIN: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(7);

/// Waits for the answer to one question.
struct Client {
    question: Vec<u8>,
    answer: Option<Resolver<String>>,
}

impl DatagramProtocol for Client {
    fn datagram_received(&mut self, _: &DatagramTransport, data: &[u8], _: SocketAddr) {
        if !is_answer(&self.question, data) {
            return;
        }
        let Some(resolver) = self.answer.take() else {
            return;
        };
        match answers(data) {
            Some(answer) => resolver.callback(answer),
            None => resolver.errback(Failure::message("the answer is malformed")),
        }
    }

    fn connection_refused(&mut self, _: &DatagramTransport) {
        if let Some(resolver) = self.answer.take() {
            resolver.errback(Failure::message("nothing listens at the server's port"));
        }
    }
}

fn system_server() -> Result<SocketAddr, Error> {
    let text = std::fs::read_to_string("/etc/resolv.conf")?;
    let mut lines = text.lines();
    let first = lines.find_map(|line| line.strip_prefix("nameserver "));
    let address: IpAddr = first.ok_or("/etc/resolv.conf names no server")?.parse()?;
    Ok((address, 53).into())
}

fn main() -> Result<(), Error> {
    env_logger::init();
    let mut arguments = std::env::args().skip(1);
    let name = arguments
        .next()
        .ok_or("usage: dns NAME [KIND [SERVER:PORT]]")?;
    let word = arguments
        .next()
        .map_or("A".to_owned(), |kind| kind.to_uppercase());
    let kind = KINDS.iter().find(|(known, _)| *known == word);
    let (_, kind) = kind.ok_or("KIND is one of A, AAAA, CNAME, MX, NS, TXT")?;
    let server = arguments
        .next()
        .map_or_else(system_server, |server| Ok(server.parse()?))?;
    let question = question(&name, *kind)?;

    let reactor = Reactor::new()?;
    let (resolver, answer) = Deferred::pending();
    let client = Client {
        question: question.clone(),
        answer: Some(resolver),
    };
    let transport = reactor.connect_udp(server, client)?;
    let asking = LoopingCall::new(&reactor, move |_| {
        transport.send(&question);
    });
    asking.start(AGAIN);
    let records = reactor.run_until(answer.add_timeout(TIMEOUT, &reactor));
    asking.stop();
    print!("{}", records?);
    Ok(())
}
