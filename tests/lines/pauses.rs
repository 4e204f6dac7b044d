//! Lines that wait while reading is paused.

use std::time::Duration;

use reactor::testing::Conversation;
use reactor::{Group, Limits, Protocol, Transport};

use crate::pausing;
use crate::support::{CLOSED, Lines};

#[test]
fn lines_behind_a_pause_wait_and_come_in_order_before_what_is_received_later() {
    let lines = pausing();
    lines.say(b"1\npause\n2\npause\n3\nunfin");
    lines.say(b"ished\n4\n");
    lines.happened(&["1", "pause"]);
    lines.resume();
    lines.happened(&["reading_resumed", "2", "pause"]);
    lines.resume();
    lines.happened(&["reading_resumed", "3", "unfinished", "4"]);
}

/// Resumes somebody else's reading.
struct Resume(Transport);

impl Protocol for Resume {
    fn data_received(&mut self, _: &Transport, _: &[u8]) {
        self.0.resume_reading();
    }
}

#[test]
fn what_waits_does_not_grow_when_reading_is_resumed_for_one_line_a_turn() {
    let lines = pausing();
    lines.say(b"pause\npause too\n");
    lines.happened(&["pause"]);
    let simulation = lines.conversation.simulation();
    let resume = Resume(lines.transport().clone());
    let resume = Conversation::begin(simulation, resume, Limits::default());
    // The pause ends in the same turn in which these bytes are there, and before they are read.
    resume.peer().write(b"resume");
    lines.say(b"3\n");
    lines.happened(&["reading_resumed", "pause too"]);
    lines.resume();
    lines.happened(&["reading_resumed", "3"]);
}

#[test]
fn the_end_of_the_stream_waits_behind_lines_that_wait() {
    let lines = pausing();
    lines.say(b"1\npause\n2\npause again\nunfinished");
    lines.ends(&["1", "pause"]);
    lines.resume();
    lines.happened(&["reading_resumed", "2", "pause again"]);
    lines.resume();
    lines.happened(&["reading_resumed", "unfinished", "read_closed", CLOSED]);
}

#[test]
fn an_unfinished_line_waits_too_when_reading_is_paused_at_the_end_of_the_stream() {
    let lines = Lines::doing(|_, _| {});
    lines.say(b"unfinished");
    lines.transport().pause_reading();
    lines.ends(&[]);
    lines.resume();
    lines.happened(&["reading_resumed", "unfinished", "read_closed", CLOSED]);
}

/// Joins a group, and says nothing.
struct Listener(Group);

impl Protocol for Listener {
    fn connection_made(&mut self, transport: &Transport) {
        self.0.add(transport);
    }

    fn data_received(&mut self, _: &Transport, _: &[u8]) {}
}

#[test]
fn lines_of_a_talker_wait_while_a_listener_of_the_group_is_behind() {
    let group = Group::new();
    let room = group.clone();
    let lines = Lines::doing(move |_, line| {
        if line == b"shout" {
            room.write(&vec![b'x'; 400_000]);
        }
    });
    let simulation = lines.conversation.simulation();
    let listener = Conversation::begin(simulation, Listener(group), Limits::default());
    listener.peer().pause_reading();
    lines.conversation.peer().write(b"shout\nwhisper\n");
    simulation.run_for(Duration::from_millis(50));
    lines.happened(&["shout"]);
    assert!(!lines.transport().is_reading());
    listener.peer().resume_reading();
    simulation.run_for(Duration::from_millis(10));
    lines.happened(&["reading_resumed", "whisper"]);
}
