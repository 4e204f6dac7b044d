//! Functions from a request to an answer, as resources: plain ones and `async` ones.
//!
//! ```text
//!   fn(Request) -> Response, Result, Deferred, Answer      Now      is a Resource
//!   async fn(Request) -> Response, Result, …               Later    becomes one
//! ```
//!
//! Two kinds of conversion cannot be told apart by one trait without a parameter, because the type of
//! a future might become an answer in another way some day. So the kind is a parameter, which the
//! compiler finds and that is never written out.

use std::fmt;
use std::future::Future;

use crate::deferred::Failure;
use crate::http::server::request::Request;
use crate::http::server::resource::{Answer, Resource};
use crate::http::server::response::Response;

/// The kind of what is a [`Resource`], or an [`Answer`], as it is.
#[derive(Debug)]
pub enum Now {}

/// The kind of what becomes one when a future is done.
#[derive(Debug)]
pub enum Later {}

/// What can be put behind a path: a [`Resource`], or a function from a [`Request`] to an answer, which
/// may be `async`. `Kind` is found by the compiler.
///
/// ```
/// use reactor::Failure;
/// use reactor::http::server::get;
/// use reactor::http::{Request, Response, Status, Tree};
/// # use reactor::Deferred;
/// # fn find(_: u32) -> Deferred<String> { Deferred::succeed("Ana".to_owned()) }
///
/// async fn user(request: Request) -> Result<Response, Failure> {
///     let text = request.parameter("user").unwrap_or_default();
///     let number: u32 = text.parse().map_err(|_| Response::error(Status::NOT_FOUND))?;
///     let name = find(number).await?;
///     Ok(Response::text(format!("this is {name}\n")))
/// }
///
/// let users = Tree::new();
/// users.put_parameter("user", user);
/// users.put_child("new", get(async |_: Request| Response::text("a form\n")));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be put behind a path",
    label = "neither a resource nor a function from a request to an answer",
    note = "it may be a type that implements `Resource`, or a function (or closure `|request: Request|`) that \
            takes a `Request` and returns a `Response`, a `Result<Response, Failure>`, a \
            `Deferred<Response>` or an `Answer`",
    note = "it may be an `async fn` that takes a `Request` and returns a `Response` or a \
            `Result<Response, Failure>`: `?` makes a `Failure` of any error, and of a `Response` that is \
            to be the answer"
)]
pub trait IntoResource<Kind> {
    /// What it becomes.
    type Resource: Resource;

    /// Makes a resource of it.
    fn into_resource(self) -> Self::Resource;
}

impl<R: Resource> IntoResource<Now> for R {
    type Resource = R;

    fn into_resource(self) -> R {
        self
    }
}

impl<F, R> IntoResource<Later> for F
where
    F: Fn(Request) -> R + 'static,
    R: IntoAnswer<Later>,
{
    type Resource = Async<F>;

    fn into_resource(self) -> Async<F> {
        Async(self)
    }
}

/// What a function may return: an [`Answer`] or what becomes one, or a future of that. `Kind` is found
/// by the compiler.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no answer to a request",
    label = "this does not become an `Answer`",
    note = "a function returns a `Response`, a `Result<Response, Failure>`, a `Deferred<Response>` or an \
            `Answer`; an `async` one a `Response` or a `Result<Response, Failure>`",
    note = "`?` makes a `Failure` of any error, and of a `Response` that is to be the answer"
)]
pub trait IntoAnswer<Kind> {
    /// Makes an answer of it.
    fn into_answer(self) -> Answer;
}

impl<A: Into<Answer>> IntoAnswer<Now> for A {
    #[inline]
    fn into_answer(self) -> Answer {
        self.into()
    }
}

impl<F, A> IntoAnswer<Later> for F
where
    F: Future<Output = A> + 'static,
    A: Into<Answer>,
{
    fn into_answer(self) -> Answer {
        Answer::from_future(async { response(self.await.into()).await })
    }
}

async fn response(answer: Answer) -> Result<Response, Failure> {
    match answer {
        Answer::Now(response) => Ok(response),
        Answer::Later(deferred) => deferred.await,
        Answer::Future(future) => future.await,
    }
}

/// An `async` function as a resource that answers `GET`.
pub struct Async<F>(F);

impl<F, R> Resource for Async<F>
where
    F: Fn(Request) -> R + 'static,
    R: IntoAnswer<Later>,
{
    fn render(&self, request: Request) -> Answer {
        (self.0)(request).into_answer()
    }

    fn name(&self) -> &'static str {
        std::any::type_name::<F>()
    }
}

impl<F> fmt::Debug for Async<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Async({})", std::any::type_name::<F>())
    }
}
