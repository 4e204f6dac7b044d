//! Whatever bytes are read, in whatever pieces: a PROXY header is found at one length and at no other, a mistake stays one,
//! and a connection that begins with it gets exactly what is behind it.

#![no_main]

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use reactor::proxy_protocol::{Header, ProxyProtocol};
use reactor::testing::{Conditions, Simulation};
use reactor::{Protocol, Transport};

/// Keeps what it receives.
struct Keep(Rc<RefCell<Vec<u8>>>);

impl Protocol for Keep {
    fn data_received(&mut self, _: &Transport, data: &[u8]) {
        self.0.borrow_mut().extend_from_slice(data);
    }
}

/// What a connection receives that begins with `bytes`, and which peers a factory was asked for.
fn received(bytes: &[u8], seed: u8) -> (Vec<u8>, Vec<String>) {
    let conditions = match seed {
        0 => Conditions::calm(),
        _ => Conditions::chaotic(),
    };
    let simulation = Simulation::with_conditions(conditions, seed.into());
    let (data, asked) = (
        Rc::<RefCell<Vec<u8>>>::default(),
        Rc::<RefCell<Vec<String>>>::default(),
    );
    let (kept, peers) = (Rc::clone(&data), Rc::clone(&asked));
    let factory = move |peer: reactor::Address| {
        peers.borrow_mut().push(peer.to_string());
        Keep(Rc::clone(&kept))
    };
    let port = simulation.reactor().listen_tcp("10.0.0.1:7", factory);
    let any = "0.0.0.0/0".parse().expect("a network");
    port.expect("it listens")
        .expect_proxy(ProxyProtocol::from_networks([any]));
    let peer = simulation.connect_from([10, 0, 0, 2].into(), "10.0.0.1:7");
    for piece in bytes.chunks(usize::from(seed).max(1)) {
        peer.write(piece);
    }
    simulation.run_for(Duration::from_secs(60));
    (data.take(), asked.take())
}

fuzz_target!(|data: &[u8]| {
    let Some((seed, bytes)) = data.split_first() else {
        return;
    };
    let whole = Header::read(bytes);
    let mut known = Ok(None);
    for end in 0..=bytes.len() {
        let read = Header::read(&bytes[..end]);
        if known == Ok(None) {
            known = read;
            if let Ok(Some((_, length))) = &known {
                assert_eq!(*length, end, "it is known with its last byte");
            }
        } else {
            assert_eq!(read, known, "what follows changes nothing");
        }
    }
    assert_eq!(whole, known);
    let (data, asked) = received(bytes, *seed);
    match whole {
        Ok(Some((header, length))) => {
            assert_eq!(asked.len(), 1);
            if let Some(source) = header.source() {
                assert_eq!(asked[0], source.to_string());
            }
            assert!(data == bytes[length..], "nothing is lost or doubled");
        }
        Ok(None) | Err(_) => assert!(data.is_empty() && asked.is_empty()),
    }
});
