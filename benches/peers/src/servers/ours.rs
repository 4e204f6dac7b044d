//! The library under test, as its users would write it: the smallest protocols that do the work.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use comparison::{Result, announce};
use reactor::datagram::{DatagramProtocol, DatagramTransport};
use reactor::framing::{LineProtocol, LineReceiver, LineTransport};
use reactor::observe::{Event, Observer};
use reactor::{Factory, Group, Protocol, Reactor, Reason, Transport};

use super::Mode;

pub(super) fn run(mode: Mode) -> Result<()> {
    serve(&Reactor::new()?, mode)
}

/// The same, while somebody looks on: what a recorder or a report of slow callbacks costs at least.
pub(super) fn run_observed(mode: Mode) -> Result<()> {
    let reactor = Reactor::new()?;
    reactor.add_observer(Rc::new(Counting::default()));
    serve(&reactor, mode)
}

/// Counts what it sees.
#[derive(Default)]
struct Counting(Cell<u64>);

impl Observer for Counting {
    fn event(&self, _: Instant, _: &Event<'_>) {
        self.0.set(self.0.get() + 1);
    }
}

fn serve(reactor: &Reactor, mode: Mode) -> Result<()> {
    let address = match mode {
        Mode::Echo => listen(reactor, |_| Echo)?,
        Mode::Udp => reactor.listen_udp("127.0.0.1:0", Datagrams)?.local_addr(),
        Mode::Chat => {
            let everybody = Group::new();
            listen(reactor, move |_| {
                LineReceiver::new(Chat {
                    everybody: everybody.clone(),
                    message: Vec::new(),
                })
            })?
        }
    };
    announce(address)?;
    Ok(reactor.run()?)
}

fn listen(reactor: &Reactor, factory: impl Factory) -> Result<SocketAddr> {
    let port = reactor.listen_tcp("127.0.0.1:0", factory)?;
    let address = port.local_addr().socket_addr();
    address.ok_or_else(|| "a TCP listener without a socket address".into())
}

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        transport.write(data);
    }
}

struct Datagrams;

impl DatagramProtocol for Datagrams {
    fn datagram_received(&mut self, transport: &DatagramTransport, data: &[u8], from: SocketAddr) {
        transport.send_to(data, from);
    }
}

/// Sends each line to everybody but its author.
struct Chat {
    everybody: Group,
    /// The line with its line feed, made here so that no line costs an allocation.
    message: Vec<u8>,
}

impl LineProtocol for Chat {
    fn connection_made(&mut self, transport: &LineTransport<'_>) {
        self.everybody.add(transport);
    }

    fn line_received(&mut self, transport: &LineTransport<'_>, line: &[u8]) {
        self.message.clear();
        self.message.extend_from_slice(line);
        self.message.push(b'\n');
        self.everybody.write_except(transport, &self.message);
    }

    fn connection_lost(&mut self, _transport: &LineTransport<'_>, reason: &Reason) {
        // Whoever is dropped for a fault of either side is missed by the load, which knows no reason.
        if !matches!(reason, Reason::PeerClosed) {
            eprintln!("ours: a connection was lost: {reason}");
        }
    }
}
