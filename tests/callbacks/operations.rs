//! Every operation in every callback, on its own connection and on another.

use std::rc::Rc;

use reactor::lifecycle::{Phase, SystemEvent};
use reactor::observe::{Cause, Event, Observer};
use reactor::{Group, Reason, RunError};

use crate::support::millis;
use crate::{Act, Actor, CAUSES, Operation, Passage, run};

const OPERATIONS: &[(&str, Operation)] = &[
    ("write", |_, t| {
        t.write(&[b'w'; 50_000]);
    }),
    ("lose_connection", |_, t| t.lose_connection()),
    ("lose_write_connection", |_, t| t.lose_write_connection()),
    ("abort_connection", |_, t| t.abort_connection()),
    ("fail_connection", |_, t| {
        t.fail_connection(Reason::Violation("this".to_owned()));
    }),
    ("pause and resume", |_, t| {
        t.pause_reading();
        t.resume_reading();
    }),
    ("pause for a while", |stage, t| {
        t.pause_reading();
        let t = t.clone();
        stage
            .reactor()
            .call_later(millis(50), move || t.resume_reading());
    }),
    ("set_timeout", |_, t| {
        t.set_timeout(Some(millis(20)));
    }),
    ("push_layer", |stage, t| {
        t.push_layer(Passage::new(stage.weak()), b"more");
    }),
    ("handle", |stage, t| {
        let alive = stage.alive.clone();
        t.handle::<Actor>().call(move |_, transport| {
            let _alive = alive;
            transport.write(b"from a handle");
        });
    }),
    ("group", |_, t| {
        let group = Group::new();
        group.add(t);
        group.write(b"to all");
        group.write_except(t, b"to the others");
        group.remove(t);
        group.add(t);
        group.write(&[b'g'; 100_000]);
    }),
    ("ask", |_, t| {
        let _ = (t.unsent(), t.is_open(), t.is_lost(), t.is_reading(), t.id());
        let _ = (
            t.peer_addr().clone(),
            t.local_addr().clone(),
            format!("{t:?}"),
        );
    }),
    ("listen", |stage, _| {
        let port = stage.reactor().listen_tcp("10.0.0.3:0", stage.factory());
        port.expect("a port is free").stop_listening();
    }),
    ("stop listening", |stage, _| {
        stage
            .port
            .borrow()
            .as_ref()
            .expect("it was set")
            .stop_listening();
    }),
    ("connect", |stage, _| {
        stage.reactor().connect_tcp("10.0.0.9", 9, stage.factory());
    }),
    ("connect and cancel", |stage, _| {
        stage
            .reactor()
            .connect_tcp("10.0.0.9", 9, stage.factory())
            .cancel();
    }),
    ("timers", |stage, _| {
        let alive = stage.alive.clone();
        let call = stage.reactor().call_later(millis(1), move || drop(alive));
        assert!(call.reset(millis(2)), "it is pending");
        assert!(call.cancel(), "it is pending");
        let alive = stage.alive.clone();
        stage.reactor().call_later(millis(0), move || drop(alive));
    }),
    ("call_soon", |stage, _| {
        let alive = stage.alive.clone();
        stage.reactor().call_soon(move || drop(alive));
    }),
    ("call_from_thread", |stage, _| {
        let called = stage.reactor().remote().call_from_thread(|_| ());
        called.expect("the loop is there");
    }),
    ("observers", |stage, _| {
        let observer: Rc<dyn Observer> = Rc::new(Deaf);
        stage.reactor().add_observer(Rc::clone(&observer));
        stage.reactor().remove_observer(&observer);
    }),
    ("trigger", |stage, _| {
        let alive = stage.alive.clone();
        let drop_it = move || drop(alive);
        stage
            .reactor()
            .add_system_event_trigger(Phase::After, SystemEvent::Shutdown, drop_it);
    }),
    ("run", |stage, _| {
        assert!(matches!(
            stage.reactor().run(),
            Err(RunError::AlreadyRunning)
        ));
    }),
    ("stop", |stage, _| stage.reactor().stop()),
    ("shutdown at once", |stage, _| {
        stage.reactor().shutdown(millis(0));
    }),
];

struct Deaf;

impl Observer for Deaf {
    fn event(&self, _: std::time::Instant, _: &Event<'_>) {}
}

#[test]
fn the_scenario_provokes_every_callback() {
    let outcome = run("nothing", Cause::DataReceived, None);
    for cause in CAUSES {
        assert!(outcome.causes.contains(cause), "{cause:?} did not come");
    }
    let expected = [
        "#2 the peer closed the connection",
        "#3 the connection was closed on this side",
        "#4 the connection was closed on this side",
    ];
    assert_eq!(outcome.lost.entries(), expected);
}

#[test]
fn every_operation_is_legal_in_every_callback_on_itself_and_on_another() {
    let mut runs = 0;
    for (name, operation) in OPERATIONS {
        for cause in CAUSES {
            for (whose, act) in [
                ("its own", Act::OnItself(*operation)),
                ("another", Act::OnAnother(*operation)),
            ] {
                let what = format!("{name} of {whose} connection in {cause:?}");
                let outcome = run(&what, *cause, Some(act));
                assert!(outcome.acted, "{what} was not done");
                runs += 1;
            }
        }
    }
    assert_eq!(runs, OPERATIONS.len() * CAUSES.len() * 2);
}
