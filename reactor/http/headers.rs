//! Header lines, and the rules that those keep which this side sends.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

/// A list of header lines, in the order in which they are sent, or came.
///
/// A name may come more than once. Names are compared without regard to case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(Cow<'static, str>, Cow<'static, str>)>);

impl Headers {
    /// No header lines.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a line behind the others.
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
        self.0.push((name, value));
        Ok(())
    }

    /// Adds a line that came from a peer and was found to be one.
    pub(crate) fn append_received(&mut self, name: &str, value: Cow<'_, str>) {
        self.0
            .push((Cow::Owned(name.to_owned()), Cow::Owned(value.into_owned())));
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
        let before = self.0.len();
        self.0.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self.0.len() < before
    }

    /// The value of the first line of this name.
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

    /// All lines.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// How many lines there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A header line that nobody may send, because it would end where its author did not mean it to.
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
