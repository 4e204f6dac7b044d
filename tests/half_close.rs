//! One half of a connection ends, and the other goes on.

use std::time::Duration;

use reactor::testing::{Conversation, Simulation};
use reactor::{Limits, Protocol, Transport};

/// Says much, then that it will say no more, and listens.
struct Lecturer;

impl Protocol for Lecturer {
    fn connection_made(&mut self, transport: &Transport) {
        // The socket takes a part of it, and what is left is not so much that writing is paused.
        transport.write(&[b'x'; 120_000]);
        transport.lose_write_connection();
    }

    fn data_received(&mut self, _: &Transport, _: &[u8]) {}

    fn read_closed(&mut self, _: &Transport) {}
}

#[test]
fn the_end_of_what_is_sent_comes_behind_bytes_that_the_socket_takes_later() {
    let lecture = Conversation::with(Lecturer);
    lecture.peer().pause_reading();
    lecture.run_for(Duration::from_secs(1));
    lecture.peer().resume_reading();
    lecture.run_for(Duration::from_secs(1));
    assert_eq!(lecture.hear().len(), 120_000);
    assert!(lecture.peer().has_ended());
    assert!(lecture.transport().is_open());
}

/// Counts the ends of what it hears, and says on.
struct Patient(usize);

impl Protocol for Patient {
    fn data_received(&mut self, _: &Transport, _: &[u8]) {}

    fn read_closed(&mut self, transport: &Transport) {
        self.0 += 1;
        transport.write(b"and another thing");
    }
}

#[test]
fn the_end_of_the_peers_stream_is_told_once() {
    for seed in 0..100 {
        let simulation = Simulation::chaotic(seed);
        let patient = Conversation::begin(&simulation, Patient(0), Limits::default());
        patient.say(b"the end");
        patient.shut_write();
        for _ in 0..20 {
            patient.transport().write(b"and another");
            patient.run_for(Duration::from_secs(1));
        }
        assert_eq!(patient.ask(|patient, _| patient.0), 1, "seed {seed}");
    }
}

#[test]
fn a_connection_of_which_both_halves_have_ended_is_lost_whichever_was_first() {
    for seed in 0..50 {
        let simulation = Simulation::chaotic(seed);
        let limits = Limits::default;
        let lecture = Conversation::begin(&simulation, Lecturer, limits());
        lecture.run_for(Duration::from_secs(10));
        assert!(lecture.transport().is_open());
        lecture.shut_write();
        lecture.run_for(Duration::from_secs(1));
        let reason = lecture.reason();
        assert!(
            reason.is_some_and(|reason| reason.is_clean()),
            "seed {seed}"
        );

        let patient = Conversation::begin(&simulation, Patient(0), limits());
        patient.shut_write();
        patient.run_for(Duration::from_secs(1));
        assert!(patient.transport().is_open());
        patient.transport().lose_write_connection();
        patient.run_for(Duration::from_secs(1));
        let reason = patient.reason();
        assert!(
            reason.is_some_and(|reason| reason.is_clean()),
            "seed {seed}"
        );
        assert_eq!(patient.hear(), b"and another thing");
    }
}
