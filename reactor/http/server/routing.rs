//! From the path of a request to its resource.
//!
//! ```text
//!   admit, get_child, admit, get_child, … admit, index ──▶ the resource, if it answers the method
//!     └── the answer of one that does not admit it       └── else 405, or the list for OPTIONS
//! ```

use std::borrow::Cow;
use std::rc::Rc;

use crate::http::server::request::Request;
use crate::http::server::resource::Resource;
use crate::http::server::response::Response;
use crate::http::wire::message_error::MessageError;
use crate::http::wire::method::Method;
use crate::http::wire::status::Status;

/// Finds the resource below `root` that answers a request, or the answer if there is none.
pub(crate) fn locate(
    root: &Rc<dyn Resource>,
    request: &mut Request,
) -> Result<Rc<dyn Resource>, Response> {
    // Before the tree: an asterisk is no path, and no resource can be at it.
    if request.target() == "*" {
        return Err(about_everything(request.method()));
    }
    if request.method() == Method::Connect {
        return Err(Response::error(Status::NOT_IMPLEMENTED));
    }
    let (resource, below) = walk(root, request)?;
    request.set_below(below);
    // Asked behind `admit`, so that an answer to a request that may not come in does not say what there
    // is.
    let allowed = resource.methods();
    let method = request.method();
    if allowed.contains(&method) || (method == Method::Head && allowed.contains(&Method::Get)) {
        return Ok(resource);
    }
    let answer = match method {
        Method::Options => Response::ok(),
        _ => Response::error(Status::METHOD_NOT_ALLOWED),
    };
    Err(answer.with_header("Allow", list(allowed)))
}

/// Follows the path. Returns where it leads, and where in the path that was.
fn walk(root: &Rc<dyn Resource>, request: &Request) -> Result<(Rc<dyn Resource>, usize), Response> {
    let nowhere = || Response::error(Status::NOT_FOUND);
    let path = request.path();
    let mut resource = Rc::clone(root);
    resource.admit(request)?;
    let mut at = 0;
    while at < path.len() && !resource.is_leaf() {
        let rest = &path[at + 1..];
        let (segment, has_escapes) = first_segment(rest);
        let length = segment.len();
        if segment.is_empty() {
            if rest.is_empty() {
                break; // the slash at the end
            }
            return Err(nowhere());
        }
        // Each segment by itself, behind the split: an escaped slash is part of a name and no new
        // segment.
        let segment = if has_escapes {
            decode(segment)?
        } else {
            Cow::Borrowed(segment)
        };
        let Some(child) = resource.get_child(&segment, request) else {
            let fallback = resource.fallback().ok_or_else(nowhere)?;
            // The fallback is a resource like others, so that a guard around it is asked too.
            fallback.admit(request)?;
            return Ok((fallback, at));
        };
        resource = child;
        resource.admit(request)?;
        at += 1 + length;
    }
    if !resource.is_leaf()
        && let Some(index) = resource.index()
    {
        resource = index;
        resource.admit(request)?;
    }
    Ok((resource, at))
}

/// What is before the first slash, and whether there are escapes in it. One walk finds out both.
#[inline]
fn first_segment(path: &str) -> (&str, bool) {
    let mut has_escapes = false;
    let slash = path.bytes().position(|byte| {
        has_escapes |= byte == b'%';
        byte == b'/'
    });
    (&path[..slash.unwrap_or(path.len())], has_escapes)
}

/// A segment of a path without its escapes.
#[cold]
fn decode(segment: &str) -> Result<Cow<'_, str>, Response> {
    let is_escape = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let wrong = |what| Response::mistake(&MessageError::bad(what));
    if !segment.split('%').skip(1).all(is_escape) {
        return Err(wrong("% in a path is followed by two hexadecimal digits"));
    }
    percent_encoding::percent_decode_str(segment)
        .decode_utf8()
        .map_err(|_| wrong("the escapes of a path make UTF-8"))
}

/// The answer to a request for `*`, which means the server as a whole: RFC 9110, section 9.3.7.
fn about_everything(method: Method) -> Response {
    match method {
        Method::Options => Response::ok(),
        _ => Response::error(Status::METHOD_NOT_ALLOWED).with_header("Allow", "OPTIONS"),
    }
}

fn list(methods: &[Method]) -> String {
    let mut names: Vec<&str> = methods.iter().map(|method| method.name()).collect();
    if methods.contains(&Method::Get) && !methods.contains(&Method::Head) {
        names.push(Method::Head.name());
    }
    if !methods.contains(&Method::Options) {
        names.push(Method::Options.name());
    }
    names.join(", ")
}
