//! What layers send of their own accord, and their last bytes before an end.

use reactor::testing::Conversation;
use reactor::{Protocol, Reason, Transport};

use crate::support::{Heard, Log, Probe, SECOND, Then, UNSENT, pattern};
use crate::{GREETING, Polite, Shift, Talkative, begins_with};

/// A protocol above the talkative layer, which says "hello" and does one thing more.
fn above_a_talkative_layer(then: fn(&Transport)) -> (Conversation<impl Protocol>, Log) {
    let log = Log::default();
    let protocol = Probe::new(
        &log,
        move |heard: &Heard<'_>, transport: &Transport| match heard {
            Heard::Made => {
                transport.push_layer(Talkative, b"");
                transport.write(b"hello");
                then(transport);
                Then::Default
            }
            _ => Then::Nothing,
        },
    );
    let conversation = Conversation::with(protocol);
    conversation.run_for(SECOND);
    log.take();
    (conversation, log)
}

#[test]
fn layers_say_their_last_words_before_half_a_close_and_are_not_heard_after_it() {
    let (conversation, log) = above_a_talkative_layer(Transport::lose_write_connection);
    assert_eq!(conversation.hear(), b"hello.");
    assert!(conversation.peer().has_ended());
    for _ in 0..3 {
        conversation.say(b"on");
        conversation.run_for(SECOND);
    }
    assert_eq!(log.entries(), ["on"; 3]);
    assert!(conversation.transport().is_open());
}

#[test]
fn layers_are_not_asked_about_an_end_that_this_side_has_begun() {
    let (conversation, log) = above_a_talkative_layer(Transport::lose_connection);
    conversation.say(b"another word");
    conversation.shut_write();
    conversation.run_for(SECOND);
    assert_eq!(conversation.hear(), b"hello.");
    assert_eq!(log.entries(), [format!("lost: {}", Reason::LocalClosed)]);
}

#[test]
fn what_layers_answer_to_a_peer_that_does_not_read_is_bounded() {
    let (conversation, log) = above_a_talkative_layer(|_| {});
    conversation.peer().pause_reading();
    let limit = UNSENT;
    for _ in 0..50 {
        conversation.say(&pattern(100_000));
        assert!(conversation.transport().unsent() < 2 * limit);
    }
    let reason = Reason::UnsentOverflow { limit };
    assert!(log.contains(&format!("lost: {reason}")), "{log:?}");
}

#[test]
fn last_words_wait_for_the_layer_below() {
    let (conversation, _) = begins_with(|transport| {
        transport.push_layer(Polite::new(b'a'), b"");
        transport.push_layer(Shift, b"");
        transport.push_layer(Talkative, b"");
        transport.lose_connection();
    });
    assert_eq!(conversation.hear(), [b'a'; GREETING]);
    conversation.say(&[b'a'; GREETING]);
    assert_eq!(conversation.hear(), b"/.a", "a shifted full stop");
    assert!(conversation.peer().has_ended());
}
