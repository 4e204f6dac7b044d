//! One claim: a line costs tens of nanoseconds, and the bytes in it next to nothing.
//!
//! ```text
//! $ cargo bench --bench framing
//! ```
//!
//! The first table is about the search for the end of a line, in ns a line: one byte after the
//! other, as an iterator does, against the search of the standard library, many bytes at a time,
//! which a slice offers as a reader. The second is the whole receiver, with a protocol that adds
//! the lengths up: reads of 64 KiB, whose last lines are cut; and a byte a read. Each figure is the
//! median of several rounds.

use std::hint::black_box;
use std::io::BufRead;
use std::time::Instant;

use reactor::Protocol;
use reactor::framing::{LineProtocol, LineReceiver, LineTransport};
use reactor::testing::Conversation;

const ROUNDS: usize = 9;
const BYTES: usize = 8 << 20;
const READ: usize = 64 << 10;

/// The median of several rounds, in ns for each of `count`.
fn median(count: usize, mut work: impl FnMut()) -> f64 {
    let mut rounds: Vec<_> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            work();
            began.elapsed().as_nanos() as f64 / count as f64
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

/// Lines of this length, of about so many bytes together.
fn lines(length: usize, bytes: usize) -> (usize, Vec<u8>) {
    let mut line = vec![b'x'; length];
    line.push(b'\n');
    let count = bytes / line.len();
    (count, line.repeat(count))
}

fn by_iterator(bytes: &[u8]) -> Option<usize> {
    bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .map(|at| at + 1)
}

fn by_reader(mut bytes: &[u8]) -> Option<usize> {
    bytes.skip_until(b'\n').ok().filter(|end| *end > 0)
}

fn search(bytes: &[u8], find: impl Fn(&[u8]) -> Option<usize>) {
    let mut rest = bytes;
    while let Some(end) = find(rest) {
        rest = black_box(&rest[end..]);
    }
}

#[derive(Default)]
struct Total(usize);

impl LineProtocol for Total {
    fn line_received(&mut self, _: &LineTransport<'_>, line: &[u8]) {
        self.0 = black_box(self.0 + line.len());
    }
}

fn main() {
    println!("search           iterator    reader   ns a line");
    for length in [0, 10, 60, 500, 16_000] {
        let (count, bytes) = lines(length, BYTES);
        let iterator = median(count, || search(&bytes, by_iterator));
        let reader = median(count, || search(&bytes, by_reader));
        println!("{length:>6} bytes {iterator:>12.1} {reader:>9.1}");
    }

    let anybody = Conversation::with(LineReceiver::new(Total::default()));
    let transport = anybody.transport();
    println!("receiver         whole reads   byte by byte   ns a line");
    for length in [0, 10, 60, 500, 16_000] {
        let mut receiver = LineReceiver::new(Total::default());
        let mut receive = |bytes: &[u8], read: usize, count: usize| {
            median(count, || {
                for piece in bytes.chunks(read) {
                    receiver.data_received(transport, piece);
                }
            })
        };
        let (count, bytes) = lines(length, BYTES);
        let whole = receive(&bytes, READ, count);
        let (count, bytes) = lines(length, BYTES / 8);
        let single = receive(&bytes, 1, count);
        println!("{length:>6} bytes {whole:>15.1} {single:>14.1}");
    }
}
