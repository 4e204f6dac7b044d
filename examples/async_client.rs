//! Sends each argument as a line to a server of lines, all at once, and prints the answers.
//!
//! ```text
//! $ cargo run --example echo
//! $ cargo run --example async_client -- tcp:127.0.0.1:1400 one two three       in another terminal
//! ```
//!
//! The one idea: a connection may be awaited instead of called back. The endpoint is in words, requests are on
//! their way together, and `?` ends the program with the reason if the connection ends before they are answered.

use reactor::connection::Exchange;
use reactor::{Failure, Reactor};

async fn ask(reactor: Reactor, endpoint: String, lines: Vec<String>) -> Result<(), Failure> {
    let server = Exchange::lines(reactor.connect(&endpoint).await?);
    let answers: Vec<_> = lines.into_iter().map(|line| server.ask(line)).collect();
    for answer in answers {
        println!("{}", answer.await?);
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    env_logger::init();
    let mut arguments = std::env::args().skip(1);
    let endpoint = arguments
        .next()
        .ok_or("where to connect, as tcp:127.0.0.1:1400")?;
    let reactor = Reactor::new()?;
    let asked = reactor.spawn(ask(reactor.clone(), endpoint, arguments.collect()));
    Ok(reactor.run_until(asked)?)
}
