//! A question and its answer as bytes, by RFC 1035, section 4. Whatever an answer says about its own lengths is
//! checked: it may come from anybody.

use std::error::Error;
use std::fmt::Write;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{Ipv4Addr, Ipv6Addr};

use reactor::visible;

/// The kinds of records that are understood.
pub(crate) const KINDS: [(&str, u16); 6] = [
    ("A", 1),
    ("NS", 2),
    ("CNAME", 5),
    ("MX", 15),
    ("TXT", 16),
    ("AAAA", 28),
];
/// A question for one name.
pub(crate) fn question(name: &str, kind: u16) -> Result<Vec<u8>, Box<dyn Error>> {
    // Seeded by the system: whoever cannot see the question cannot guess its number.
    let id = RandomState::new().build_hasher().finish() as u16;
    let mut message = id.to_be_bytes().to_vec();
    message.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]); // recursion desired, one question
    for label in name.trim_end_matches('.').split('.') {
        if !(1..=63).contains(&label.len()) {
            return Err("a label of a name has 1 to 63 bytes".into());
        }
        message.push(label.len() as u8);
        message.extend(label.as_bytes());
    }
    message.push(0);
    if message.len() > 12 + 255 {
        return Err("a name has at most 255 bytes".into());
    }
    message.extend(kind.to_be_bytes());
    message.extend([0, 1]); // the Internet
    Ok(message)
}

/// Whether a message is a response that repeats the number and the question.
pub(crate) fn is_answer(question: &[u8], message: &[u8]) -> bool {
    let repeated = message.get(12..question.len());
    message.starts_with(&question[..2])
        && message.get(2).is_some_and(|flags| flags & 0x80 != 0)
        && repeated.is_some_and(|repeated| repeated.eq_ignore_ascii_case(&question[12..]))
}

/// Takes a message apart; every step may find its end.
struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.message.get(self.at..self.at + count)?;
        self.at += count;
        Some(taken)
    }

    fn number(&mut self, bytes: usize) -> Option<u32> {
        let bytes = self.take(bytes)?;
        Some(
            bytes
                .iter()
                .fold(0, |sum, byte| sum << 8 | u32::from(*byte)),
        )
    }

    fn name(&mut self) -> Option<String> {
        let (mut name, mut end, mut first) = (String::new(), None, self.at);
        loop {
            match self.number(1)? as usize {
                0 => break,
                length @ 1..=63 => {
                    let label = String::from_utf8_lossy(self.take(length)?);
                    write!(name, "{}.", visible(&label)).ok()?;
                }
                high @ 192.. => {
                    let target = (high & 63) << 8 | self.number(1)? as usize;
                    end.get_or_insert(self.at);
                    // Only back, before where this part began: so there is no circle.
                    (target < first).then_some(())?;
                    (self.at, first) = (target, target);
                }
                _ => return None,
            }
        }
        self.at = end.unwrap_or(self.at);
        (name.len() <= 4 * 255).then_some(if name.is_empty() {
            ".".to_owned()
        } else {
            name
        })
    }

    /// A record in words, or nothing for one of another kind.
    fn record(&mut self) -> Option<Option<String>> {
        let (name, kind, _class) = (self.name()?, self.number(2)? as u16, self.number(2)?);
        let (ttl, length) = (self.number(4)?, self.number(2)? as usize);
        let end = self.at + length;
        let Some((word, _)) = KINDS.iter().find(|(_, known)| *known == kind) else {
            self.take(length)?;
            return Some(None);
        };
        let data = match kind {
            1 => Ipv4Addr::from(self.number(4)?).to_string(),
            28 => Ipv6Addr::from(<[u8; 16]>::try_from(self.take(16)?).ok()?).to_string(),
            15 => format!("{} {}", self.number(2)?, self.name()?),
            16 => {
                let mut text = String::new();
                while self.at < end {
                    let length = self.number(1)? as usize;
                    text += &String::from_utf8_lossy(self.take(length)?);
                }
                format!("\"{}\"", visible(&text))
            }
            _ => self.name()?,
        };
        (self.at == end).then(|| Some(format!("{name} {ttl} {word} {data}\n")))
    }
}

/// The records of an answer, a line each.
pub(crate) fn answers(message: &[u8]) -> Option<String> {
    let mut reader = Reader { message, at: 2 };
    let (flags, questions) = (reader.number(2)?, reader.number(2)?);
    let (records, _others) = (reader.number(2)?, reader.number(4)?);
    for _ in 0..questions {
        reader.name()?;
        reader.take(4)?;
    }
    let lines: Option<Vec<_>> = (0..records).map(|_| reader.record()).collect();
    let mut answer: String = match flags & 0x200 {
        0 => lines?.into_iter().flatten().collect(),
        _ => {
            lines.into_iter().flatten().flatten().collect::<String>()
                + "(cut off: the server has more, over TCP)\n"
        }
    };
    match (flags & 15, answer.is_empty()) {
        (0, true) => answer.push_str("there is no such record\n"),
        (3, _) => answer.push_str("there is no such name\n"),
        (0, false) => {}
        (code, _) => answer = format!("the server refuses with code {code}\n"),
    }
    Some(answer)
}
