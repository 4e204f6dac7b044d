//! How connections end that are awaited, and what awaits find then.

use reactor::connection::Connection;
use reactor::testing::Simulation;
use reactor::{Failure, Reason};

use crate::connected;
use crate::outcome::outcome;
use crate::support::{SECOND, millis};

/// What a read of the next line ends with, as text.
async fn next(connection: Connection) -> Result<(String, Connection), Failure> {
    let mut lines = connection.lines();
    let next = match lines.next().await {
        Ok(Some(line)) => format!("line {}", line.escape_ascii()),
        Ok(None) => "end".to_owned(),
        Err(reason) => reason.to_string(),
    };
    Ok((next, lines.into_connection()))
}

#[test]
fn a_reset_is_an_error_behind_what_came_before() {
    let simulation = Simulation::new();
    let (connection, peer) = connected(&simulation);
    let reactor = simulation.reactor();
    peer.write(b"one\n");
    simulation.run_until_idle();
    peer.reset();
    simulation.run_until_idle();
    let (first, connection) = reactor
        .run_until(reactor.spawn(next(connection)))
        .expect("it ends");
    assert_eq!(first, "line one");
    let written = reactor.spawn({
        let writer = connection.writer();
        async move { Ok(writer.write(b"x").await?) }
    });
    assert!(reactor.run_until(written).is_err());
    let (second, _) = reactor
        .run_until(reactor.spawn(next(connection)))
        .expect("it ends");
    assert_eq!(second, "the peer reset the connection");
}

#[test]
fn a_task_that_waits_is_woken_by_the_end() {
    let simulation = Simulation::new();
    let (connection, peer) = connected(&simulation);
    let reactor = simulation.reactor();
    let (writer, reading) = (connection.writer(), reactor.spawn(next(connection)));
    let lost = reactor.spawn(async move { Ok(writer.lost().await) });
    simulation.run_for(SECOND);
    peer.reset();
    let (read, _) = reactor.run_until(reading).expect("it ends");
    assert_eq!(read, "the peer reset the connection");
    assert!(matches!(reactor.run_until(lost), Ok(Reason::Reset)));
}

#[test]
fn an_idle_timeout_is_an_error() {
    let simulation = Simulation::new();
    let (connection, _peer) = connected(&simulation);
    connection.transport().set_timeout(Some(SECOND));
    let reading = simulation.reactor().spawn(next(connection));
    let (read, _) = simulation.reactor().run_until(reading).expect("it ends");
    assert_eq!(read, "nothing was received for too long");
}

#[test]
fn close_waits_until_all_is_sent_and_the_peer_has_closed() {
    let simulation = Simulation::new();
    let (connection, peer) = connected(&simulation);
    let closing = outcome(simulation.reactor().spawn(async move {
        connection.write(b"the last words").await?;
        connection.close().await?;
        Ok(())
    }));
    simulation.run_for(millis(100));
    assert_eq!(peer.read(), b"the last words");
    assert!(peer.has_ended() && closing.borrow().is_none());
    peer.close();
    simulation.run_for(millis(100));
    assert!(matches!(*closing.borrow(), Some(Ok(()))));
}

#[test]
fn a_close_that_loses_the_last_words_is_an_error() {
    let simulation = Simulation::new();
    let (connection, peer) = connected(&simulation);
    let closing = simulation.reactor().spawn(async move {
        connection.write(b"the last words").await?;
        Ok(connection.close().await?)
    });
    peer.reset();
    let failure = simulation
        .reactor()
        .run_until(closing)
        .expect_err("it was reset");
    assert!(
        failure
            .check::<Reason>()
            .is_some_and(|reason| !reason.is_clean())
    );
}

#[test]
fn half_a_close_still_reads_and_writes_nothing_more() {
    let simulation = Simulation::new();
    let (connection, peer) = connected(&simulation);
    let reactor = simulation.reactor();
    connection.lose_write_connection();
    let writer = connection.writer();
    let refused = reactor.spawn(async move { Ok(writer.write(b"x").await.is_err()) });
    assert!(reactor.run_until(refused).expect("it ends"));
    simulation.run_until_idle();
    assert!(peer.has_ended());
    peer.write(b"answer\n");
    let (answer, _) = reactor
        .run_until(reactor.spawn(next(connection)))
        .expect("it ends");
    assert_eq!(answer, "line answer");
}

#[test]
fn dropping_closes_and_aborting_resets() {
    let simulation = Simulation::new();
    let (connection, peer) = connected(&simulation);
    drop(connection);
    simulation.run_until_idle();
    assert!(peer.has_ended() && peer.error().is_none());
    peer.close();
    simulation.run_for(SECOND);
    drop(peer);
    let (connection, peer) = connected(&simulation);
    connection.abort();
    simulation.run_until_idle();
    assert!(peer.error().is_some());
}

#[test]
fn a_stop_ends_what_waits_for_the_peer_and_lets_an_answer_be_given() {
    let simulation = Simulation::new();
    let (connection, peer) = connected(&simulation);
    let reactor = simulation.reactor();
    peer.write(b"question\n");
    let clock = reactor.clone();
    let ended = outcome(reactor.spawn(async move {
        let mut lines = connection.lines();
        while lines.next().await?.is_some() {
            clock.defer_later(millis(500)).await?; // it thinks
            lines.write_line(b"answer").await?;
        }
        Ok(())
    }));
    let stop = reactor.clone();
    reactor.call_later(millis(100), move || stop.stop());
    let closes = peer.clone();
    reactor.call_later(millis(600), move || closes.shut_write());
    reactor.run().expect("it stops");
    assert_eq!(
        simulation.elapsed().as_millis(),
        600,
        "as soon as it is done"
    );
    assert_eq!(peer.read(), b"answer\r\n");
    let ended = ended
        .take()
        .expect("it has ended")
        .expect_err("by the stop");
    assert!(matches!(ended.check::<Reason>(), Some(Reason::Shutdown)));
}
