//! The PROXY protocol: what is a header, whose connection it then is, and who may send one.

mod arriving;
mod headers;
mod refusing;
#[path = "../support/mod.rs"]
mod support;
#[cfg(feature = "tls")]
mod tls;

use std::cell::RefCell;
use std::rc::Rc;

use reactor::proxy_protocol::ProxyProtocol;
use reactor::testing::{Peer, Simulation};
use reactor::{Address, Factory, ListeningPort, Transport};

use support::{Heard, Log, Probe, Then};

/// Where the server is, and the proxy.
const PLACE: &str = "10.0.0.1:7";
const PROXY: &str = "10.0.0.2";

const LINE: &[u8] = b"PROXY TCP4 198.51.100.7 203.0.113.1 49152 443\r\n";

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A header of version 2 with this byte 12 and 13, and these bytes behind the length.
fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).expect("it fits");
    let fixed = [&[command, family][..], &length.to_be_bytes()].concat();
    [SIGNATURE, &fixed, rest].concat()
}

/// 198.51.100.7:49152 to 203.0.113.1:443.
const IPV4: [u8; 12] = [198, 51, 100, 7, 203, 0, 113, 1, 192, 0, 1, 187];

fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).expect("it fits");
    [&[kind][..], &length.to_be_bytes(), value].concat()
}

fn from_network(network: &str) -> ProxyProtocol {
    ProxyProtocol::from_networks([network.parse().expect("a network")])
}

/// What the connections of a port have heard, and with whom.
#[derive(Clone, Default)]
struct Side {
    log: Log,
    data: Rc<RefCell<Vec<u8>>>,
    asked: Rc<RefCell<Vec<Address>>>,
    transport: Rc<RefCell<Option<Transport>>>,
}

impl Side {
    /// Echoes what it receives.
    fn factory(&self) -> impl Factory + use<> {
        let this = self.clone();
        move |peer: Address| {
            this.asked.borrow_mut().push(peer);
            let side = this.clone();
            Probe::new(
                &this.log,
                move |heard: &Heard<'_>, transport: &Transport| {
                    match heard {
                        Heard::Made => *side.transport.borrow_mut() = Some(transport.clone()),
                        Heard::Data(data) => {
                            side.data.borrow_mut().extend_from_slice(data);
                            transport.write(data);
                        }
                        _ => {}
                    }
                    Then::Default
                },
            )
        }
    }

    fn listen(&self, simulation: &Simulation) -> ListeningPort {
        let port = simulation.reactor().listen_tcp(PLACE, self.factory());
        let port = port.expect("the port is free");
        port.expect_proxy(from_network("10.0.0.0/8"));
        port
    }

    fn transport(&self) -> Transport {
        self.transport.borrow().clone().expect("it is connected")
    }

    fn data(&self) -> Vec<u8> {
        self.data.borrow().clone()
    }

    /// The peers that the factory was asked for.
    fn asked(&self) -> Vec<String> {
        self.asked.borrow().iter().map(Address::to_string).collect()
    }
}

fn proxy(simulation: &Simulation) -> Peer {
    simulation.connect_from(PROXY.parse().expect("an address"), PLACE)
}
