//! The chat example, as a real process among people who are slow, rude, hostile or unlucky.
//!
//! Each test holds the program to a figure. `cargo test --test chat -- --nocapture` tells how far
//! from it the program stays.

#[path = "../support/chat.rs"]
mod chat;
mod process;

use std::thread;
use std::time::{Duration, Instant};

use chat::{Chat, Person, WELCOME, shown};

const MB: usize = 1_000_000;

#[test]
fn someone_who_stops_reading_is_dropped_and_disturbs_nobody() {
    let chat = Chat::start();
    let stalled = chat.join();
    let talker = chat.join();
    let listeners: [_; 3] = chat.join_many();
    let before = chat.process.memory();
    let bytes = 100 * MB;
    let gap = thread::scope(|scope| {
        let following = listeners.each_ref().map(|listener| {
            // A thread for each, because all of them have to read at once.
            scope.spawn(move || listener.hears_numbered_lines(bytes))
        });
        talker.says_numbered_lines(bytes);
        let gaps = following.map(|thread| thread.join().expect("the listener heard it all"));
        gaps.into_iter().max().expect("there are listeners")
    });
    let growth = chat.process.peak_memory() - before;
    println!("100 MB past one who does not read: {gap:?} at most, {growth} bytes");
    // It takes half a minute to be sure that somebody has stopped, but not in silence.
    assert!(gap < Duration::from_secs(2), "silence for {gap:?}");
    assert!(growth < 8 * MB, "memory grew by {growth} bytes");
    chat.logs_the_loss_of(&stalled, "did not read");
    stalled.hears_out();
}

#[test]
fn someone_who_never_ends_a_line_is_dropped_and_disturbs_nobody() {
    let chat = Chat::start();
    let endless = chat.join();
    let [alice, bob] = chat.join_many();
    let before = chat.process.memory();
    let said = thread::scope(|scope| {
        let saying = scope.spawn(|| {
            let piece = [b'x'; 100_000];
            let mut pieces = 0..100 * MB / piece.len();
            pieces.position(|_| endless.tries_to_say(&piece).is_err())
        });
        loop {
            alice.says(b"is it raining there?\n");
            bob.hears(b"is it raining there?\n");
            bob.says(b"not any more\n");
            alice.hears(b"not any more\n");
            if saying.is_finished() {
                break;
            }
        }
        saying.join().expect("it says what it can")
    });
    let growth = chat.process.peak_memory() - before;
    println!("a line without an end: {growth} bytes, ended in piece {said:?}");
    assert!(said.is_some(), "it could say 100 MB");
    assert!(growth < MB, "memory grew by {growth} bytes");
    chat.logs_the_loss_of(&endless, "expected lines of at most 16384 bytes");
}

#[test]
fn a_line_may_be_16_kib_long() {
    let chat = Chat::start();
    let [alice, bob] = chat.join_many();
    let mut line = vec![b'a'; 16 << 10];
    line.push(b'\n');
    alice.says(&line);
    bob.hears(&line);
    line.insert(0, b'a');
    alice.says(&line);
    chat.logs_the_loss_of(&alice, "expected lines of at most 16384 bytes");
    alice.hears_out();
}

#[test]
fn lines_that_arrive_in_interleaved_pieces_stay_whole() {
    let chat = Chat::start();
    let [alice, bob, carol] = chat.join_many();
    let (hers, his) = (b"the quick brown fox\n", b"lorem ipsum dolor!!\n");
    for at in 1..hers.len() {
        alice.says(&hers[..at]);
        bob.says(&his[..hers.len() - at]);
        alice.says(&hers[at..]);
        carol.hears(hers);
        bob.says(&his[hers.len() - at..]);
        carol.hears(his);
    }
    for (letter, other) in hers.iter().zip(his).take(hers.len() - 1) {
        alice.says(&[*letter]);
        bob.says(&[*other]);
    }
    bob.says(b"\n");
    carol.hears(his);
    alice.says(b"\n");
    carol.hears(hers);
    for _ in 0..hers.len() {
        alice.hears(his);
        bob.hears(hers);
    }
}

#[test]
fn nobody_hears_what_they_say_themselves() {
    let chat = Chat::start();
    let [alice, bob] = chat.join_many();
    alice.says(b"one\ntwo\n");
    bob.hears(b"one\ntwo\n");
    bob.says(b"three\n");
    alice.hears(b"three\n");
}

#[test]
fn bytes_that_are_not_utf_8_pass_as_they_are() {
    let chat = Chat::start();
    let [alice, bob] = chat.join_many();
    for line in [
        &b"\xff\n"[..],
        b"caf\xe9\n",
        b"\xfe\xff \xc3 \xe2\xff \xf0\n",
        "grüße, 世界, 🦀, Ɛ, \u{a0}\n".as_bytes(),
        b"a\ttab\n",
        b"\n",
    ] {
        alice.says(line);
        bob.hears(line);
    }
}

#[test]
fn a_line_keeps_the_ending_that_its_sender_gave_it() {
    let chat = Chat::start();
    let [alice, bob] = chat.join_many();
    for line in ["by telnet\r\n", "by nc\n", "\r\n", "\n", "\x1b[2J\r\n"] {
        alice.says(line.as_bytes());
        bob.hears(line.replace('\x1b', "^[").as_bytes());
    }
    alice.says(b"CR alone is no end\r\r\n");
    bob.hears(b"CR alone is no end^M\r\n");
}

#[test]
fn control_characters_never_reach_another_terminal() {
    let chat = Chat::start();
    let [alice, bob] = chat.join_many();
    alice.says(b"clear \x1b[2J, ring \x07, go back \r over \x08 it \x00 \x7f\n");
    bob.hears(b"clear ^[[2J, ring ^G, go back ^M over ^H it ^@ ^?\n");
    alice.says(
        "turn \u{202e}around\u{2066}, hide\u{200b}\u{e0041}, \u{1f468}\u{200d}\u{1f469}\n"
            .as_bytes(),
    );
    bob.hears(
        "turn <U+202E>around<U+2066>, hide<U+200B><U+E0041>, \u{1f468}\u{200d}\u{1f469}\n"
            .as_bytes(),
    );
    let controls = (0..=0x9f).filter(|byte| (..0x20).contains(byte) || (0x7f..).contains(byte));
    for byte in controls.filter(|byte| !b"\t\n".contains(byte)) {
        let utf_8 = char::from(byte).to_string();
        for form in [&[byte][..], utf_8.as_bytes(), &[0xc0, byte], &[0xe2, byte]] {
            alice.says(&[b"<", form, b">\n"].concat());
            let heard = bob.hears_a_line();
            assert!(
                heard.starts_with(b"<") && heard.ends_with(b">\n"),
                "the rest of the line stays: {:?}",
                shown(&heard)
            );
            assert!(
                !has_control(heard.trim_ascii_end()),
                "{:?} came as {:?}",
                shown(form),
                shown(&heard)
            );
        }
    }
}

/// Whether a terminal may find a control character here, be it one that reads UTF-8 or, where this
/// is no UTF-8, one that does not.
fn has_control(line: &[u8]) -> bool {
    line.utf8_chunks().any(|chunk| {
        chunk.valid().contains(char::is_control)
            || chunk
                .invalid()
                .iter()
                .any(|byte| (0x80..0xa0).contains(byte))
    })
}

#[test]
fn someone_who_resets_the_connection_disturbs_nobody() {
    let chat = Chat::start();
    let talker = chat.join();
    let listeners: [_; 2] = chat.join_many();
    let bytes = 5 * MB;
    let resets = thread::scope(|scope| {
        let following = listeners
            .each_ref()
            .map(|listener| scope.spawn(move || listener.hears_numbered_lines(bytes)));
        let talking = scope.spawn(|| talker.says_numbered_lines(bytes));
        let mut resets = 0;
        while resets < 20 || !talking.is_finished() {
            // A socket that is closed with something unread resets its connection.
            let rude = chat.connect();
            rude.leaves_something_unread();
            resets += 1;
        }
        for thread in following {
            thread.join().expect("the listener heard it all");
        }
        resets
    });
    println!("{resets} resets during 5 MB");
    chat.process.logs("the peer reset the connection");
    talker.says(b"still here?\n");
    for listener in &listeners {
        listener.hears(b"still here?\n");
    }
}

#[test]
fn more_people_than_descriptors_wait_their_turn_at_no_cost() {
    let chat = Chat::start_after("ulimit -n 64");
    let people: Vec<Person> = (0..200).map(|_| chat.connect()).collect();
    let logged_before = chat.process.logs("its limit: new ones wait");
    let computed_before = chat.process.cpu_time();
    let began = Instant::now();
    people[199].hears_nothing_for(Duration::from_secs(2));
    let share =
        (chat.process.cpu_time() - computed_before).as_secs_f64() / began.elapsed().as_secs_f64();
    let logged = chat.process.logged() - logged_before;
    println!(
        "out of descriptors: {:.1} % CPU, {logged} bytes of log",
        share * 100.0
    );
    assert!(share < 0.05, "it computes {:.1} %", share * 100.0);
    assert!(logged < 4 << 10, "it has logged {logged} bytes");

    let mut inside = people;
    let mut waiting = inside.split_off(40);
    inside.iter().for_each(|person| person.hears(WELCOME));
    inside[0].says(b"is it full?\n");
    inside[1].hears(b"is it full?\n");
    drop(inside);
    // Who came first is let in first.
    waiting[40].hears(WELCOME);
    let last = waiting.split_off(waiting.len() - 2);
    drop(waiting);
    last.iter().for_each(|person| person.hears(WELCOME));
    last[0].says(b"we are in\n");
    last[1].hears(b"we are in\n");
}

#[test]
fn thousands_who_come_and_go_leave_nothing_behind() {
    let chat = Chat::start();
    let [alice, bob] = chat.join_many();
    let come_and_go = || {
        for _ in 0..1000 {
            let shy = chat.join();
            shy.says(b"bye\n");
            shy.leaves();
            alice.hears(b"bye\n");
            bob.hears(b"bye\n");
        }
    };
    come_and_go();
    let (descriptors, memory) = (chat.process.descriptors(), chat.process.memory());
    come_and_go();
    let growth = chat.process.memory().saturating_sub(memory);
    println!("1,000 who came and went: {growth} bytes");
    assert_eq!(chat.process.descriptors(), descriptors);
    assert!(growth < MB / 4, "memory grew by {growth} bytes");
}

#[test]
fn everything_that_many_say_at_once_is_heard_by_all_others_once_and_in_order() {
    const PEOPLE: usize = 20;
    const LINES: usize = 2000;
    let chat = Chat::start();
    let people: [_; PEOPLE] = chat.join_many();
    let began = Instant::now();
    thread::scope(|scope| {
        for (me, person) in people.iter().enumerate() {
            scope.spawn(move || {
                for number in 0..LINES {
                    person.says(format!("{me:02} {number}\n").as_bytes());
                }
            });
            scope.spawn(move || {
                let mut next = [0; PEOPLE];
                next[me] = LINES;
                for line in person.lines().take((PEOPLE - 1) * LINES) {
                    let line = String::from_utf8(line).expect("it is text");
                    let (who, number) = line.split_once(' ').expect("it is whole");
                    let who: usize = who.parse().expect("it is a name");
                    assert_eq!(number.parse(), Ok(next[who]), "what {who} said");
                    next[who] += 1;
                }
                assert_eq!(next, [LINES; PEOPLE], "everything was heard");
            });
        }
    });
    let deliveries = PEOPLE * (PEOPLE - 1) * LINES;
    println!("{deliveries} deliveries in {:?}", began.elapsed());
}
