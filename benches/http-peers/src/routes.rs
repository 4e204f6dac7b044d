//! The two pages that every server has.

use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

/// One of the pages.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Route {
    Plaintext,
    Users,
}

impl Route {
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Plaintext => "/plaintext",
            Self::Users => "/users/",
        }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Plaintext => "text/plain; charset=utf-8",
            Self::Users => "application/json",
        }
    }
}

pub(crate) const HELLO: &str = "Hello, World!";

/// What `/users/` says.
#[derive(Serialize)]
struct Users {
    users: u64,
}

/// How many users there are. Nobody knows when the program is compiled, so no answer can be made
/// before it is asked for.
pub(crate) fn users() -> u64 {
    std::hint::black_box(3)
}

/// The body of `/users/`, with the indent of four and the line feed at the end that the API of the
/// chat has.
pub(crate) fn users_body() -> Vec<u8> {
    let mut body = Vec::with_capacity(64);
    let mut serializer =
        Serializer::with_formatter(&mut body, PrettyFormatter::with_indent(b"    "));
    Users { users: users() }
        .serialize(&mut serializer)
        .expect("a vector takes all bytes, and a number is JSON");
    body.push(b'\n');
    body
}
