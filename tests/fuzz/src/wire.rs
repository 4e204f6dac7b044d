//! Whatever bytes are read, in whatever pieces: the readers of `http::wire` neither panic nor hang, find the
//! same parts, and no mistake in pieces that the whole has not.

#![no_main]

use libfuzzer_sys::fuzz_target;
use reactor::http::wire::{
    HeadLimits, MessageError, Method, Part, RequestReader, ResponseReader, trailers,
};

/// The parts, one a line; the pieces of a body are one part.
fn lines<H>(lines: &mut Vec<String>, part: Part<'_, H>, head: impl FnOnce(H) -> String) {
    let line = match part {
        Part::Head(found) => head(found),
        Part::Body(bytes) => format!("body {}", bytes.escape_ascii()),
        Part::End(end) => format!("end {:?}", trailers(&end)),
    };
    match lines.last_mut() {
        Some(last) if last.starts_with("body ") && line.starts_with("body ") => {
            last.push_str(&line["body ".len()..]);
        }
        _ => lines.push(line),
    }
}

fn requests<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<String>, Option<MessageError>) {
    let (mut reader, limits) = (RequestReader::new(), HeadLimits::default());
    let mut found = Vec::new();
    for mut data in pieces {
        loop {
            match reader.read(&mut data, &limits) {
                Ok(Some(part)) => lines(&mut found, part, |head| {
                    let fields: Vec<_> = head.fields().collect();
                    let (method, framing) = (head.method(), head.framing());
                    format!("{method:?} {} {framing:?} {fields:?}", head.target())
                }),
                Ok(None) => break,
                Err(error) => return (found, Some(error)),
            }
        }
        assert!(data.is_empty(), "what is not a part is kept");
    }
    (found, None)
}

fn answer<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<String>, bool) {
    let mut reader = ResponseReader::new(Method::Get);
    let mut found = Vec::new();
    for mut data in pieces {
        loop {
            match reader.read(&mut data) {
                Ok(Some(part)) => lines(&mut found, part, |head| {
                    format!(
                        "{} {:?} {:?}",
                        head.status(),
                        head.framing(),
                        head.headers()
                    )
                }),
                Ok(None) => break,
                Err(_) => return (found, false),
            }
        }
    }
    (found, reader.finish())
}

fuzz_target!(|data: &[u8]| {
    // The first byte says how long the pieces are.
    let Some((size, bytes)) = data.split_first() else {
        return;
    };
    let size = usize::from(*size).max(1);
    let whole = requests(std::iter::once(bytes));
    let split = requests(bytes.chunks(size));
    assert_eq!(whole.0, split.0);
    // A head that has come in part is looked at when another line has ended, so that a mistake in it
    // may show later; one that shows in pieces shows in the whole.
    assert!(whole.1.is_some() || split.1.is_none());
    let (whole, split) = (answer(std::iter::once(bytes)), answer(bytes.chunks(size)));
    assert_eq!(whole.0, split.0);
    assert!(split.1 || !whole.1, "a whole answer is whole in pieces");
});
