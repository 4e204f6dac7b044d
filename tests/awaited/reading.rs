//! What is read and written, how much is kept, and whose turn it is.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use reactor::connection::Connection;
use reactor::testing::Simulation;
use reactor::{Reason, endpoints};

use crate::connected;
use crate::outcome::outcome;
use crate::support::{SECOND, millis, pattern, shared};

/// Polls once.
fn now<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn bytes_are_read_as_they_come_and_the_end_is_none_of_them() {
    let simulation = Simulation::new();
    let (mut connection, peer) = connected(&simulation);
    let mut buffer = [0; 4];
    assert!(now(connection.read(&mut buffer)).is_pending());
    assert_eq!(
        now(connection.read(&mut [])).map(Result::ok),
        Poll::Ready(Some(0))
    );
    peer.write(b"abcdef");
    simulation.run_until_idle();
    assert!(matches!(
        now(connection.read(&mut buffer)),
        Poll::Ready(Ok(4))
    ));
    assert_eq!(&buffer, b"abcd");
    assert!(now(connection.read_exact(&mut buffer)).is_pending());
    assert!(matches!(now(connection.read_some()), Poll::Ready(Ok(Some(rest))) if rest == b"ef"));
    peer.write(b"gh");
    peer.shut_write();
    simulation.run_until_idle();
    let cut_off = now(connection.read_exact(&mut buffer));
    assert!(matches!(cut_off, Poll::Ready(Err(Reason::PeerClosed))));
    assert!(matches!(
        now(connection.read(&mut buffer)),
        Poll::Ready(Ok(2))
    ));
    assert!(matches!(
        now(connection.read(&mut buffer)),
        Poll::Ready(Ok(0))
    ));
    assert!(matches!(now(connection.read_some()), Poll::Ready(Ok(None))));
    // This side may still say something.
    assert!(matches!(now(connection.write(b"bye")), Poll::Ready(Ok(()))));
    drop(connection);
    simulation.run_until_idle();
    assert_eq!(peer.read(), b"bye");
    assert!(peer.has_ended());
}

#[test]
fn a_connection_whose_task_does_not_read_keeps_little_and_holds_its_peer_back() {
    let simulation = Simulation::new();
    let (connection, peer) = connected(&simulation);
    let all = pattern(2_000_000);
    peer.write(&all);
    simulation.run_for(10 * SECOND);
    let kept = format!("{connection:?}");
    let kept: usize = kept
        .rsplit("received: ")
        .next()
        .and_then(|rest| rest.trim_end_matches(" }").parse().ok())
        .expect("it shows how much it has");
    assert!((16 << 10..=80 << 10).contains(&kept), "{kept}");
    let reading = simulation.reactor().spawn(read_all(connection));
    peer.shut_write();
    let read = simulation.reactor().run_until(reading).expect("it ends");
    assert!(read == all);
}

async fn read_all(mut connection: Connection) -> Result<Vec<u8>, reactor::Failure> {
    let mut all = Vec::new();
    while let Some(some) = connection.read_some().await? {
        all.extend(some);
    }
    Ok(all)
}

#[test]
fn a_write_waits_while_the_peer_is_behind_and_a_turn_writes_so_much_only() {
    let simulation = Simulation::new();
    let (connection, peer) = connected(&simulation);
    peer.pause_reading();
    let written = shared(0_usize);
    let (count, writer) = (written.clone(), connection.writer());
    let writing = outcome(simulation.reactor().spawn(async move {
        loop {
            writer.write(&[7; 10_000]).await?;
            count.set(count.get() + 10_000);
        }
        #[expect(unreachable_code, reason = "it says what the task ends with")]
        Ok(())
    }));
    simulation.run_for(10 * SECOND);
    simulation.run_until_idle(); // a task that waits is not polled again and again
    let first = written.get();
    // What the network takes, and the high mark of 64 KiB.
    assert!((100_000..400_000).contains(&first), "{first}");
    peer.resume_reading();
    simulation.run_for(SECOND / 100);
    assert!(written.get() > first);
    drop(connection);
    simulation.run_for(10 * SECOND);
    assert!(matches!(*writing.borrow(), Some(Err(_))), "it has ended");
}

#[test]
fn lines_are_those_of_a_line_receiver() {
    let simulation = Simulation::new();
    let (connection, peer) = connected(&simulation);
    let mut lines = connection.lines().max_length(8);
    peer.write(b"one\ntwo\r\n\n12345678\r\nth");
    simulation.run_until_idle();
    for expected in ["one", "two", "", "12345678"] {
        let line = now(lines.next());
        let Poll::Ready(Ok(Some(line))) = line else {
            panic!("{expected} is there: {line:?}");
        };
        assert_eq!(line, expected.as_bytes());
    }
    assert!(now(lines.next()).is_pending());
    // The beginning of a line goes back, for who reads bytes behind it.
    peer.write(b"ree");
    simulation.run_until_idle();
    let mut connection = lines.into_connection();
    assert!(matches!(now(connection.read_some()), Poll::Ready(Ok(Some(rest))) if rest == b"three"));
}

#[test]
fn a_line_that_is_too_long_ends_the_connection() {
    let simulation = Simulation::new();
    let (connection, peer) = connected(&simulation);
    let mut lines = connection.lines().max_length(8);
    peer.write(b"ok\n123456789\nok\n");
    simulation.run_until_idle();
    assert!(matches!(now(lines.next()), Poll::Ready(Ok(Some(_)))));
    let long = now(lines.next());
    assert!(
        matches!(long, Poll::Ready(Err(Reason::Violation(_)))),
        "{long:?}"
    );
    let again = now(lines.next());
    assert!(
        matches!(again, Poll::Ready(Err(Reason::Violation(_)))),
        "{again:?}"
    );
    simulation.run_until_idle();
    assert!(!peer.is_connected());
}

#[test]
fn a_peer_that_sends_empty_lines_by_the_thousand_does_not_keep_the_loop() {
    let simulation = Simulation::new();
    let (connection, peer) = connected(&simulation);
    peer.write(&[b'\n'; 60_000]);
    simulation.run_until_idle();
    let count = shared(0);
    let counted = count.clone();
    let reading = simulation.reactor().spawn(async move {
        let mut lines = connection.lines();
        while lines.next().await?.is_some() {
            counted.set(counted.get() + 1);
        }
        Ok(())
    });
    simulation.reactor().turn(Some(millis(0))).expect("a turn");
    assert!((1..1_000).contains(&count.get()), "{}", count.get());
    peer.shut_write();
    simulation.reactor().run_until(reading).expect("it ends");
    assert_eq!(count.get(), 60_000);
}

#[test]
fn a_reader_and_a_writer_of_one_connection_are_woken_apart() {
    let simulation = Simulation::new();
    let (mut connection, peer) = connected(&simulation);
    let writer = connection.writer();
    let both = simulation.reactor().spawn(async move {
        let mut reading = pin!(connection.read_some());
        // A read that waits, and a write beside it in the same task.
        poll_fn(|context| Poll::Ready(reading.as_mut().poll(context).is_pending())).await;
        writer.write(b"?").await?;
        Ok(reading.await?)
    });
    simulation.run_until_idle();
    assert_eq!(peer.read(), b"?");
    peer.write(b"!");
    let read = simulation.reactor().run_until(both).expect("it ends");
    assert_eq!(read.as_deref(), Some(&b"!"[..]));
}

#[test]
fn what_cannot_be_connected_to_says_why() {
    let simulation = Simulation::new();
    let reactor = simulation.reactor();
    let failure = reactor.run_until(reactor.connect("tpc:10.0.0.1:1400"));
    let failure = failure.expect_err("there is no such kind");
    assert!(failure.check::<endpoints::BadEndpoint>().is_some());
    let refused = reactor.run_until(reactor.connect("tcp:10.0.0.1:1400"));
    let refused = refused.expect_err("nothing listens there");
    assert!(refused.check::<Reason>().is_some(), "{refused}");
    let endpoint = endpoints::client_from_string("tcp:10.0.0.2:7").expect("an endpoint");
    let server = simulation.listen("10.0.0.2:7");
    let connection = reactor.run_until(reactor.connect(endpoint));
    assert!(connection.is_ok() && server.accept().is_some());
}
