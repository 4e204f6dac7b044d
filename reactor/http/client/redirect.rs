//! Where a redirect leads, and with what.
//!
//! Source: RFC 9110, section 15.4.

use crate::http::client::error::RequestError;
use crate::http::client::request::ClientRequest;
use crate::http::client::url::Url;
use crate::http::wire::headers::Headers;
use crate::http::wire::method::Method;
use crate::http::wire::status::Status;

/// What is known only to the server that it was meant for.
const CREDENTIALS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// What describes a body, and goes with it.
const ABOUT_THE_BODY: [&str; 6] = [
    "content-type",
    "content-encoding",
    "content-language",
    "content-location",
    "content-range",
    "digest",
];

/// Whether an answer with this status says where to go, if it has a `Location`.
pub(crate) fn is_redirect(status: Status) -> bool {
    [
        Status::MOVED_PERMANENTLY,
        Status::FOUND,
        Status::SEE_OTHER,
        Status::TEMPORARY_REDIRECT,
        Status::PERMANENT_REDIRECT,
    ]
    .contains(&status)
}

/// The request to make next. `before` is the one that was made, unless its body is gone.
pub(crate) fn redirected(
    url: &Url,
    method: Method,
    headers: Headers,
    before: Option<ClientRequest>,
    status: Status,
    location: &str,
) -> Result<ClientRequest, RequestError> {
    let target = url
        .join(location)
        .map_err(|error| RequestError::BadRedirect(error.to_string()))?;
    let retrieves = match status {
        Status::SEE_OTHER => true,
        // As every client does, though it was not meant: RFC 9110, section 15.4.2, note.
        Status::MOVED_PERMANENTLY | Status::FOUND => method == Method::Post,
        _ => false,
    };
    let crosses = target.origin() != url.origin();
    let mut next = if retrieves {
        let method = match method {
            Method::Head => Method::Head,
            _ => Method::Get,
        };
        let mut next = ClientRequest::new(method, target);
        next.headers = headers;
        for name in ABOUT_THE_BODY {
            next.headers.remove(name);
        }
        next
    } else {
        let mut next = before.ok_or(RequestError::CannotRepeatBody)?;
        next.url = target;
        next
    };
    if crosses {
        for name in CREDENTIALS {
            next.headers.remove(name);
        }
    }
    Ok(next)
}
