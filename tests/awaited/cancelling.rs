//! Futures that are dropped in the middle, at each of their steps, on networks that split and delay anything.

use std::cell::{Cell, RefCell};
use std::future::{Future, IntoFuture, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use reactor::connection::Exchange;
use reactor::framing::{LineProtocol, LineReceiver, LineTransport};
use reactor::testing::Simulation;
use reactor::{Failure, Reactor};

use crate::connected;
use crate::support::{SECOND, Silent, millis, pattern};

/// Polls a future so many times; then it is dropped.
async fn at_most<F: IntoFuture>(mut polls: u32, future: F) -> Option<F::Output> {
    let mut future = pin!(future.into_future());
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => {
            polls -= 1;
            match polls {
                0 => Poll::Ready(None),
                _ => Poll::Pending,
            }
        }
    })
    .await
}

/// Each number of polls on each of some networks.
fn everywhere(mut test: impl FnMut(Simulation, u32)) {
    for polls in 1..=4 {
        for seed in 0..15 {
            test(Simulation::chaotic(seed), polls);
        }
    }
}

/// Lines of all lengths, whose bytes can be told apart.
fn lines() -> Vec<Vec<u8>> {
    (0..120_usize)
        .map(|n| format!("{n}:{}", "x".repeat(n * n % 700)).into_bytes())
        .collect()
}

#[test]
fn a_read_that_is_dropped_at_any_step_loses_no_byte() {
    let all = pattern(40_000);
    everywhere(|simulation, polls| {
        let (mut connection, peer) = connected(&simulation);
        peer.write(&all);
        peer.shut_write();
        let (clock, drops) = (simulation.reactor(), Rc::new(Cell::new(0)));
        let counted = Rc::clone(&drops);
        let reading = clock.clone().spawn(async move {
            let (mut read, mut buffer) = (Vec::new(), [0; 700]);
            loop {
                match at_most(polls, connection.read(&mut buffer)).await {
                    Some(Ok(0)) => return Ok(read),
                    Some(count) => read.extend_from_slice(&buffer[..count?]),
                    None => {
                        counted.set(counted.get() + 1);
                        clock.defer_later(millis(1)).await?;
                    }
                }
            }
        });
        let read = simulation.reactor().run_until(reading).expect("it ends");
        assert!(read == all, "{polls} polls");
        assert!(polls > 1 || drops.get() > 0, "some were dropped");
    });
}

#[test]
fn an_exact_read_that_is_dropped_at_any_step_loses_no_byte() {
    let all = pattern(60_000);
    everywhere(|simulation, polls| {
        let (mut connection, peer) = connected(&simulation);
        peer.write(&all);
        let clock = simulation.reactor();
        let reading = clock.clone().spawn(async move {
            // More than is kept otherwise, so that reading is not paused before there is enough.
            let (mut read, mut buffer) = (Vec::new(), vec![0; 20_000]);
            while read.len() < 60_000 {
                match at_most(polls, connection.read_exact(&mut buffer)).await {
                    Some(done) => done.map(|()| read.extend_from_slice(&buffer))?,
                    None => clock.defer_later(millis(1)).await?,
                }
            }
            Ok(read)
        });
        let read = simulation.reactor().run_until(reading).expect("it ends");
        assert!(read == all, "{polls} polls");
    });
}

#[test]
fn the_next_line_that_is_dropped_at_any_step_is_not_lost() {
    let all = lines();
    everywhere(|simulation, polls| {
        let (connection, peer) = connected(&simulation);
        for line in &all {
            peer.write(&[line, &b"\r\n"[..]].concat());
        }
        peer.write(b"the last");
        peer.close();
        let clock = simulation.reactor();
        let reading = clock.clone().spawn(async move {
            let (mut lines, mut read) = (connection.lines(), Vec::new());
            loop {
                match at_most(polls, lines.next()).await {
                    Some(Ok(Some(line))) => read.push(line),
                    Some(end) => return end.map(|_| read).map_err(Failure::from),
                    None => clock.defer_later(millis(1)).await?,
                }
            }
        });
        let mut read = simulation.reactor().run_until(reading).expect("it ends");
        assert_eq!(read.pop().as_deref(), Some(&b"the last"[..]));
        assert!(read == all, "{polls} polls");
    });
}

#[test]
fn a_write_that_is_dropped_at_any_step_has_written_all_or_nothing() {
    let all = pattern(300_000);
    everywhere(|simulation, polls| {
        let (connection, peer) = connected(&simulation);
        let (clock, drops) = (simulation.reactor(), Rc::new(Cell::new(0)));
        let (counted, to_write) = (Rc::clone(&drops), all.clone());
        let writing = clock.clone().spawn(async move {
            for piece in to_write.chunks(7_000) {
                while at_most(polls, connection.write(piece))
                    .await
                    .transpose()?
                    .is_none()
                {
                    counted.set(counted.get() + 1);
                    clock.defer_later(millis(1)).await?;
                }
            }
            connection.lose_write_connection();
            Ok(connection.lost().await)
        });
        let mut read = Vec::new();
        peer.pause_reading();
        for _ in 0..400 {
            simulation.run_for(millis(10));
            read.extend(peer.read_at_most(3_000));
        }
        peer.resume_reading();
        // As long as it takes by a buffer of one byte, of which there are some.
        assert!(simulation.run_until_true(40_000 * SECOND, || peer.has_ended()));
        read.extend(peer.read());
        assert!(read == all, "{polls} polls: {} bytes", read.len());
        assert!(polls > 1 || drops.get() > 0, "some were dropped");
        peer.close();
        let reason = simulation.reactor().run_until(writing).expect("it ends");
        assert!(reason.is_clean(), "{reason}");
    });
}

#[test]
fn a_connect_that_is_dropped_at_any_step_leaves_no_connection() {
    everywhere(|simulation, polls| {
        let reactor = simulation.reactor();
        let server = simulation.listen("10.0.0.1:1400");
        let clock = reactor.clone();
        let connecting = reactor.spawn(async move {
            loop {
                match at_most(polls, clock.connect("tcp:10.0.0.1:1400")).await {
                    Some(connection) => return connection,
                    None => clock.defer_later(millis(1)).await?,
                }
                // With one poll it never comes to an end: then the last attempt has all the time it wants.
                if polls == 1 {
                    return clock.connect("tcp:10.0.0.1:1400").await;
                }
            }
        });
        let connection = reactor.run_until(connecting).expect("it connects");
        simulation.run_for(SECOND);
        assert_eq!(simulation.descriptors(), 1, "only the last one is there");
        drop(connection);
        let mut ended = 0;
        while let Some(peer) = server.accept() {
            peer.close();
            ended += 1;
        }
        simulation.run_for(SECOND);
        assert_eq!(simulation.descriptors(), 0);
        assert!(ended > 0);
    });
}

/// Answers each line with itself, in its own time.
struct Repeats {
    reactor: reactor::WeakReactor,
    asked: Rc<RefCell<Vec<String>>>,
}

impl LineProtocol for Repeats {
    fn line_received(&mut self, transport: &LineTransport<'_>, line: &[u8]) {
        let line = String::from_utf8_lossy(line).into_owned();
        self.asked.borrow_mut().push(line.clone());
        let transport = transport.to_owned();
        let reactor: Reactor = self.reactor.upgrade().expect("it calls this");
        // All after the same time, so in order.
        reactor.call_later(millis(15), move || {
            transport.write(format!("{line}!\r\n").as_bytes());
        });
    }
}

#[test]
fn a_request_that_is_dropped_at_any_step_does_not_move_the_answers_of_others() {
    everywhere(|simulation, polls| {
        let reactor = simulation.reactor();
        let asked: Rc<RefCell<Vec<String>>> = Rc::default();
        let (weak, noted) = (reactor.downgrade(), Rc::clone(&asked));
        let repeats = move |_| {
            LineReceiver::new(Repeats {
                reactor: weak.clone(),
                asked: Rc::clone(&noted),
            })
        };
        reactor
            .listen_tcp("10.0.0.1:1400", repeats)
            .expect("a port");
        let clock = reactor.clone();
        let asking = reactor.spawn(async move {
            let connection = clock.connect("tcp:10.0.0.1:1400").await?;
            let shop = Exchange::lines(connection).pipeline(3);
            for n in 0..30 {
                // Beside others that are waited for, some of them behind it.
                let before = shop.ask(format!("{n} before"));
                let dropped = shop.ask(format!("{n} dropped"));
                let behind = shop.ask(format!("{n} behind"));
                if let Some(answer) = at_most(polls, dropped).await {
                    assert_eq!(answer?, format!("{n} dropped!"));
                }
                assert_eq!(before.await?, format!("{n} before!"));
                assert_eq!(behind.await?, format!("{n} behind!"));
            }
            Ok(shop.is_empty())
        });
        assert!(reactor.run_until(asking).expect("it ends"));
        assert!(asked.borrow().len() >= 60);
    });
}

#[test]
fn a_connection_that_no_task_takes_is_closed() {
    // The attempt is given up in the very turn in which it succeeds, at each step of it.
    for turns in 0..8 {
        let simulation = Simulation::new();
        let reactor = simulation.reactor();
        reactor
            .listen_tcp("10.0.0.1:1400", |_| Silent)
            .expect("a port");
        let connecting = reactor.connect("tcp:10.0.0.1:1400");
        for _ in 0..turns {
            reactor.turn(Some(millis(1))).expect("a turn");
        }
        drop(connecting.into_future());
        simulation.run_for(10 * SECOND);
        assert_eq!(simulation.descriptors(), 1, "the port's, after {turns}");
    }
}
