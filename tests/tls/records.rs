//! The layer by itself: split anywhere, damaged anywhere, never in the clear.

use reactor::Layer;
use reactor::testing::Simulation;
use reactor::tls::TlsError;

use crate::support::pattern;
use crate::{End, Puppet, says_hello, talk};

#[test]
fn a_conversation_is_the_same_however_it_is_split() {
    let said = pattern(40_000);
    let whole = |mut client: End, mut server: End, cut: &mut dyn FnMut(&[u8]) -> usize| {
        client.send(&said);
        server.send(b"welcome");
        assert_eq!(client.layer.holds(), 40_000);
        let mut has_finished = false;
        loop {
            for (one, other) in [(&mut client, true), (&mut server, false)] {
                let _ = (one, other);
            }
            if client.down.is_empty() && server.down.is_empty() {
                if std::mem::replace(&mut has_finished, true) {
                    break;
                }
                client.finish();
                server.finish();
            }
            for from_client in [true, false] {
                let (one, other) = if from_client {
                    (&mut client, &mut server)
                } else {
                    (&mut server, &mut client)
                };
                let data = std::mem::take(&mut one.down);
                let (first, rest) = data.split_at(cut(&data));
                for piece in [first, rest] {
                    other.receive(piece).expect("it is in order");
                }
            }
        }
        assert!(server.up == said && client.up == b"welcome");
        assert!(client.layer.has_ended() && server.layer.has_ended());
        assert_eq!(client.layer.holds() + server.layer.holds(), 0);
    };
    // At every byte of the handshake, and at some of what follows.
    for at in (0..2_500).chain((2_500..42_000).step_by(997)) {
        let mut left = at;
        whole(End::client(), End::server(), &mut |data| {
            let cut = left.min(data.len());
            left -= cut;
            cut
        });
    }
    for at_a_time in 1..20 {
        let (mut client, mut server) = (End::client(), End::server());
        client.send(&said);
        talk(&mut client, &mut server, at_a_time);
        assert!(server.up == said);
    }
}

#[test]
fn a_bit_that_was_changed_on_the_way_is_noticed() {
    let (mut one, mut other) = (End::client(), End::server());
    talk(&mut one, &mut other, usize::MAX);
    one.send(b"the first");
    let first = one.down.len();
    one.send(b"the second");
    let sent = std::mem::take(&mut one.down);
    let header = 5;
    for bit in 0..8 * (sent.len() - first - header) {
        let (mut one, mut other) = (End::client(), End::server());
        talk(&mut one, &mut other, usize::MAX);
        one.send(b"the first");
        one.send(b"the second");
        one.down[first + header + bit / 8] ^= 1 << (bit % 8);
        let error = other.receive(&one.down).expect_err("it was changed");
        assert!(matches!(
            TlsError::of(&error),
            Some(TlsError::Failed { .. })
        ));
        assert_eq!(other.up, b"the first", "what was in order is delivered");
        // The other side is told.
        let told = one.receive(&other.down).expect_err("it is an alert");
        assert!(told.to_string().contains("BadRecordMac"), "{told}");
    }
}

#[test]
fn a_record_that_is_too_large_is_an_error_and_not_waited_for() {
    let (mut one, mut other) = (End::client(), End::server());
    talk(&mut one, &mut other, usize::MAX);
    let error = other.receive(&[23, 3, 3, 0x50, 0]).expect_err("20 KiB");
    assert!(
        error
            .to_string()
            .starts_with("TLS with the client failed: ")
    );
    assert!(!other.down.is_empty(), "there is an alert");
    let mut hello = End::server();
    let error = hello.receive(&[22, 3, 1, 0xff, 0xff]).expect_err("64 KiB");
    assert!(
        error
            .to_string()
            .starts_with("TLS with the client failed: ")
    );
}

#[test]
fn nothing_goes_out_in_the_clear() {
    let puppet = Puppet::with_client(Simulation::new(), says_hello);
    let heard = puppet.peer.read();
    assert_eq!(heard[..2], [22, 3], "a handshake of TLS");
    assert!(!heard.windows(5).any(|bytes| bytes == b"hello"));
    assert_eq!(puppet.theirs.transport().unsent(), 5);
    drop(puppet.listener);
}
