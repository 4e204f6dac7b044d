//! What is wrong with a string that is not a valid endpoint.

use std::fmt;

/// Why a string is not a valid endpoint, and where in it the reason is.
///
/// ```
/// use reactor::endpoints::server_from_string;
///
/// let error = server_from_string("tcp:14OO").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     r#"endpoint "tcp:14OO", character 5: port is a number from 0 to 65535, not "14OO""#,
/// );
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct BadEndpoint {
    endpoint: String,
    at: usize,
    mistake: Mistake,
    suggestion: Option<String>,
}

/// A mistake, and where in the string it is.
pub(super) type Misplaced = (usize, Mistake);

/// What is wrong with a string that is not a valid endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mistake {
    /// The word before the first colon is unknown.
    UnknownKind {
        /// The word.
        kind: String,
        /// The words that are known.
        expected: Vec<String>,
    },
    /// An argument has a name that this kind of endpoint does not know.
    UnknownArgument {
        /// The name.
        name: String,
        /// The names that are known.
        expected: &'static [&'static str],
    },
    /// There are more arguments than this kind of endpoint has.
    TooManyArguments {
        /// The names of those that it has, in their order.
        expected: &'static [&'static str],
    },
    /// An argument is given twice, with its name or by its place.
    Twice {
        /// Its name.
        name: &'static str,
    },
    /// An argument that is needed is not there, or is empty.
    Missing {
        /// Its name.
        name: &'static str,
    },
    /// An argument is not what it has to be.
    NotA {
        /// Its name.
        name: &'static str,
        /// What it has to be.
        expected: &'static str,
        /// What it is.
        value: String,
    },
    /// The word before the first colon is of a kind that the crate was compiled without.
    NeedsFeature {
        /// The feature of the crate.
        feature: &'static str,
    },
    /// An argument names what cannot be used, such as the file of a certificate; or what is behind a prefix of
    /// the program's own is invalid. It says why.
    Unusable(String),
    /// The string ends with a backslash, which has nothing to escape.
    DanglingEscape,
}

impl BadEndpoint {
    pub(super) fn new(
        endpoint: &str,
        at: usize,
        mistake: Mistake,
        suggestion: Option<String>,
    ) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            at,
            mistake,
            suggestion,
        }
    }

    /// What is wrong.
    #[must_use]
    pub fn mistake(&self) -> &Mistake {
        &self.mistake
    }

    /// How the same place is written as an endpoint, if the string is one as other programs take it,
    /// such as `127.0.0.1:1400`.
    #[must_use]
    pub fn suggestion(&self) -> Option<&str> {
        self.suggestion.as_deref()
    }

    /// Where in the string it is wrong, in bytes.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }
}

impl fmt::Display for BadEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            endpoint,
            at,
            mistake,
            suggestion,
        } = self;
        let character = endpoint[..*at].chars().count() + 1;
        write!(f, "endpoint {endpoint:?}, character {character}: {mistake}")?;
        match suggestion {
            Some(suggestion) => write!(f, "; perhaps {suggestion} is meant"),
            None => Ok(()),
        }
    }
}

/// As `main` shows what it returns.
impl fmt::Debug for BadEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for BadEndpoint {}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKind { kind, expected } => {
                let expected = expected.join(", ");
                write!(f, "unknown kind {kind:?}, expected one of: {expected}")
            }
            Self::UnknownArgument { name, expected } => {
                let expected = expected.join(", ");
                write!(f, "unknown argument {name:?}, expected one of: {expected}")
            }
            Self::TooManyArguments { expected: [] } => {
                f.write_str("too many arguments, expected: none")
            }
            Self::TooManyArguments { expected } => {
                let expected = expected.join(", ");
                write!(
                    f,
                    r"too many arguments, expected: {expected}; a colon inside one is written \:"
                )
            }
            Self::Twice { name } => write!(f, "{name} is given twice"),
            Self::Missing { name } => write!(f, "{name} is missing"),
            Self::NotA {
                name,
                expected,
                value,
            } => write!(f, "{name} is {expected}, not {value:?}"),
            Self::NeedsFeature { feature } => write!(
                f,
                "this kind needs the feature `{feature}` of the crate reactor"
            ),
            Self::Unusable(why) => f.write_str(why),
            Self::DanglingEscape => write!(f, "a backslash needs a character to escape"),
        }
    }
}
