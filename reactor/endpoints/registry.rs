//! Prefixes of a program's own.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use crate::endpoints::client::{CLIENTS, ClientEndpoint};
use crate::endpoints::server::{HAPROXY, SERVERS, ServerEndpoint};

/// Reads what is behind a prefix and its colon.
type Read<E> = Arc<dyn Fn(&str) -> Result<E, Box<dyn Error + Send + Sync>> + Send + Sync>;

type Prefixes<E> = RwLock<Vec<(String, Read<E>)>>;

static OWN_SERVERS: Prefixes<ServerEndpoint> = RwLock::new(Vec::new());
static OWN_CLIENTS: Prefixes<ClientEndpoint> = RwLock::new(Vec::new());

/// Adds a prefix for servers: [`server_from_string`](super::server_from_string) calls `read` with what is behind
/// the prefix and its colon, as it is, and gives back its endpoint, which is shown as it was written. An error of
/// `read` becomes one of the whole string.
///
/// It holds for the whole process, so that libraries can add theirs at the start. `read` makes the endpoint of
/// one of the known kinds, and perhaps puts [layers](ServerEndpoint::with_layer) around it:
///
/// ```
/// use reactor::endpoints::{register_server, server_from_string};
///
/// register_server("service", |name| match name {
///     "chat" => Ok(server_from_string("unix:/run/chat.sock")?),
///     other => Err(format!("there is no service {other}").into()),
/// })?;
///
/// assert_eq!(server_from_string("service:chat")?.to_string(), "service:chat");
/// assert_eq!(
///     server_from_string("service:mail").unwrap_err().to_string(),
///     r#"endpoint "service:mail", character 9: there is no service mail"#,
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// When the prefix is known already, is empty, or has other characters than ASCII letters, digits, `-`, `_` and
/// `+`.
pub fn register_server(
    prefix: &str,
    read: impl Fn(&str) -> Result<ServerEndpoint, Box<dyn Error + Send + Sync>> + Send + Sync + 'static,
) -> Result<(), BadPrefix> {
    let mut known: Vec<_> = SERVERS.iter().map(|(name, _)| *name).collect();
    known.push(HAPROXY);
    add(&OWN_SERVERS, &known, prefix, Arc::new(read))
}

/// Adds a prefix for clients, as [`register_server`] does for servers: a way through a tunnel, for example, whose
/// handshake is a [layer](ClientEndpoint::with_layer) on a connection to another place.
///
/// # Errors
///
/// As [`register_server`].
pub fn register_client(
    prefix: &str,
    read: impl Fn(&str) -> Result<ClientEndpoint, Box<dyn Error + Send + Sync>> + Send + Sync + 'static,
) -> Result<(), BadPrefix> {
    let known: Vec<_> = CLIENTS.iter().map(|(name, _)| *name).collect();
    add(&OWN_CLIENTS, &known, prefix, Arc::new(read))
}

fn add<E>(own: &Prefixes<E>, known: &[&str], prefix: &str, read: Read<E>) -> Result<(), BadPrefix> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_+".contains(&byte);
    if prefix.is_empty() || !prefix.bytes().all(fits) {
        return Err(BadPrefix::Invalid(prefix.to_owned()));
    }
    let mut own = own.write().unwrap_or_else(PoisonError::into_inner);
    let is_known = known.contains(&prefix) || own.iter().any(|(name, _)| name == prefix);
    if is_known {
        return Err(BadPrefix::Known(prefix.to_owned()));
    }
    own.push((prefix.to_owned(), read));
    Ok(())
}

fn find<E>(own: &Prefixes<E>, kind: &str) -> Option<Read<E>> {
    let own = own.read().unwrap_or_else(PoisonError::into_inner);
    let found = own.iter().find(|(name, _)| name == kind);
    found.map(|(_, read)| Arc::clone(read)) // called outside the lock: it may read endpoints itself
}

fn names<E>(own: &Prefixes<E>) -> Vec<String> {
    let own = own.read().unwrap_or_else(PoisonError::into_inner);
    own.iter().map(|(name, _)| name.clone()).collect()
}

pub(super) fn own_server(kind: &str) -> Option<Read<ServerEndpoint>> {
    find(&OWN_SERVERS, kind)
}

pub(super) fn own_client(kind: &str) -> Option<Read<ClientEndpoint>> {
    find(&OWN_CLIENTS, kind)
}

pub(super) fn own_servers() -> Vec<String> {
    names(&OWN_SERVERS)
}

pub(super) fn own_clients() -> Vec<String> {
    names(&OWN_CLIENTS)
}

/// Why a prefix cannot be added.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadPrefix {
    /// A kind of endpoint has it already.
    Known(String),
    /// It is empty, or has characters that a prefix cannot have.
    Invalid(String),
}

impl fmt::Display for BadPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(prefix) => write!(f, "the prefix {prefix:?} is known already"),
            Self::Invalid(prefix) => write!(
                f,
                "a prefix has ASCII letters, digits, -, _ and +, which {prefix:?} is not made of"
            ),
        }
    }
}

impl Error for BadPrefix {}
