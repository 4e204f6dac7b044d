//! Everything that a client sends comes back to it.
//!
//! ```text
//! $ cargo run --example echo
//! $ nc 127.0.0.1 1400        in another terminal: type something
//! ```
//!
//! The one idea: a protocol is a type with a method for each event. When a client does not read
//! its answers, the default of `writing_paused` stops reading from it, so the memory that it costs
//! is bounded.

use std::io::{self, Write};

use reactor::{Protocol, Reactor, Transport};

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        transport.write(data);
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    env_logger::init();
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:1400".to_owned());
    let reactor = Reactor::new()?;
    let port = reactor.listen_tcp(address, |_| Echo)?;
    let at = port
        .local_addr()
        .socket_addr()
        .expect("a TCP port has such an address");
    // Nobody may be reading what is printed; the server goes on all the same.
    let _ = writeln!(
        io::stdout(),
        "Type `nc {} {}` in another terminal. Ctrl-C stops the server.",
        at.ip(),
        at.port()
    );
    reactor.run()?;
    Ok(())
}
