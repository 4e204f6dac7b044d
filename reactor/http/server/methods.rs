//! A resource made of a function for each method.

use std::fmt;

use crate::http::server::function::IntoAnswer;
use crate::http::server::request::Request;
use crate::http::server::resource::{Answer, Intake, Resource};
use crate::http::wire::method::Method;

/// A resource made of a function for each method; begun by [`get`](crate::http::server::get) or [`post`](crate::http::server::post).
pub struct Methods {
    methods: Vec<Method>,
    functions: Vec<Render>,
    intake: Intake,
}

type Render = Box<dyn Fn(Request) -> Answer>;

impl Methods {
    /// A resource that answers `method` with what `render` returns.
    pub fn new<K, A: IntoAnswer<K>>(
        method: Method,
        render: impl Fn(Request) -> A + 'static,
    ) -> Self {
        Self {
            methods: Vec::new(),
            functions: Vec::new(),
            intake: Intake::Memory,
        }
        .on(method, render)
    }

    /// This resource, which also answers `method`. A function that was there before is replaced.
    #[must_use]
    pub fn on<K, A: IntoAnswer<K>>(
        mut self,
        method: Method,
        render: impl Fn(Request) -> A + 'static,
    ) -> Self {
        let render: Render = Box::new(move |request| render(request).into_answer());
        match self.methods.iter().position(|m| *m == method) {
            Some(index) => self.functions[index] = render,
            None => {
                self.methods.push(method);
                self.functions.push(render);
            }
        }
        self
    }

    /// This resource, which also answers `POST`.
    #[must_use]
    pub fn post<K, A: IntoAnswer<K>>(self, render: impl Fn(Request) -> A + 'static) -> Self {
        self.on(Method::Post, render)
    }

    /// This resource, which also answers `PUT`.
    #[must_use]
    pub fn put<K, A: IntoAnswer<K>>(self, render: impl Fn(Request) -> A + 'static) -> Self {
        self.on(Method::Put, render)
    }

    /// This resource, which also answers `DELETE`.
    #[must_use]
    pub fn delete<K, A: IntoAnswer<K>>(self, render: impl Fn(Request) -> A + 'static) -> Self {
        self.on(Method::Delete, render)
    }

    /// This resource, with bodies taken in another way.
    #[must_use]
    pub fn with_intake(mut self, intake: Intake) -> Self {
        self.intake = intake;
        self
    }
}

/// A resource that answers `GET` with what `render` returns, and perhaps other methods.
///
/// ```
/// use reactor::http::server::get;
/// use reactor::http::{Request, Response};
///
/// let banner = get(|_: Request| Response::text("Welcome\n"))
///     .post(|request: Request| Response::text(format!("{} bytes\n", request.body().len())));
/// # drop(banner);
/// ```
pub fn get<K, A: IntoAnswer<K>>(render: impl Fn(Request) -> A + 'static) -> Methods {
    Methods::new(Method::Get, render)
}

/// A resource that answers `POST` with what `render` returns, and perhaps other methods.
pub fn post<K, A: IntoAnswer<K>>(render: impl Fn(Request) -> A + 'static) -> Methods {
    Methods::new(Method::Post, render)
}

impl Resource for Methods {
    fn render(&self, request: Request) -> Answer {
        let method = match request.method() {
            Method::Head if !self.methods.contains(&Method::Head) => Method::Get,
            method => method,
        };
        let index = self.methods.iter().position(|m| *m == method);
        self.functions[index.expect("only the methods that are listed are rendered")](request)
    }

    fn methods(&self) -> &[Method] {
        &self.methods
    }

    fn intake(&self, _: &Request) -> Intake {
        self.intake
    }
}

impl fmt::Debug for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Methods").field(&self.methods).finish()
    }
}
