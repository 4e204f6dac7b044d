//! Requests made by chance, valid and damaged, split anywhere.

use reactor::http::HttpLimits;

use crate::requests::heard;

/// Numbers that look like chance, the same for the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % limit.max(1)
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    fn pieces<'a>(&mut self, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
        let mut pieces = Vec::new();
        while !bytes.is_empty() {
            let (piece, rest) = bytes.split_at(1 + self.below(bytes.len()));
            pieces.push(piece);
            bytes = rest;
        }
        pieces
    }
}

/// What is sent as a body, what is received of it, and its trailers, with the line that announces it.
fn body(
    chance: &mut Chance,
    lines: &mut Vec<(&'static str, String)>,
) -> (String, String, &'static str) {
    let body = "x".repeat(chance.below(40));
    let (mut trailers, mut sent) = ("[]", String::new());
    match chance.below(3) {
        0 => {
            lines.push(("Content-Length", body.len().to_string()));
            sent = body.clone();
        }
        1 => {
            lines.push(("Transfer-Encoding", "chunked".to_owned()));
            let mut rest = body.as_str();
            while !rest.is_empty() {
                let (piece, left) = rest.split_at(1 + chance.below(rest.len()));
                let extension = chance.one_of(&["", ";a", ";a=\"b\""]);
                sent.push_str(&format!("{:x}{extension}\r\n{piece}\r\n", piece.len()));
                rest = left;
            }
            sent.push_str("0\r\n");
            if chance.below(2) == 0 {
                sent.push_str("T: v\r\n");
                trailers = "[(\"T\", \"v\")]";
            }
            sent.push_str("\r\n");
        }
        _ => {}
    }
    let body = if sent.is_empty() { "" } else { &body };
    (sent, body.to_owned(), trailers)
}

/// A valid request, in one of the ways in which it may be written, and what it means.
fn valid(chance: &mut Chance) -> (String, String) {
    let method = chance.one_of(&["GET", "POST"]);
    let path = chance.one_of(&["/", "/a"]);
    let query = chance.one_of(&["", "?", "?q", "?a=b&c=%20"]);
    let host = chance.one_of(&["h", "example.org", "10.0.0.1:8080", "[::1]"]);
    let target = match chance.below(4) {
        0 => format!("http://{host}{path}{query}"),
        _ => format!("{path}{query}"),
    };
    let name = |chance: &mut Chance, name: &str| match chance.below(3) {
        0 => name.to_ascii_lowercase(),
        1 => name.to_ascii_uppercase(),
        _ => name.to_owned(),
    };
    let space = |chance: &mut Chance| chance.one_of(&["", " ", "\t", "  \t"]);
    let mut lines = vec![("Host", host.to_owned())];
    for n in 0..chance.below(4) {
        lines.push((
            ["X-A", "X-B", "Accept"][n.min(2)],
            chance.one_of(&["", "b", "a, b", "\u{e9}"]).to_owned(),
        ));
    }
    let (sent, body, trailers) = body(chance, &mut lines);
    let mut said = format!(
        "{}{method} {target} HTTP/1.1\r\n",
        chance.one_of(&["", "\r\n"])
    );
    let order = chance.below(lines.len());
    lines.rotate_left(order);
    for (line, value) in lines {
        let (name, before, after) = (name(chance, line), space(chance), space(chance));
        said.push_str(&format!("{name}:{before}{value}{after}\r\n"));
    }
    said.push_str("\r\n");
    said.push_str(&sent);
    (
        said,
        format!("{method} {path}{query} {host:?} {body:?} {trailers}"),
    )
}

#[test]
fn what_is_valid_is_read_as_it_was_meant_however_it_is_written_and_split() {
    for seed in 0..1500 {
        let mut chance = Chance(seed);
        let (mut said, mut meant) = (String::new(), Vec::new());
        for _ in 0..=chance.below(4) {
            let (request, means) = valid(&mut chance);
            said.push_str(&request);
            meant.push((200, means));
        }
        let pieces = chance.pieces(said.as_bytes());
        assert_eq!(
            heard(&HttpLimits::default(), &pieces),
            meant,
            "seed {seed}: {said:?}"
        );
    }
}

#[test]
fn what_is_damaged_is_judged_in_the_same_way_however_it_is_split() {
    let mut refusals = 0;
    for seed in 0..3000 {
        let mut chance = Chance(seed);
        let mut said = Vec::new();
        for _ in 0..=chance.below(2) {
            said.extend(valid(&mut chance).0.into_bytes());
        }
        for _ in 0..=chance.below(2) {
            let at = chance.below(said.len());
            match chance.below(5) {
                0 => said[at] = chance.below(256) as u8,
                1 => said.insert(at, b"\r\n\0 :,;\t0xgG/"[chance.below(13)]),
                2 => drop(said.remove(at)),
                3 => said.truncate(at.max(1)),
                _ => {
                    let line = said[at..]
                        .iter()
                        .position(|b| *b == b'\n')
                        .map_or(said.len(), |n| at + n + 1);
                    let copy = said[at..line].to_vec();
                    said.splice(at..at, copy);
                }
            }
        }
        // In words an end that came too early may be called by another name.
        let verdict = |pieces: &[&[u8]]| {
            let mut answers = heard(&HttpLimits::default(), pieces);
            let refused = answers.iter_mut().filter(|(status, _)| *status >= 400);
            refused.for_each(|(_, text)| text.clear());
            answers
        };
        let whole = verdict(&[&said]);
        let pieces = chance.pieces(&said);
        let split = verdict(&pieces);
        assert_eq!(split, whole, "seed {seed}: {}", said.escape_ascii());
        refusals += usize::from(whole.iter().any(|(status, _)| *status >= 400));
    }
    assert!(refusals > 1000, "{refusals}: damage shows");
}
