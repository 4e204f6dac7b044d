//! Parses an endpoint string: its kind, and its arguments.
//!
//! ```text
//! tcp : port = 1400 : interface = \:\:1
//! │     │      │      └ name      └ value "::1"
//! kind  name   value
//! ```
//!
//! An argument without a name has the meaning of its place: the second one is the second of the
//! kind's names.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use crate::endpoints::mistake::{Misplaced, Mistake};

/// An endpoint in its parts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Description {
    pub(super) kind: String,
    pub(super) arguments: Arguments,
}

/// What follows the kind.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Arguments {
    list: Vec<Argument>,
    /// The end of the string, which is the position of a missing argument.
    end: usize,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Argument {
    name: Option<String>,
    value: String,
    /// Where the argument begins.
    at: usize,
    /// Where its value begins.
    value_at: usize,
}

impl Description {
    pub(super) fn parse(text: &str) -> Result<Self, Misplaced> {
        let mut parts = vec![Argument::default()];
        // By hand, and not with `split`: a colon behind a backslash is a part of the value.
        let mut characters = text.char_indices();
        while let Some((at, character)) = characters.next() {
            let part = parts.last_mut();
            let part = part.expect("there is always the part that is being read");
            match character {
                ':' => parts.push(Argument {
                    at: at + 1,
                    value_at: at + 1,
                    ..Argument::default()
                }),
                // Of several the first one counts, as in Twisted: the others belong to the value.
                '=' if part.name.is_none() => {
                    part.name = Some(std::mem::take(&mut part.value));
                    part.value_at = at + 1;
                }
                '\\' => match characters.next() {
                    Some((_, escaped)) => part.value.push(escaped),
                    None => return Err((at, Mistake::DanglingEscape)),
                },
                other => part.value.push(other),
            }
        }
        let kind = parts.remove(0);
        Ok(Self {
            kind: match kind.name {
                Some(name) => format!("{name}={}", kind.value),
                None => kind.value,
            },
            arguments: Arguments {
                list: parts,
                end: text.len(),
            },
        })
    }
}

impl Arguments {
    /// That there are no arguments. One that is empty is none: `stdio:`.
    pub(super) fn none(self) -> Result<(), Misplaced> {
        let given = self
            .list
            .into_iter()
            .find(|argument| argument.name.is_some() || !argument.value.is_empty());
        match given {
            None => Ok(()),
            Some(argument) => Err((argument.at, Mistake::TooManyArguments { expected: &[] })),
        }
    }

    /// The arguments as they are, and the end of the string. An equals sign is one.
    #[cfg(all(feature = "process", unix))]
    pub(super) fn words(self) -> (usize, Vec<String>) {
        let words = self.list.into_iter().map(|argument| match argument.name {
            Some(name) => format!("{name}={}", argument.value),
            None => argument.value,
        });
        (self.end, words.collect())
    }

    /// The arguments by their names, of which this is the whole list, in the order in which they
    /// may be given without a name.
    pub(super) fn named<const N: usize>(
        self,
        names: &'static [&'static str; N],
    ) -> Result<[Value; N], Misplaced> {
        let mut values = names.map(|name| Value {
            name,
            given: None,
            end: self.end,
        });
        for (place, argument) in self.list.into_iter().enumerate() {
            let index = match &argument.name {
                Some(name) => names.iter().position(|known| known == name),
                None => (place < N).then_some(place),
            };
            let Some(index) = index else {
                let expected = names.as_slice();
                let mistake = match argument.name {
                    Some(name) => Mistake::UnknownArgument { name, expected },
                    None => Mistake::TooManyArguments { expected },
                };
                return Err((argument.at, mistake));
            };
            let value = &mut values[index];
            if value.given.is_some() {
                return Err((argument.at, Mistake::Twice { name: value.name }));
            }
            value.given = Some((argument.value_at, argument.value));
        }
        Ok(values)
    }
}

/// The value of one argument, if it was given.
pub(super) struct Value {
    name: &'static str,
    /// Where it is, and the value.
    given: Option<(usize, String)>,
    end: usize,
}

impl Value {
    /// A text that is not empty.
    pub(super) fn text(self) -> Result<String, Misplaced> {
        match self.given {
            Some((at, value)) if value.is_empty() => {
                Err((at, Mistake::Missing { name: self.name }))
            }
            Some((_, value)) => Ok(value),
            None => Err((self.end, Mistake::Missing { name: self.name })),
        }
    }

    /// The same, and where it is in the string.
    #[cfg(feature = "tls")]
    pub(super) fn text_and_place(self) -> Result<(usize, String), Misplaced> {
        let at = self.given.as_ref().map_or(self.end, |(at, _)| *at);
        Ok((at, self.text()?))
    }

    /// The number of a port to listen at, of which zero is any.
    pub(super) fn port(self) -> Result<u16, Misplaced> {
        self.parsed("a number from 0 to 65535", port)
    }

    /// The number of a port to connect to.
    pub(super) fn port_of_server(self) -> Result<u16, Misplaced> {
        self.parsed("a number from 1 to 65535", |value| {
            port(value).filter(|port| *port > 0)
        })
    }

    /// How many clients may wait.
    pub(super) fn backlog(self) -> Result<i32, Misplaced> {
        self.parsed("a number of clients, at least 1", |value| {
            number(value)?.try_into().ok().filter(|count| *count > 0)
        })
    }

    /// The permissions of a file.
    pub(super) fn mode(self) -> Result<u32, Misplaced> {
        self.parsed("an octal number, as 660", |value| {
            let mode = u32::from_str_radix(value, 8).ok();
            mode.filter(|mode| *mode <= 0o777 && value.bytes().all(|byte| byte.is_ascii_digit()))
        })
    }

    pub(super) fn yes_or_no(self) -> Result<bool, Misplaced> {
        self.parsed("yes or no", |value| match value {
            "yes" | "true" | "1" => Some(true),
            "no" | "false" | "0" => Some(false),
            _ => None,
        })
    }

    /// An address of this machine.
    pub(super) fn ip(self) -> Result<IpAddr, Misplaced> {
        self.parsed("an IP address", |value| value.parse().ok())
    }

    /// A place in a list.
    #[cfg(feature = "descriptors")]
    pub(super) fn index(self) -> Result<usize, Misplaced> {
        self.parsed("a number from 0 on", |value| number(value)?.try_into().ok())
    }

    /// The number of a descriptor.
    #[cfg(feature = "descriptors")]
    pub(super) fn descriptor(self) -> Result<i32, Misplaced> {
        self.parsed("the number of a descriptor, from 3 on", |value| {
            number(value)?.try_into().ok().filter(|number| *number > 2)
        })
    }

    /// A number of seconds.
    pub(super) fn seconds(self) -> Result<Duration, Misplaced> {
        self.parsed("a number of seconds above 0", |value| {
            let time = Duration::try_from_secs_f64(value.parse().ok()?).ok();
            time.filter(|time| !time.is_zero())
        })
    }

    /// What `read` makes of the value, if it was given.
    pub(super) fn if_given<T>(
        self,
        read: impl FnOnce(Self) -> Result<T, Misplaced>,
    ) -> Result<Option<T>, Misplaced> {
        if self.given.is_none() {
            return Ok(None);
        }
        read(self).map(Some)
    }

    fn parsed<T>(
        self,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, Misplaced> {
        let name = self.name;
        let at = self.given.as_ref().map_or(self.end, |(at, _)| *at);
        let value = self.text()?;
        parse(&value).ok_or_else(|| {
            let mistake = Mistake::NotA {
                name,
                expected,
                value,
            };
            (at, mistake)
        })
    }
}

fn port(value: &str) -> Option<u16> {
    number(value)?.try_into().ok()
}

fn number(value: &str) -> Option<u64> {
    // `parse` would take a plus sign.
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| value.parse().ok()).flatten()
}

/// What is before the first colon that is not escaped, without escapes, and where that colon is, or the end.
pub(super) fn segment(text: &str) -> (String, usize) {
    let mut segment = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            ':' => return (segment, at),
            '\\' => segment.extend(characters.next().map(|(_, escaped)| escaped)),
            other => segment.push(other),
        }
    }
    (segment, text.len())
}

/// A value, escaped so that it is read as it is.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if matches!(character, ':' | '=' | '\\') {
                f.write_str("\\")?;
            }
            write!(f, "{character}")?;
        }
        Ok(())
    }
}
