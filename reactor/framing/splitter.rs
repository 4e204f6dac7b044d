//! Finds the lines in bytes that come in pieces. No transport, no protocol: bytes in, lines out.
//!
//! Each byte is looked at once, in the piece in which it comes: what is kept of an unfinished line
//! was searched already, and is not searched again.

use std::borrow::Cow;
use std::io::BufRead;

/// What ends a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delimiter {
    /// LF, with one CR before it taken away, and the end of the stream behind an unfinished line.
    LineFeed,
    /// These bytes, of which there is at least one, and nothing else.
    Exactly(&'static [u8]),
}

impl Delimiter {
    /// What a line is sent with.
    pub(crate) fn to_send(self) -> &'static [u8] {
        match self {
            Self::LineFeed => b"\r\n",
            Self::Exactly(bytes) => bytes,
        }
    }

    /// What to search for: no delimiter ends without it.
    fn last_byte(self) -> u8 {
        match self {
            Self::LineFeed => b'\n',
            Self::Exactly(bytes) => bytes[bytes.len() - 1],
        }
    }

    /// How many bytes of an unfinished line may already belong to its delimiter.
    fn may_have_begun(self) -> usize {
        self.to_send().len() - 1
    }
}

/// What a protocol is called with. Borrowed, when it lies whole in the piece that came last.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Split<'a> {
    /// A line, without its delimiter, and that: LF where the end of the stream has ended it.
    Line(Cow<'a, [u8]>, &'static [u8]),
    /// The beginning of a line that is too long, as much of it as is allowed.
    TooLong(Cow<'a, [u8]>),
}

/// The state between pieces.
pub(crate) struct Splitter {
    pub(crate) delimiter: Delimiter,
    pub(crate) max_length: usize,
    /// The unfinished line. While skipping, only what may be the beginning of its delimiter.
    partial: Vec<u8>,
    /// Whether the rest of a line that was too long is awaited.
    skipping: bool,
}

impl Splitter {
    pub(crate) fn new(max_length: usize) -> Self {
        Self {
            delimiter: Delimiter::LineFeed,
            max_length,
            partial: Vec::new(),
            skipping: false,
        }
    }

    pub(crate) fn is_skipping(&self) -> bool {
        self.skipping
    }

    /// Whether a part of a line has come, and not its end.
    pub(crate) fn has_partial(&self) -> bool {
        !self.skipping && !self.partial.is_empty()
    }

    /// The part of a line that has come, which is then forgotten.
    pub(crate) fn take_partial(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.partial)
    }

    /// Takes the next line from the front of `input`, or all of it when no line ends there.
    pub(crate) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Option<Split<'a>> {
        if let Some(end) = self.find_end(input) {
            let (head, rest) = input.split_at(end);
            *input = rest;
            return Some(self.end_line(head));
        }
        // No line ends here. The limit is checked before the piece is kept, so that a peer which sends
        // no line end costs no more memory than one line.
        let piece = std::mem::take(input);
        let longest = self
            .max_length
            .saturating_add(self.delimiter.may_have_begun());
        if self.partial.len().saturating_add(piece.len()) <= longest {
            self.partial.extend_from_slice(piece);
            return None;
        }
        // Before the line is taken, since its delimiter may have begun in what was partial.
        let overlap = self.overlap(piece);
        let prefix = self.take_line(piece, self.max_length);
        self.partial = overlap;
        self.skipping = true;
        Some(Split::TooLong(prefix))
    }

    /// Takes the rest of a line that was too long from the front of `input`.
    pub(crate) fn skip(&mut self, input: &mut &[u8]) {
        if let Some(end) = self.find_end(input) {
            *input = &input[end..];
            self.skipping = false;
            // It was the beginning of a delimiter, not of the next line.
            self.partial = Vec::new();
        } else {
            self.partial = self.overlap(input);
            *input = &[];
        }
    }

    /// The stream has ended: what is left is a line, unless only a delimiter ends one.
    pub(crate) fn finish(&mut self) -> Option<Split<'static>> {
        let rest = self.take_partial();
        let was_skipping = std::mem::replace(&mut self.skipping, false);
        if rest.is_empty() || was_skipping || self.delimiter != Delimiter::LineFeed {
            return None;
        }
        // The LF that would have ended it takes one CR with it, as everywhere.
        let length = rest.len() - usize::from(rest.ends_with(b"\r"));
        self.partial = rest;
        Some(self.line_of(&[], length, b"\n"))
    }

    /// Where in `input` the line ends: behind its delimiter, which may have begun before `input`.
    fn find_end(&self, input: &[u8]) -> Option<usize> {
        let last = self.delimiter.last_byte();
        let mut end = find(last, input)?;
        while let Delimiter::Exactly(delimiter) = self.delimiter {
            if self.ends_with(&input[..end], delimiter) {
                break;
            }
            // The last byte of a delimiter inside a line. Searching goes on behind it, so each byte is
            // looked at once.
            end += find(last, &input[end..])?;
        }
        Some(end)
    }

    /// Whether the partial line and `head` behind it end with `delimiter`.
    fn ends_with(&self, head: &[u8], delimiter: &[u8]) -> bool {
        let before = delimiter.len().saturating_sub(head.len());
        head.ends_with(&delimiter[before..]) && self.partial.ends_with(&delimiter[..before])
    }

    /// The partial line, and `head` behind it, is a line with its delimiter.
    fn end_line<'a>(&mut self, head: &'a [u8]) -> Split<'a> {
        let length = self.partial.len() + head.len();
        let delimiter = match self.delimiter {
            Delimiter::Exactly(delimiter) => delimiter,
            Delimiter::LineFeed if self.ends_with(head, b"\r\n") => b"\r\n",
            Delimiter::LineFeed => b"\n",
        };
        self.line_of(head, length - delimiter.len(), delimiter)
    }

    /// The first `length` bytes of the partial line, and `head` behind it, are a line that
    /// `delimiter` has ended.
    fn line_of<'a>(
        &mut self,
        head: &'a [u8],
        length: usize,
        delimiter: &'static [u8],
    ) -> Split<'a> {
        if length <= self.max_length {
            Split::Line(self.take_line(head, length), delimiter)
        } else {
            Split::TooLong(self.take_line(head, self.max_length))
        }
    }

    /// The first `length` bytes of the partial line and `head` behind it. Not more than that is
    /// copied, and nothing when there is no partial line.
    fn take_line<'a>(&mut self, head: &'a [u8], length: usize) -> Cow<'a, [u8]> {
        // The usual case: a read holds many lines, of which only the last one is cut.
        if self.partial.is_empty() {
            return Cow::Borrowed(&head[..length]);
        }
        let mut line = self.take_partial();
        let missing = length.saturating_sub(line.len());
        line.extend_from_slice(&head[..missing]);
        line.truncate(length);
        Cow::Owned(line)
    }

    /// The last bytes of a line that is skipped, in which its delimiter may have begun.
    fn overlap(&self, piece: &[u8]) -> Vec<u8> {
        let Delimiter::Exactly(delimiter) = self.delimiter else {
            return Vec::new(); // one byte is the whole delimiter
        };
        let wanted = delimiter.len() - 1;
        let from_piece = &piece[piece.len().saturating_sub(wanted)..];
        let missing = (wanted - from_piece.len()).min(self.partial.len());
        let mut overlap = self.partial[self.partial.len() - missing..].to_vec();
        overlap.extend_from_slice(from_piece);
        overlap
    }
}

/// Where the first `byte` of `bytes` ends. The standard library searches many bytes at a time, and
/// offers that for a reader only; a slice is one.
fn find(byte: u8, bytes: &[u8]) -> Option<usize> {
    let mut reader = bytes;
    let end = reader.skip_until(byte).ok()?;
    // Without the byte, the count is that of all bytes.
    bytes[..end].ends_with(&[byte]).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn splitter(delimiter: Delimiter) -> Splitter {
        Splitter {
            delimiter,
            ..Splitter::new(8)
        }
    }

    /// All that comes of `pieces`, as text: lines in brackets, beginnings of long lines in braces.
    fn split(delimiter: Delimiter, pieces: &[&[u8]]) -> String {
        let mut splitter = splitter(delimiter);
        let mut told = String::new();
        let mut tell = |split: Split<'_>| match split {
            Split::Line(line, _) => told += &format!("[{}]", line.escape_ascii()),
            Split::TooLong(prefix) => told += &format!("{{{}}}", prefix.escape_ascii()),
        };
        for piece in pieces {
            let mut input = *piece;
            while !input.is_empty() {
                if splitter.is_skipping() {
                    splitter.skip(&mut input);
                } else if let Some(split) = splitter.next(&mut input) {
                    tell(split);
                }
            }
            assert!(splitter.partial.len() <= 8 + delimiter.may_have_begun());
        }
        splitter.finish().into_iter().for_each(&mut tell);
        assert_eq!(splitter.partial.capacity(), 0);
        told
    }

    /// Tries every way to cut `bytes` into three pieces, and the one with a byte in each.
    #[track_caller]
    fn always(delimiter: Delimiter, bytes: &[u8], expected: &str) {
        for second in 0..=bytes.len() {
            for first in 0..=second {
                let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                assert_eq!(split(delimiter, &pieces), expected, "{first} {second}");
            }
        }
        let single: Vec<_> = bytes.chunks(1).collect();
        assert_eq!(split(delimiter, &single), expected, "byte by byte");
    }

    const ANY: Delimiter = Delimiter::LineFeed;
    const CRLF: Delimiter = Delimiter::Exactly(b"\r\n");

    #[test]
    fn lf_and_crlf_end_a_line_wherever_it_is_cut() {
        always(ANY, b"ab\ncd\r\n\n\r\nef\r\r\n", "[ab][cd][][][ef\\r]");
        always(ANY, b"ab\rcd\n\xff\0\n", "[ab\\rcd][\\xff\\x00]");
    }

    #[test]
    fn only_the_exact_delimiter_ends_a_strict_line_wherever_it_is_cut() {
        always(CRLF, b"ab\r\ncd\r\n\r\n\r\n", "[ab][cd][][]");
        always(CRLF, b"a\nb\rc\r\r\n\n\r\n", "[a\\nb\\rc\\r][\\n]");
        always(Delimiter::Exactly(b"aab"), b"aaab1aabab", "[a][1]");
        always(Delimiter::Exactly(b"\0"), b"x\n\0\0y", "[x\\n][]");
    }

    #[test]
    fn an_unfinished_line_at_the_end_of_the_stream_is_a_line_unless_strict() {
        always(ANY, b"a\nhi", "[a][hi]");
        always(ANY, b"a\nhi\r", "[a][hi]");
        always(ANY, b"", "");
        always(CRLF, b"a\r\nhi\r", "[a]");
    }

    #[test]
    fn a_line_of_exactly_the_limit_is_a_line() {
        always(
            ANY,
            b"12345678\n12345678\r\n12345678",
            "[12345678][12345678][12345678]",
        );
        always(ANY, b"12345678\r", "[12345678]");
        always(CRLF, b"12345678\r\n", "[12345678]");
    }

    #[test]
    fn of_a_longer_line_the_beginning_is_told_and_the_rest_skipped() {
        always(ANY, b"123456789\nok\r\n", "{12345678}[ok]");
        always(ANY, b"12345678\r\r\nok\n", "{12345678}[ok]");
        always(ANY, b"123456789abcdefghijk\r\n\nok\n", "{12345678}[][ok]");
        always(ANY, b"123456789abcdefgh", "{12345678}");
        always(ANY, b"123456789", "{12345678}");
        always(CRLF, b"123456789\r\nok\r\n", "{12345678}[ok]");
        always(CRLF, b"12345678\r9\nabc\n\r\r\nok\r\n", "{12345678}[ok]");
        always(
            Delimiter::Exactly(b"aab"),
            b"12345678aaaaaaabokaab",
            "{12345678}[ok]",
        );
    }

    #[test]
    fn a_long_line_is_noticed_before_its_end() {
        assert_eq!(split(ANY, &[b"123456789"]), "{12345678}");
        let mut splitter = splitter(ANY);
        assert_eq!(splitter.next(&mut &b"123456789"[..]), None, "may be a CR");
        let told = splitter.next(&mut &b"a"[..]);
        assert_eq!(told, Some(Split::TooLong(b"12345678".as_slice().into())));
    }

    #[test]
    fn a_line_that_lies_whole_in_a_piece_is_not_copied() {
        let mut splitter = splitter(ANY);
        let mut input = b"be\nab\r\ncd\n123456789\nx".as_slice();
        for expected in ["be", "ab", "cd"] {
            let Some(Split::Line(Cow::Borrowed(line), _)) = splitter.next(&mut input) else {
                panic!("{expected} was copied");
            };
            assert_eq!(line, expected.as_bytes());
        }
        let long = splitter.next(&mut input);
        assert!(matches!(long, Some(Split::TooLong(Cow::Borrowed(_)))));
    }
}
