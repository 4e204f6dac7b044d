//! Header lines, and the rules that those keep which this side sends.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

/// A list of header lines, in the order in which they are sent, or came.
///
/// A name may come more than once. Names are compared without regard to case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    /// The `Content-Type` of an answer of ours, or nothing. Apart from the others, because nearly every
    /// answer has one and needs no list for it.
    content_type: Cow<'static, str>,
    lines: Vec<(Cow<'static, str>, Value)>,
}

/// A value as text, and as it came where that is no text. The second is rare, and behind a pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Text(Cow<'static, str>),
    Bytes(Box<(Vec<u8>, String)>),
}

impl Value {
    fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Bytes(value) => &value.1,
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(value) => &value.0,
        }
    }
}

impl Headers {
    /// No header lines.
    #[must_use]
    pub const fn new() -> Self {
        Self::of_type("")
    }

    /// With the type of a body, which is known to be one.
    pub(crate) const fn of_type(content_type: &'static str) -> Self {
        Self {
            content_type: Cow::Borrowed(content_type),
            lines: Vec::new(),
        }
    }

    /// The `Content-Type` that was set, or nothing.
    #[inline]
    pub(crate) fn content_type(&self) -> &str {
        &self.content_type
    }

    /// Sets the `Content-Type`; an empty one is none.
    pub(crate) fn set_content_type(&mut self, value: Cow<'static, str>) -> Result<(), BadHeader> {
        Self::check(CONTENT_TYPE, &value)?;
        self.lines.retain(|(name, _)| !is_content_type(name));
        self.content_type = value;
        Ok(())
    }

    /// All lines but the `Content-Type` that was set.
    #[inline]
    pub(crate) fn others(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines
            .iter()
            .map(|(name, value)| (&**name, value.text()))
    }

    /// Adds a line behind the others. A `Content-Type` replaces that of an answer.
    ///
    /// # Errors
    ///
    /// The name is no token, or the value has a control character other than a tab, or white space
    /// at an end. Nothing is added then.
    pub fn append(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) -> Result<(), BadHeader> {
        let (name, value) = (name.into(), value.into());
        Self::check(&name, &value)?;
        if !self.content_type.is_empty() && is_content_type(&name) {
            self.content_type = value;
        } else {
            self.lines.push((name, Value::Text(value)));
        }
        Ok(())
    }

    /// Adds a line that came from a peer and was found to be one.
    pub(crate) fn append_received(&mut self, name: &str, value: Vec<u8>) {
        let value = match String::from_utf8(value) {
            Ok(text) => Value::Text(Cow::Owned(text)),
            Err(error) => {
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                Value::Bytes(Box::new((error.into_bytes(), text)))
            }
        };
        // Not checked again: the parser has found it to be a line, and it will not be sent.
        self.lines.push((Cow::Owned(name.to_owned()), value));
    }

    /// Whether a line could be sent.
    pub(crate) fn check(name: &str, value: &str) -> Result<(), BadHeader> {
        if !is_token(name.as_bytes()) {
            return Err(BadHeader(format!("{name:?} is not the name of a header")));
        }
        if !is_value(value.as_bytes()) {
            return Err(BadHeader(format!(
                "{value:?} cannot be the value of {name}"
            )));
        }
        Ok(())
    }

    /// Takes all lines of this name out. Returns whether there were any.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.len();
        if is_content_type(name) {
            self.content_type = Cow::Borrowed("");
        }
        self.lines.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self.len() < before
    }

    /// The value of the first line of this name. Of one that came and is not UTF-8, the bytes that
    /// are no text are U+FFFD here; [`get_bytes`](Self::get_bytes) has them.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_all(name).next()
    }

    /// The values of all lines of this name.
    pub fn get_all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.iter()
            .filter(move |(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The value of the first line of this name as it came, in whatever encoding: old servers write
    /// file names in Latin-1, for example.
    #[must_use]
    pub fn get_bytes(&self, name: &str) -> Option<&[u8]> {
        let mut lines = self.iter_bytes();
        lines
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// All lines.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.typed().into_iter().chain(self.others())
    }

    /// All lines, with their values as they came.
    pub fn iter_bytes(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let typed = self.typed().map(|(name, value)| (name, value.as_bytes()));
        let others = self.lines.iter();
        let others = others.map(|(name, value)| (&**name, value.bytes()));
        typed.into_iter().chain(others)
    }

    #[inline]
    fn typed(&self) -> Option<(&str, &str)> {
        (!self.content_type.is_empty()).then_some((CONTENT_TYPE, &*self.content_type))
    }

    /// How many lines there are.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(!self.content_type.is_empty()) + self.lines.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

const CONTENT_TYPE: &str = "Content-Type";

#[inline]
fn is_content_type(name: &str) -> bool {
    name.eq_ignore_ascii_case(CONTENT_TYPE)
}

/// A header line that cannot be sent, because it would end where its author did not mean it to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadHeader(String);

impl fmt::Display for BadHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for BadHeader {}

/// RFC 9110, section 5.6.2.
pub(crate) fn is_token(text: &[u8]) -> bool {
    let is_token_byte =
        |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    // Unlike in a value, an early end costs nothing: names are short.
    !text.is_empty() && text.iter().all(is_token_byte)
}

/// RFC 9110, section 5.5.
pub(crate) fn is_value(value: &[u8]) -> bool {
    let is_space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    // Without an early end, the compiler looks at many bytes at once.
    let is_value_byte = |byte: &u8| (*byte >= b' ' && *byte != 0x7f) || *byte == b'\t';
    let all = value
        .iter()
        .fold(true, |all, byte| all & is_value_byte(byte));
    all && !is_space(value.first()) && !is_space(value.last())
}

/// The members of a list in a header: what is between the commas, without the space around it.
pub(crate) fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|member| !member.is_empty())
}
