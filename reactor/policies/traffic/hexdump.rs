//! Traffic as a text.

use std::fmt::Write;
use std::time::Duration;

use super::flow::{Flow, Happening};

/// How many bytes a line shows.
const LINE: usize = 16;

/// What has happened this long after the log was made.
pub(super) fn text(since: Duration, flow: &Flow, what: &Happening<'_>) -> String {
    let mut text = format!(
        "{}.{:06} {} ",
        since.as_secs(),
        since.subsec_micros(),
        flow.id
    );
    // Writing to a String does not fail.
    let _ = match what {
        Happening::Opened => writeln!(text, "opened with {}, here {}", flow.peer, flow.local),
        Happening::Received(data) => writeln!(text, "received {} bytes", data.len()),
        Happening::Sent(data) => writeln!(text, "sent {} bytes", data.len()),
        Happening::PeerEnded => writeln!(text, "the peer ended its stream"),
        Happening::Ended => writeln!(text, "this side ended its stream"),
        Happening::Lost(reason) => writeln!(text, "lost: {reason}"),
    };
    match what {
        Happening::Received(data) => append_dump(&mut text, flow.received.bytes.get(), data),
        Happening::Sent(data) => append_dump(&mut text, flow.sent.bytes.get(), data),
        Happening::Opened | Happening::PeerEnded | Happening::Ended | Happening::Lost(_) => {}
    }
    text
}

fn append_dump(text: &mut String, mut offset: u64, data: &[u8]) {
    for line in data.chunks(LINE) {
        let _ = write!(text, "{offset:08x} ");
        for place in 0..LINE {
            let gap = if place % 8 == 0 { " " } else { "" };
            let _ = match line.get(place) {
                Some(byte) => write!(text, "{gap}{byte:02x} "),
                None => write!(text, "{gap}   "),
            };
        }
        // A byte that is no visible ASCII is a full stop: a terminal must not obey what a peer has sent.
        let visible = line.iter().map(|byte| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '.',
        });
        text.push_str(" |");
        text.extend(visible);
        text.push_str("|\n");
        offset += line.len() as u64;
    }
}
