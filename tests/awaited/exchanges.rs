//! Requests and answers over one connection, in order.

use std::cell::RefCell;
use std::rc::Rc;

use reactor::connection::{Answer, Dialect, Exchange, ExchangeError};
use reactor::deferred::{Cancelled, TimedOut};
use reactor::testing::{Peer, Simulation};
use reactor::{Deferred, Reason};

use crate::connected;
use crate::outcome::{failed_with, outcome};
use crate::support::{SECOND, millis};

type Outcome<T> = Rc<RefCell<Option<Result<T, reactor::Failure>>>>;

fn exchange(simulation: &Simulation) -> (Exchange<String, String>, Peer) {
    let (connection, peer) = connected(simulation);
    (Exchange::lines(connection), peer)
}

/// Asks, and lets the answer be looked at when it is there.
fn ask(shop: &Exchange<String, String>, request: &str) -> Outcome<String> {
    outcome(shop.ask(request))
}

#[track_caller]
fn assert_answer(outcome: &Outcome<String>, expected: &str) {
    match &*outcome.borrow() {
        Some(Ok(answer)) => assert_eq!(answer, expected),
        other => panic!("no answer but {other:?}"),
    }
}

fn ended_with(outcome: &Outcome<String>, is_it: impl Fn(&Reason) -> bool) -> bool {
    let outcome = outcome.borrow();
    let failure = outcome.as_ref().and_then(|result| result.as_ref().err());
    failure
        .and_then(|failure| failure.check::<Reason>())
        .is_some_and(is_it)
}

#[test]
fn requests_go_out_in_one_piece_and_answers_belong_to_them_in_order() {
    let simulation = Simulation::new();
    let (shop, peer) = exchange(&simulation);
    let answers = ["tea?", "salt?", "bread?"].map(|request| ask(&shop, request));
    simulation.run_until_idle();
    assert_eq!(peer.read(), b"tea?\r\nsalt?\r\nbread?\r\n");
    peer.write(b"120\n");
    simulation.run_until_idle();
    assert_answer(&answers[0], "120");
    assert!(answers[1].borrow().is_none());
    assert_eq!(shop.len(), 2);
    peer.write(b"80\r\nno");
    simulation.run_until_idle();
    peer.write(b"ne\r\n");
    simulation.run_until_idle();
    assert_answer(&answers[1], "80");
    assert_answer(&answers[2], "none");
    assert!(shop.is_empty());
}

#[test]
fn a_request_that_is_cancelled_keeps_its_place_and_its_answer_is_swallowed() {
    let simulation = Simulation::new();
    let (shop, peer) = exchange(&simulation);
    let first = shop.ask("first");
    let (canceller, first) = (first.canceller(), outcome(first));
    let second = ask(&shop, "second");
    simulation.run_until_idle();
    canceller.cancel();
    assert!(failed_with::<Cancelled>(&first));
    assert_eq!(shop.len(), 2, "its answer is still to come");
    peer.write(b"1\n2\n");
    simulation.run_until_idle();
    assert_answer(&second, "2");
    assert!(shop.is_empty());
}

#[test]
fn a_request_that_is_cancelled_before_it_is_sent_is_not_sent() {
    let simulation = Simulation::new();
    let (shop, peer) = exchange(&simulation);
    let shop = shop.pipeline(1);
    let first = ask(&shop, "first");
    let second = shop.ask("second");
    let (canceller, second) = (second.canceller(), outcome(second));
    let third = ask(&shop, "third");
    simulation.run_until_idle();
    canceller.cancel();
    assert!(failed_with::<Cancelled>(&second));
    assert_eq!(peer.read(), b"first\r\n");
    peer.write(b"1\n");
    simulation.run_until_idle();
    assert_eq!(peer.read(), b"third\r\n");
    peer.write(b"3\n");
    simulation.run_until_idle();
    assert_answer(&first, "1");
    assert_answer(&third, "3");
}

#[test]
fn each_request_has_its_own_time() {
    let simulation = Simulation::new();
    let (shop, peer) = exchange(&simulation);
    let shop = shop.timeout(2 * SECOND);
    let first = ask(&shop, "first");
    simulation.run_for(SECOND);
    let second = ask(&shop, "second");
    simulation.run_for(SECOND + millis(500));
    assert!(failed_with::<TimedOut>(&first));
    assert!(second.borrow().is_none());
    peer.write(b"1\n2\n");
    simulation.run_until_idle();
    assert_answer(&second, "2");
    let patient = shop.timeout(None);
    let third = ask(&patient, "third");
    simulation.run_for(1_000 * SECOND);
    assert!(third.borrow().is_none());
}

#[test]
fn the_number_that_wait_has_a_limit_and_given_up_ones_count() {
    let simulation = Simulation::new();
    let (shop, peer) = exchange(&simulation);
    let shop = shop.limit(2);
    let first = shop.ask("first");
    let (canceller, _first) = (first.canceller(), outcome(first));
    let second = ask(&shop, "second");
    simulation.run_until_idle();
    canceller.cancel();
    let third = ask(&shop, "third");
    assert!(failed_with::<ExchangeError>(&third));
    peer.write(b"1\n");
    simulation.run_until_idle();
    let fourth = ask(&shop, "fourth");
    peer.write(b"2\n");
    simulation.run_until_idle();
    peer.write(b"4\n");
    simulation.run_until_idle();
    assert_answer(&second, "2");
    assert_answer(&fourth, "4");
}

#[test]
fn an_answer_that_was_not_asked_for_ends_the_connection() {
    let simulation = Simulation::new();
    let (shop, peer) = exchange(&simulation);
    let first = ask(&shop, "first");
    simulation.run_until_idle();
    peer.write(b"1\n2\n");
    simulation.run_until_idle();
    assert_answer(&first, "1");
    assert!(!peer.is_connected());
    let late = ask(&shop, "second");
    assert!(ended_with(&late, |reason| matches!(
        reason,
        Reason::Violation(_)
    )));
    // Half an answer is one, too: it would be the beginning of the next.
    let (shop, peer) = exchange(&simulation);
    peer.write(b"12");
    simulation.run_until_idle();
    assert!(!peer.is_connected() && shop.transport().is_lost());
}

#[test]
fn what_came_before_the_exchange_was_not_asked_for() {
    let simulation = Simulation::new();
    let (connection, peer) = connected(&simulation);
    peer.write(b"welcome\n");
    simulation.run_until_idle();
    let shop = Exchange::lines(connection);
    let first = ask(&shop, "first");
    simulation.run_until_idle();
    assert!(ended_with(&first, |reason| matches!(
        reason,
        Reason::Violation(_)
    )));
}

#[test]
fn a_lost_connection_fails_all_that_wait_with_the_reason() {
    let simulation = Simulation::new();
    let (shop, peer) = exchange(&simulation);
    let shop = shop.pipeline(1);
    let both = ["first", "second"].map(|request| ask(&shop, request));
    simulation.run_until_idle();
    peer.reset();
    simulation.run_until_idle();
    assert!(
        both.iter()
            .all(|one| ended_with(one, |r| matches!(r, Reason::Reset)))
    );
    let late = ask(&shop, "third");
    assert!(ended_with(&late, |reason| matches!(reason, Reason::Reset)));
}

#[test]
fn a_peer_that_closes_fails_all_that_wait() {
    let simulation = Simulation::new();
    let (shop, peer) = exchange(&simulation);
    let first = ask(&shop, "first");
    let second = ask(&shop, "second");
    simulation.run_until_idle();
    peer.write(b"1\n");
    peer.close();
    simulation.run_for(SECOND);
    assert_answer(&first, "1");
    assert!(ended_with(&second, |reason| matches!(
        reason,
        Reason::PeerClosed
    )));
}

#[test]
fn dropping_the_last_clone_fails_what_waits_and_closes() {
    let simulation = Simulation::new();
    let (shop, peer) = exchange(&simulation);
    let first = ask(&shop, "first");
    let clone = shop.clone();
    drop(shop);
    simulation.run_until_idle();
    assert!(first.borrow().is_none() && peer.is_connected());
    drop(clone);
    assert!(ended_with(&first, |reason| matches!(
        reason,
        Reason::LocalClosed
    )));
    simulation.run_until_idle();
    assert!(peer.has_ended());
}

#[test]
fn a_finished_exchange_closes_behind_the_last_answer() {
    let simulation = Simulation::new();
    let (shop, peer) = exchange(&simulation);
    let first = ask(&shop, "first");
    simulation.run_until_idle();
    shop.finish();
    assert!(matches!(ask(&shop, "late").take(), Some(Err(_))));
    simulation.run_until_idle();
    assert!(!peer.has_ended());
    peer.write(b"1\n");
    simulation.run_until_idle();
    assert_answer(&first, "1");
    assert!(peer.has_ended());
}

#[test]
fn a_stop_waits_for_the_answers_within_its_grace() {
    let simulation = Simulation::new();
    let (shop, peer) = exchange(&simulation);
    let reactor = simulation.reactor();
    let first = ask(&shop, "first");
    let answers = peer.clone();
    reactor.call_later(SECOND, move || {
        answers.write(b"1\n");
        answers.shut_write();
    });
    reactor.stop();
    reactor.run().expect("it stops");
    assert_answer(&first, "1");
    assert!(simulation.elapsed() < 2 * SECOND);
}

#[test]
fn requests_and_answers_that_are_invalid_are_refused() {
    let simulation = Simulation::new();
    let (shop, peer) = exchange(&simulation);
    let shop = shop.max_answer(10);
    let injected = ask(&shop, "tea?\r\nsalt?");
    assert!(failed_with::<ExchangeError>(&injected));
    simulation.run_until_idle();
    assert_eq!(peer.read(), b"");
    let first = ask(&shop, "first");
    simulation.run_until_idle();
    peer.write(&[b'x'; 11]);
    simulation.run_until_idle();
    assert!(ended_with(&first, |reason| matches!(
        reason,
        Reason::Violation(_)
    )));
}

#[test]
fn requests_wait_while_the_peer_is_behind_and_none_is_lost() {
    let simulation = Simulation::new();
    let (shop, peer) = exchange(&simulation);
    peer.pause_reading();
    let long = "x".repeat(10_000);
    let answers: Vec<_> = (0..100)
        .map(|n| ask(&shop, &format!("{n}{long}")))
        .collect();
    simulation.run_for(SECOND);
    peer.resume_reading();
    simulation.run_for(SECOND);
    let requests = peer.read();
    assert_eq!(requests.iter().filter(|byte| **byte == b'\n').count(), 100);
    assert!((0..100).all(|n| peer.write(format!("{n}\n").as_bytes())));
    simulation.run_for(SECOND);
    for (n, answer) in answers.iter().enumerate() {
        assert_answer(answer, &n.to_string());
    }
}

#[test]
fn a_callback_may_ask_and_drop_the_exchange() {
    let simulation = Simulation::new();
    let (shop, peer) = exchange(&simulation);
    let again = shop.clone();
    let second = outcome(shop.ask("first").add_callback(move |_| again.ask("second")));
    simulation.run_until_idle();
    peer.write(b"1\n");
    simulation.run_until_idle();
    assert_eq!(peer.read(), b"first\r\nsecond\r\n");
    peer.write(b"2\n");
    simulation.run_until_idle();
    assert_answer(&second, "2");
    let held = shop.clone();
    let third = outcome(shop.ask("third").map(move |_| drop(held)));
    drop(shop);
    simulation.run_until_idle();
    peer.write(b"3\n");
    simulation.run_until_idle();
    assert!(matches!(*third.borrow(), Some(Ok(()))));
    simulation.run_until_idle();
    assert!(peer.has_ended());
}

/// A request is a number, and its answer as many bytes behind their count.
struct Counted;

impl Dialect<u8, Vec<u8>> for Counted {
    fn request(&mut self, request: u8, to: &mut Vec<u8>) -> Result<(), String> {
        to.push(request);
        Ok(())
    }

    fn answer(&mut self, received: &[u8]) -> Result<Answer<Vec<u8>>, String> {
        let end = 1 + usize::from(received[0]);
        if received[0] == 0 {
            return Err("expected a count that is not zero".to_owned());
        }
        Ok(match received.get(1..end) {
            Some(answer) => Answer::Whole {
                answer: answer.to_vec(),
                end,
            },
            None => Answer::Incomplete { wanted: end },
        })
    }
}

#[test]
fn a_dialect_of_ones_own_gets_its_bytes_however_they_are_split() {
    for seed in 0..30 {
        let simulation = Simulation::chaotic(seed);
        let (connection, peer) = connected(&simulation);
        let exchange = Exchange::new(connection, Counted);
        let answers: Vec<_> = (1..=50).map(|n: u8| outcome(exchange.ask(n))).collect();
        assert!(simulation.run_until_true(10 * SECOND, || peer.is_connected()));
        simulation.run_for(SECOND);
        for n in peer.read() {
            peer.write(&[&[n][..], &vec![n; usize::from(n)]].concat());
        }
        simulation.run_for(10 * SECOND);
        for (n, answer) in (1_u8..).zip(&answers) {
            let answer = answer.take().expect("it is there").expect("an answer");
            assert_eq!(answer, vec![n; usize::from(n)]);
        }
    }
}

#[test]
fn what_a_dialect_cannot_read_ends_the_connection() {
    let simulation = Simulation::new();
    let (connection, peer) = connected(&simulation);
    let exchange = Exchange::new(connection, Counted);
    let first: Deferred<Vec<u8>> = exchange.ask(1_u8);
    let first = outcome(first);
    simulation.run_until_idle();
    peer.write(&[0]);
    simulation.run_until_idle();
    assert!(failed_with::<Reason>(&first));
}
