//! A resource around another one, which asks for a password or a token.

use std::fmt;
use std::rc::Rc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::http::server::function::IntoResource;
use crate::http::server::request::Request;
use crate::http::server::resource::{Answer, Intake, Resource};
use crate::http::server::response::Response;
use crate::http::wire::method::Method;
use crate::http::wire::status::Status;

/// A resource that admits only requests with the right password or token, to itself and to everything
/// below it. Others are answered with 401, before their body is read and without a word on what is
/// behind it.
///
/// What is sent can be read on the way, so this belongs behind TLS or on the loopback interface.
///
/// ```
/// use reactor::http::server::get;
/// use reactor::http::{Guard, Method, Request, Response};
///
/// let banner = get(|_: Request| Response::text("hello"))
///     .post(|_: Request| Response::text("changed"));
/// let only_some_may_write = Guard::bearer("chat", banner, |token| Guard::equal(token, "secret"))
///     .for_methods([Method::Post]);
/// # drop(only_some_may_write);
/// ```
pub struct Guard {
    inner: Rc<dyn Resource>,
    challenge: String,
    knows: Box<dyn Fn(&Request) -> bool>,
    /// Those that are guarded; all, if it is empty.
    methods: Vec<Method>,
}

impl Guard {
    /// Asks for a user and a password: RFC 7617. Browsers show a dialogue that names the realm.
    ///
    /// # Panics
    ///
    /// When the realm has a quotation mark, a backslash or a control character.
    pub fn basic<K>(
        realm: &str,
        inner: impl IntoResource<K>,
        check: impl Fn(&str, &str) -> bool + 'static,
    ) -> Self {
        let knows = move |request: &Request| {
            let pair = credentials(request, "Basic").and_then(decode);
            pair.is_some_and(|pair| {
                let (user, password) = pair.split_once(':').unwrap_or((&pair, ""));
                pair.contains(':') && check(user, password)
            })
        };
        let challenge = format!("Basic realm=\"{}\", charset=\"UTF-8\"", quotable(realm));
        Self::new(inner, challenge, Box::new(knows))
    }

    /// Asks for a token: RFC 6750.
    ///
    /// # Panics
    ///
    /// When the realm has a quotation mark, a backslash or a control character.
    pub fn bearer<K>(
        realm: &str,
        inner: impl IntoResource<K>,
        check: impl Fn(&str) -> bool + 'static,
    ) -> Self {
        let knows = move |request: &Request| credentials(request, "Bearer").is_some_and(&check);
        let challenge = format!("Bearer realm=\"{}\"", quotable(realm));
        Self::new(inner, challenge, Box::new(knows))
    }

    fn new<K>(
        inner: impl IntoResource<K>,
        challenge: String,
        knows: Box<dyn Fn(&Request) -> bool>,
    ) -> Self {
        Self {
            inner: Rc::new(inner.into_resource()),
            challenge,
            knows,
            methods: Vec::new(),
        }
    }

    /// This guard, which admits every request except those with these methods. With `GET` goes
    /// `HEAD`, whose answer is the same except for the body.
    #[must_use]
    pub fn for_methods(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.methods = methods.into_iter().collect();
        self
    }

    fn is_guarded(&self, method: Method) -> bool {
        let guarded = |method| self.methods.contains(&method);
        self.methods.is_empty()
            || guarded(method)
            || (method == Method::Head && guarded(Method::Get))
    }

    /// Whether two secrets are the same, in a time that does not say where they differ.
    #[must_use]
    pub fn equal(one: &str, other: &str) -> bool {
        let differing = one.bytes().zip(other.bytes()).map(|(a, b)| a ^ b);
        let differ = differing.fold(0, |all, bits| all | std::hint::black_box(bits));
        // The length shows in the time, as everywhere; the bytes do not.
        one.len() == other.len() && differ == 0
    }
}

/// What is behind the name of the scheme, where there is one header that names it.
fn credentials<'r>(request: &'r Request, scheme: &str) -> Option<&'r str> {
    // Two could be read in two ways, by a proxy that checks the one and by this server, which would
    // check the other.
    if request.headers().get_all_bytes("authorization").count() != 1 {
        return None;
    }
    let (found, rest) = request.header("authorization")?.split_once(' ')?;
    let rest = rest.trim_matches(' ');
    (found.eq_ignore_ascii_case(scheme) && !rest.is_empty()).then_some(rest)
}

fn decode(text: &str) -> Option<String> {
    String::from_utf8(BASE64_STANDARD.decode(text).ok()?).ok()
}

fn quotable(realm: &str) -> &str {
    let is_quotable = |c: char| !c.is_control() && c != '"' && c != '\\';
    assert!(
        realm.chars().all(is_quotable),
        "a realm is text without quotation marks, backslashes and control characters"
    );
    realm
}

impl Resource for Guard {
    fn admit(&self, request: &Request) -> Result<(), Response> {
        if !self.is_guarded(request.method()) || (self.knows)(request) {
            return self.inner.admit(request);
        }
        let answer = Response::error(Status::UNAUTHORIZED);
        Err(answer.with_header("WWW-Authenticate", self.challenge.clone()))
    }

    fn render(&self, request: Request) -> Answer {
        self.inner.render(request)
    }

    fn methods(&self) -> &[Method] {
        self.inner.methods()
    }

    fn get_child(&self, segment: &str, request: &Request) -> Option<Rc<dyn Resource>> {
        self.inner.get_child(segment, request)
    }

    fn index(&self) -> Option<Rc<dyn Resource>> {
        self.inner.index()
    }

    fn fallback(&self) -> Option<Rc<dyn Resource>> {
        self.inner.fallback()
    }

    fn is_leaf(&self) -> bool {
        self.inner.is_leaf()
    }

    fn intake(&self, request: &Request) -> Intake {
        self.inner.intake(request)
    }

    fn name(&self) -> &'static str {
        self.inner.name()
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("inner", &self.inner.name())
            .field("challenge", &self.challenge)
            .field("methods", &self.methods)
            .finish_non_exhaustive()
    }
}
