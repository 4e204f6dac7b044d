//! Connections by the traits of `futures-io` and `tokio::io`, and what these crates make of them.

use reactor::connection::Connection;
use reactor::testing::{Conditions, Peer, Simulation};
use reactor::{Failure, Reactor};

/// A connection, and its other side, which the test plays.
fn connected(simulation: &Simulation) -> (Connection, Peer) {
    let server = simulation.listen("10.0.0.1:7");
    let reactor = simulation.reactor();
    let connection = reactor.run_until(reactor.connect("tcp:10.0.0.1:7"));
    let peer = server.accept().expect("the same connection");
    (connection.expect("it connects"), peer)
}

fn bytes() -> Vec<u8> {
    (0..300_000_u32)
        .map(|n| (n.wrapping_mul(0x9e37_79b9) >> 24) as u8)
        .collect()
}

fn run<T: 'static>(
    reactor: &Reactor,
    task: impl Future<Output = Result<T, Failure>> + 'static,
) -> T {
    reactor.run_until(reactor.spawn(task)).expect("it ends")
}

#[test]
fn futures_reads_to_the_end_and_writes_all_on_any_network() {
    use futures::io::{AsyncReadExt, AsyncWriteExt};
    for seed in 0..6 {
        let simulation = Simulation::with_conditions(Conditions::chaotic(), seed);
        let (mut connection, peer) = connected(&simulation);
        peer.write(&bytes());
        peer.shut_write();
        let read = run(&simulation.reactor(), async move {
            let mut all = Vec::new();
            AsyncReadExt::read_to_end(&mut connection, &mut all).await?;
            for piece in all.chunks(10_000) {
                AsyncWriteExt::write_all(&mut connection, piece).await?;
            }
            AsyncWriteExt::close(&mut connection).await?;
            connection.close().await?;
            Ok(all)
        });
        simulation.run_until_idle();
        assert!(read == bytes() && peer.read() == bytes());
        assert!(peer.has_ended());
    }
}

#[test]
fn tokio_copies_and_splits_on_any_network() {
    use tokio::io::{AsyncWriteExt, copy, split};
    for seed in 0..6 {
        let simulation = Simulation::with_conditions(Conditions::chaotic(), seed);
        let (connection, peer) = connected(&simulation);
        peer.write(&bytes());
        peer.shut_write();
        let copied = run(&simulation.reactor(), async move {
            let (mut reading, mut writing) = split(connection);
            let copied = copy(&mut reading, &mut writing).await?;
            AsyncWriteExt::shutdown(&mut writing).await?;
            let connection = reading.unsplit(writing);
            connection.close().await?;
            Ok(copied)
        });
        assert_eq!(copied, 300_000);
        simulation.run_until_idle();
        assert!(peer.read() == bytes() && peer.has_ended());
    }
}

#[test]
fn a_reset_is_an_error_of_std_with_its_kind() {
    use futures::io::AsyncReadExt;
    let simulation = Simulation::new();
    let (mut connection, peer) = connected(&simulation);
    peer.reset();
    let kind = run(&simulation.reactor(), async move {
        let read = AsyncReadExt::read(&mut connection, &mut [0; 10]).await;
        Ok(read.expect_err("it was reset").kind())
    });
    assert_eq!(kind, std::io::ErrorKind::ConnectionReset);
}
