//! What is behind a path, and what it answers.
//!
//! ```text
//!   GET /users/ana/photos
//!        │     │    │
//!   root ▶ users ▶ ana ▶ photos ── render ──▶ Answer
//!      get_child  get_child  get_child         a Response, a Deferred, or a future
//! ```

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use crate::deferred::{Deferred, Failure};
use crate::http::server::request::Request;
use crate::http::server::response::Response;
use crate::http::wire::method::Method;

/// Something that has a path.
///
/// A function from a [`Request`] to anything that becomes an [`Answer`] is a resource that answers
/// `GET`, and so is an `async` one, which [`IntoResource`](crate::http::IntoResource) makes one of:
///
/// ```
/// use reactor::http::{Request, Response, Tree};
///
/// async fn later(_: Request) -> Response {
///     Response::text("later\n")
/// }
///
/// let root = Tree::new();
/// root.put_child("hello", |_: Request| Response::text("hello\n"));
/// root.put_child("later", later);
/// ```
///
/// Every method is called by the loop. A panic in one of them is answered with 500 and logged.
pub trait Resource: 'static {
    /// Answers a request whose path led here and whose method is among [`methods`](Self::methods).
    fn render(&self, request: Request) -> Answer;

    /// The methods that this resource answers. Others are answered with 405, which says these.
    /// `HEAD` is answered by what `GET` answers, and `OPTIONS` by this list, where they are not in
    /// it.
    fn methods(&self) -> &[Method] {
        &[Method::Get]
    }

    /// Whether a request may come this way. Asked of each resource on the path, before the body is
    /// read and before anything else is asked of it. [`Guard`](crate::http::Guard) says no here.
    ///
    /// # Errors
    ///
    /// The answer to a request that may not.
    fn admit(&self, request: &Request) -> Result<(), Response> {
        let _ = request;
        Ok(())
    }

    /// The resource below this one that a path goes on to with `segment`, in which escapes are
    /// decoded. Nothing leads to the [`fallback`](Self::fallback), and without one to a 404.
    ///
    /// Not called for a leaf, and never with an empty segment: a slash at the end of a path means
    /// nothing, and two slashes in a row are a 404.
    fn get_child(&self, segment: &str, request: &Request) -> Option<Rc<dyn Resource>> {
        let _ = (segment, request);
        None
    }

    /// The resource that answers for this one's own path, where that is another one.
    fn index(&self) -> Option<Rc<dyn Resource>> {
        None
    }

    /// The resource that answers for all paths below this one for which [`get_child`](Self::get_child)
    /// finds nothing. It is not asked for children of its own, and finds in
    /// [`Request::path_below`] what is behind this resource's path.
    fn fallback(&self) -> Option<Rc<dyn Resource>> {
        None
    }

    /// Whether this resource answers for all paths below it, too. It finds what is left of the path
    /// in [`Request::path_below`].
    fn is_leaf(&self) -> bool {
        false
    }

    /// How the body of a request is wanted. Asked for before the body is read.
    fn intake(&self, request: &Request) -> Intake {
        let _ = request;
        Intake::Memory
    }

    /// What log lines and observers call it.
    fn name(&self) -> &'static str {
        std::any::type_name::<Self>()
    }
}

/// How a resource wants the body of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Intake {
    /// In memory, up to the limit of the site. `render` is called when all of it has come.
    Memory,
    /// In memory, up to this many bytes.
    AtMost(u64),
    /// As it comes. `render` is called at once, and finds it in [`Request::take_stream`].
    Stream,
}

/// What a resource answers: now or later.
#[non_exhaustive]
pub enum Answer {
    /// Now.
    Now(Response),
    /// When the Deferred fires. It is cancelled when the client goes, or the handler's time is
    /// over. A failure becomes a 500, whose details are in the log alone, unless it is one of a
    /// [`Response`], which is then the answer.
    ///
    /// A client has gone when its connection is reset, and when its stream ends while it waits. A
    /// stream that ends within 20 ms of its request, as that of `printf … | nc -N` does, is only half
    /// closed, and its client gets the answer.
    Later(Deferred<Response>),
    /// When the future is done, which the loop runs; see [`Answer::from_future`].
    Future(Pin<Box<dyn Future<Output = Result<Response, Failure>>>>),
}

impl Answer {
    /// Answers with what an `async` block returns. An `async fn` from a [`Request`] needs no wrapping; see
    /// [`IntoResource`](crate::http::IntoResource).
    ///
    /// ```
    /// use reactor::http::{Answer, Request, Response, Tree};
    /// # use reactor::Deferred;
    /// # fn find(_: String) -> Deferred<String> { Deferred::succeed("Ana".to_owned()) }
    ///
    /// let users = Tree::new();
    /// users.put_parameter("user", |request: Request| {
    ///     Answer::from_future(async move {
    ///         let name = find(request.parameter("user").unwrap_or_default()).await?;
    ///         Ok(Response::text(format!("this is {name}\n")))
    ///     })
    /// });
    /// ```
    #[must_use]
    pub fn from_future(future: impl Future<Output = Result<Response, Failure>> + 'static) -> Self {
        Self::Future(Box::pin(future))
    }
}

impl From<Response> for Answer {
    #[inline]
    fn from(response: Response) -> Self {
        Self::Now(response)
    }
}

impl From<Deferred<Response>> for Answer {
    fn from(deferred: Deferred<Response>) -> Self {
        Self::Later(deferred)
    }
}

impl From<Result<Response, Failure>> for Answer {
    fn from(result: Result<Response, Failure>) -> Self {
        match result {
            Ok(response) => Self::Now(response),
            Err(failure) => Self::Later(Deferred::fail(failure)),
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now(response) => f.debug_tuple("Now").field(response).finish(),
            Self::Later(_) => f.write_str("Later"),
            Self::Future(_) => f.write_str("Future"),
        }
    }
}

impl<F, A> Resource for F
where
    F: Fn(Request) -> A + 'static,
    A: Into<Answer>,
{
    fn render(&self, request: Request) -> Answer {
        self(request).into()
    }
}
