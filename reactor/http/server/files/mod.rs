//! Files of a folder, as resources.
//!
//! ```text
//!   render ──▶ thread: open, look, read what is small ──▶ answer
//!                                                           │ what is large
//!              thread: read a piece ◀── there is room ◀─────┘
//! ```
//!
//! The loop never waits for a disk: whatever touches one is done on the threads for files, which do
//! nothing else, so that a file does not wait for the jobs of the program. A large file is read a piece
//! at a time, as the client takes it.

mod conditional;
#[cfg_attr(
    not(any(target_os = "linux", target_os = "android")),
    path = "held_by_path.rs"
)]
mod held;
mod kinds;
mod opening;
mod ranges;
mod state;

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::opening::{Folder, Found, Opened, PIECE};
use self::ranges::{Wanted, wanted};
use crate::deferred::Failure;
use crate::engine::thread_pool::ThreadPoolError;
use crate::http::body::Body;
use crate::http::body::sink::{BodyIsOver, BodySink};
use crate::http::server::request::Request;
use crate::http::server::resource::{Answer, Resource};
use crate::http::server::response::Response;
use crate::http::wire::method::Method;
use crate::http::wire::status::Status;
use crate::reactor::Reactor;
use crate::weak_reactor::WeakReactor;

pub use conditional::Validators;

/// The files of a folder and of those below it, with their types, ranges, and conditions for
/// clients that have them already.
///
/// Names that begin with a dot, links that lead out of the folder, and whatever is neither file nor
/// folder are not there: 404. A folder is answered with its `index.html`, if there is one; a path to
/// a folder that lacks the slash at its end is redirected to the one that has it.
///
/// Whoever may write in the folder decides what is served, but cannot lead out of it, not even by
/// putting a link in a folder's place at the right moment. That needs `/proc`, and so Linux: on another
/// system only people who may see every file of the server may write there.
///
/// ```
/// use reactor::Reactor;
/// use reactor::http::{Files, Tree};
///
/// let reactor = Reactor::new()?;
/// let root = Tree::new();
/// root.put_child("docs", Files::new(&reactor, "docs"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// At `/`, beside other resources, they are the tree's [fallback](crate::http::Tree::put_fallback).
///
/// A file that was changed less than two seconds ago may be changed once more without its times telling.
/// So its answer has no `Last-Modified`, and an `ETag` of its own, which is weak.
pub struct Files {
    reactor: WeakReactor,
    folder: Arc<Folder>,
}

impl Files {
    /// The files below `root`, which is looked for anew with each request.
    #[must_use]
    pub fn new(reactor: &Reactor, root: impl AsRef<Path>) -> Self {
        Self {
            reactor: reactor.downgrade(),
            folder: Arc::new(Folder::new(root.as_ref().to_owned())),
        }
    }

    /// These files, and those whose names, or whose folders' names, are this one, which begins with a
    /// dot: `.well-known`.
    #[must_use]
    pub fn with_dot_name(mut self, name: impl Into<OsString>) -> Self {
        Arc::make_mut(&mut self.folder).dot_names.push(name.into());
        self
    }

    /// These files, and this one of them for each page that is not there: the `index.html` of an
    /// application that makes its pages in the browser. It is answered with 200.
    ///
    /// A page is what has no dot in the last name of its path. So a picture or a script that is not
    /// there is still a 404, and so is what is hidden.
    ///
    /// ```
    /// # use reactor::Reactor;
    /// # use reactor::http::{Files, Request, Response, Tree};
    /// # let reactor = Reactor::new()?;
    /// let root = Tree::new();
    /// root.put_tree("api").put_child("users", |_: Request| Response::json("[]\n"));
    /// root.put_fallback(Files::new(&reactor, "public").with_fallback("index.html"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_fallback(mut self, page: impl Into<PathBuf>) -> Self {
        Arc::make_mut(&mut self.folder).fallback = Some(page.into());
        self
    }

    /// These files, of which those whose names end in a dot and this extension are of this media type.
    /// It goes before the list that the library has, which knows more than a hundred. Upper and lower case
    /// are the same.
    ///
    /// ```
    /// # use reactor::Reactor;
    /// # use reactor::http::Files;
    /// # let reactor = Reactor::new()?;
    /// let scores = Files::new(&reactor, "scores").with_type("ly", "text/x-lilypond; charset=utf-8");
    /// # drop(scores);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_type(mut self, extension: &str, media_type: impl Into<String>) -> Self {
        let kinds = &mut Arc::make_mut(&mut self.folder).kinds;
        kinds.push((extension.to_ascii_lowercase(), media_type.into()));
        self
    }
}

impl Resource for Files {
    fn is_leaf(&self) -> bool {
        true
    }

    fn render(&self, request: Request) -> Answer {
        let Some(reactor) = self.reactor.upgrade() else {
            return Response::error(Status::SERVICE_UNAVAILABLE).into();
        };
        let Some(path) = self.folder.path_of(request.path_below()) else {
            return Response::error(Status::NOT_FOUND).into();
        };
        let folder = Arc::clone(&self.folder);
        Answer::from_future(async move {
            // Read here: the clock is this thread's. A file that changes while it waits for a thread is
            // newer than this, and so is not taken for settled.
            let now = reactor.system_time();
            let opened = reactor
                .0
                .defer_to_file_thread(move || folder.open(&path, now));
            Ok(match opened.await.or_else(overloaded)? {
                Found::File(opened) => answer(&reactor, &request, opened),
                Found::FolderWithoutSlash => redirect(&request),
                Found::Nothing => Response::error(Status::NOT_FOUND),
                Found::Forbidden => Response::error(Status::FORBIDDEN),
                Found::Broken => Response::error(Status::INTERNAL_SERVER_ERROR),
                Found::Overloaded => Response::error(Status::SERVICE_UNAVAILABLE),
            })
        })
    }
}

/// The file was not looked for: too many others wait for a thread, or none can be started. The client
/// may try again.
fn overloaded(failure: Failure) -> Result<Found, Failure> {
    match failure.check::<ThreadPoolError>() {
        Some(error) => {
            log::warn!("a file is answered with 503: {error}");
            Ok(Found::Overloaded)
        }
        None => Err(failure),
    }
}

/// To the same path with a slash at its end, and with its query.
fn redirect(request: &Request) -> Response {
    let query = request.query().map(|query| format!("?{query}"));
    // To a browser a backslash is a slash, and two of those are the beginning of a host.
    let path = request.path().replace('\\', "%5C");
    let location = format!("{path}/{}", query.unwrap_or_default());
    Response::redirect(Status::FOUND, location)
}

fn answer(reactor: &Reactor, request: &Request, opened: Opened) -> Response {
    let (validators, length) = (opened.validators.clone(), opened.length);
    if let Err(answer) = validators.check(request) {
        return answer;
    }
    let header = request
        .header("range")
        .filter(|_| request.method() == Method::Get && validators.allows_range(request));
    let response = match header.map_or(Wanted::Whole, |header| wanted(header, length)) {
        Wanted::Whole => {
            let kind = opened.kind.clone();
            Response::ok().with_body(kind, opened.body(reactor, vec![Segment::Part(0..length)]))
        }
        Wanted::Nothing => Response::error(Status::RANGE_NOT_SATISFIABLE)
            .with_header("Content-Range", format!("bytes */{length}")),
        Wanted::Parts(parts) => match <[Range<u64>; 1]>::try_from(parts) {
            Ok([part]) => one_part(reactor, opened, part),
            Err(parts) => many_parts(reactor, opened, &parts),
        },
    };
    validators
        .add_to(response)
        .with_header("Accept-Ranges", "bytes")
}

fn one_part(reactor: &Reactor, opened: Opened, part: Range<u64>) -> Response {
    let (kind, range) = (opened.kind.clone(), content_range(&part, opened.length));
    let body = opened.body(reactor, vec![Segment::Part(part)]);
    Response::ok()
        .with_body(kind, body)
        .with_status(Status::PARTIAL_CONTENT)
        .with_header("Content-Range", range)
}

/// Several parts, one behind the other: RFC 9110, section 14.6.
fn many_parts(reactor: &Reactor, opened: Opened, parts: &[Range<u64>]) -> Response {
    let boundary = opened.boundary();
    let (kind, length) = (opened.kind.clone(), opened.length);
    let mut segments = Vec::new();
    for part in parts {
        let range = content_range(part, length);
        let head =
            format!("\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Range: {range}\r\n\r\n");
        segments.extend([Segment::Text(head), Segment::Part(part.clone())]);
    }
    segments.push(Segment::Text(format!("\r\n--{boundary}--\r\n")));
    let content_type = format!("multipart/byteranges; boundary={boundary}");
    Response::ok()
        .with_body(content_type, opened.body(reactor, segments))
        .with_status(Status::PARTIAL_CONTENT)
}

fn content_range(part: &Range<u64>, length: u64) -> String {
    format!("bytes {}-{}/{length}", part.start, part.end - 1)
}

/// What a body consists of.
enum Segment {
    Text(String),
    Part(Range<u64>),
}

impl Segment {
    fn length(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Part(part) => part.end - part.start,
        }
    }
}

impl Opened {
    fn body(self, reactor: &Reactor, segments: Vec<Segment>) -> Body {
        let length = segments.iter().map(Segment::length).sum();
        if let Some(bytes) = self.bytes {
            let mut body = Vec::with_capacity(length as usize);
            for segment in segments {
                match segment {
                    Segment::Text(text) => body.extend_from_slice(text.as_bytes()),
                    Segment::Part(part) => {
                        body.extend_from_slice(&bytes[part.start as usize..part.end as usize]);
                    }
                }
            }
            return body.into();
        }
        let (sink, body) = Body::stream();
        // The sink reports what goes wrong.
        drop(reactor.spawn(send(reactor.downgrade(), self.file, segments, sink)));
        body.with_length(length)
    }
}

/// Reads and writes, a piece at a time, as far as the client takes them.
async fn send(
    reactor: WeakReactor,
    file: File,
    segments: Vec<Segment>,
    sink: BodySink,
) -> Result<(), Failure> {
    match send_segments(&reactor, file, segments, &sink).await {
        Ok(()) => sink.finish(),
        // The client is gone, or wanted the head alone.
        Err(failure) if failure.check::<BodyIsOver>().is_some() => {}
        Err(failure) => sink.fail(failure),
    }
    Ok(())
}

async fn send_segments(
    reactor: &WeakReactor,
    mut file: File,
    segments: Vec<Segment>,
    sink: &BodySink,
) -> Result<(), Failure> {
    for segment in segments {
        let mut part = match segment {
            Segment::Text(text) => {
                sink.write(text.as_bytes());
                continue;
            }
            Segment::Part(part) => part,
        };
        while !part.is_empty() {
            sink.ready().await?;
            let reactor = reactor.upgrade().ok_or(BodyIsOver)?;
            let piece = part.start..part.end.min(part.start + PIECE);
            part.start = piece.end;
            let read = reactor
                .0
                .defer_to_file_thread(move || read_piece(file, piece));
            let bytes;
            (file, bytes) = read.await??;
            sink.write(&bytes);
        }
    }
    Ok(())
}

/// A file that has become shorter is an error.
fn read_piece(mut file: File, piece: Range<u64>) -> io::Result<(File, Vec<u8>)> {
    let mut bytes = vec![0; (piece.end - piece.start) as usize];
    file.seek(SeekFrom::Start(piece.start))?;
    file.read_exact(&mut bytes)?;
    Ok((file, bytes))
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files")
            .field("root", &self.folder.root)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "os"))]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::engine::pools::ThreadLimits;
    use crate::http::{Site, UnexpectedStatus, get_page};

    #[test]
    fn a_file_that_no_thread_is_free_for_is_answered_with_503() {
        let reactor = Reactor::new().expect("a loop");
        reactor.set_thread_limits(ThreadLimits::new().file_threads(1).waiting_jobs(0));
        let (go_on, goes_on) = mpsc::channel::<()>();
        let (begun, begins) = mpsc::channel();
        let busy = reactor.0.defer_to_file_thread(move || {
            begun.send(()).expect("the test waits");
            goes_on.recv().expect_err("the test drops its end");
        });
        begins.recv().expect("it begins");
        let site = Site::new(&reactor, Files::new(&reactor, "."));
        let port = reactor.listen_tcp("127.0.0.1:0", site).expect("a port");
        let page = get_page(
            &reactor,
            &format!("http://{}/Cargo.toml", port.local_addr()),
        );
        let failure = reactor.run_until(page).expect_err("no thread is free");
        let answer = failure.check::<UnexpectedStatus>().expect("an answer");
        assert_eq!(answer.status, Status::SERVICE_UNAVAILABLE);
        drop((go_on, busy));
    }
}
