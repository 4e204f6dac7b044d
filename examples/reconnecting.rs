//! A bot that stays in the chat: whoever says `!time` is answered with how long it has been here.
//!
//! ```text
//! $ cargo run --example chat
//! $ cargo run --example reconnecting                          in a second terminal
//! $ nc 127.0.0.1 1400                                         in a third: type !time
//! $ cargo run --example reconnecting -- tcp:127.0.0.1:1401    another place, perhaps an `nc -lk 1401`
//! ```
//!
//! End the chat, and start it again: the bot comes back within a second, or within half a minute when the
//! chat was away for long.
//!
//! The one idea: a connection ends, a service does not. The factory is asked for a new protocol for each
//! connection, and what is to outlast one, the count here, is an `Rc` in the factory.

use std::cell::Cell;
use std::error::Error;
use std::rc::Rc;
use std::time::Duration;

use reactor::endpoints::client_from_string;
use reactor::framing::{LineProtocol, LineReceiver, LineTransport};
use reactor::{Backoff, ClientService, Reactor, Reason, WeakReactor};

struct Bot {
    /// A protocol stays in the loop, and must not keep it.
    reactor: WeakReactor,
    visits: Rc<Cell<u32>>,
    came: Option<std::time::Instant>,
}

impl LineProtocol for Bot {
    fn connection_made(&mut self, transport: &LineTransport<'_>) {
        self.came = self.reactor.upgrade().map(|reactor| reactor.now());
        self.visits.set(self.visits.get() + 1);
        println!("visit {} at {}", self.visits.get(), transport.peer_addr());
        transport.write(format!("bot: visit {}\n", self.visits.get()).as_bytes());
    }

    fn line_received(&mut self, transport: &LineTransport<'_>, line: &[u8]) {
        if line.trim_ascii() == b"!time"
            && let (Some(reactor), Some(came)) = (self.reactor.upgrade(), self.came)
        {
            let here = (reactor.now() - came).as_secs();
            transport.write(format!("bot: here for {here} s\n").as_bytes());
        }
    }

    fn connection_lost(&mut self, _: &LineTransport<'_>, reason: &Reason) {
        println!("lost: {reason}");
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init();
    let place = std::env::args().nth(1);
    let chat = client_from_string(place.as_deref().unwrap_or("tcp:127.0.0.1:1400"))?;
    let reactor = Reactor::new()?;
    let visits = Rc::new(Cell::new(0));
    let weak = reactor.downgrade();
    let factory = move |_| {
        LineReceiver::new(Bot {
            reactor: weak.clone(),
            visits: Rc::clone(&visits),
            came: None,
        })
    };
    ClientService::new(&reactor, chat, factory)
        .backoff(Backoff::default().longest(Duration::from_secs(30)))
        .start();
    reactor.run()?; // until Ctrl-C, for the service never ends by itself
    Ok(())
}
