//! Below TLS: the header comes in the clear, and then the handshake.

use reactor::testing::Simulation;
use reactor::tls::{TlsClientConfig, TlsServerConfig};
use reactor::{Address, Protocol, Reason, Transport};

use crate::support::SECOND;
use crate::{LINE, PLACE, Side, from_network};

const ROOT: &[u8] = include_bytes!("../support/tls/ca.pem");
const CHAIN: &[u8] = include_bytes!("../support/tls/server.pem");
const KEY: &[u8] = include_bytes!("../support/tls/server.key");

/// Sends a header in the clear, then speaks TLS.
struct Proxy(Option<Box<dyn FnOnce() -> reactor::tls::TlsLayer>>);

impl Protocol for Proxy {
    fn connection_made(&mut self, transport: &Transport) {
        transport.write(LINE);
        let layer = self.0.take().expect("it is made once")();
        transport.push_layer(layer, b"");
        transport.write(b"hello");
    }

    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        assert_eq!(data, b"hello");
        transport.lose_connection();
    }

    fn connection_lost(&mut self, _: &Transport, reason: &Reason) {
        assert!(reason.is_clean(), "{reason}");
    }
}

#[test]
fn tls_begins_behind_the_header_on_any_network() {
    for seed in 0..30 {
        let simulation = match seed {
            0 => Simulation::new(),
            seed => Simulation::chaotic(seed),
        };
        let reactor = simulation.reactor();
        let side = Side::default();
        let server = TlsServerConfig::from_pem(CHAIN, KEY).expect("a chain and its key");
        let port = reactor.listen_tls(PLACE, &server, side.factory());
        port.expect("the port is free")
            .expect_proxy(from_network("0.0.0.0/0"));
        reactor.connect_tcp("10.0.0.1", 7, |_: Address| {
            let client = TlsClientConfig::with_root_pem(ROOT).expect("a root");
            Proxy(Some(Box::new(move || {
                client.layer("server.test").expect("a host")
            })))
        });
        simulation.run_for(60 * SECOND);
        assert_eq!(side.asked(), ["198.51.100.7:49152"], "seed {seed}");
        assert_eq!(side.data(), b"hello", "seed {seed}");
        assert_eq!(
            side.log.count("lost: the peer closed"),
            1,
            "seed {seed}: {:?}",
            side.log
        );
    }
}
