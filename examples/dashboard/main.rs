//! A dashboard for the chat: a service of its own, made of another service.
//!
//! ```text
//! $ cargo run --example chat                in one terminal
//! $ cargo run --example dashboard           in another; then open http://127.0.0.1:5000/
//! ```
//!
//! ```text
//! browser ──▶ dashboard ──▶ the chat's API ──▶ the room
//!         :5000          :8080
//! ```
//!
//! It knows nothing of the chat but its API, and asks it with the library's own client. So a page is
//! an answer that waits for two others. How many are in the chat is asked once a second, while
//! somebody looks, and told to all open pages when it changes.
//!
//! ```text
//! $ cargo run --example dashboard -- --listen tcp:5001:interface=127.0.0.1 --api http://127.0.0.1:8081
//! $ CHAT_TOKEN=secret cargo run --example dashboard        for a chat whose banner is guarded
//! $ cargo run --example dashboard -- --name chat.example   where it is also known by this name
//! ```
//!
//! The one idea: a Deferred is an answer, and is made of other Deferreds. `chat.rs` asks the API,
//! `page.rs` draws, `live.rs` tells.

mod chat;
mod live;
#[path = "../chat/logging.rs"]
mod logging;
mod page;
#[path = "../chat/sender.rs"]
mod sender;
#[path = "../chat/token.rs"]
mod token;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::rc::Rc;

use reactor::deferred::Failure;
use reactor::endpoints::server_from_string;
use reactor::http::server::get;
use reactor::http::{
    Answer, Method, Request, RequestError, Resource, Response, Site, Status, Tree, Url,
};
use reactor::{Deferred, Reactor, visible};

use crate::chat::{Chat, Refused};
use crate::live::Live;
use crate::page::{Note, Page};
use crate::sender::OwnNames;

const USAGE: &str = "usage: dashboard [--listen ENDPOINT] [--api URL] [--name HOST]…";

fn main() -> ExitCode {
    let _log = logging::init();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dashboard: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut listen = "tcp:5000:interface=127.0.0.1".to_owned();
    let mut api = "http://127.0.0.1:8080".to_owned();
    let mut names = OwnNames::default();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--listen" => listen = words.next().ok_or(USAGE)?,
            "--api" => api = words.next().ok_or(USAGE)?,
            "--name" => names.add(words.next().ok_or(USAGE)?),
            "--help" | "-h" => {
                let _ = writeln!(io::stdout(), "{USAGE}");
                return Ok(());
            }
            other => return Err(format!("{other} is not understood; {USAGE}").into()),
        }
    }
    if let Err(error) = Url::parse(&api) {
        return Err(format!("{error}; {USAGE}").into());
    }
    let reactor = Reactor::new()?;
    let chat = Rc::new(Chat::new(&reactor, &api, token::from_environment()?));
    let port = server_from_string(&listen)?.listen(&reactor, site(&reactor, &chat, names))?;
    // Nobody may be reading what is printed; the dashboard goes on all the same.
    let _ = writeln!(io::stdout(), "The dashboard: http://{}/", port.local_addr());
    reactor.run()?;
    Ok(())
}

fn site(reactor: &Reactor, chat: &Rc<Chat>, names: OwnNames) -> Site {
    let live = Live::new(reactor, chat);
    let root = Tree::new();
    let chat = Rc::clone(chat);
    root.put_child("", Dashboard { chat, names });
    root.put_child("events", get(move |_| live.subscribe()));
    root.put_child(
        "style.css",
        get(|_| asset("text/css", include_str!("style.css"))),
    );
    root.put_child(
        "script.js",
        get(|_| asset("text/javascript", include_str!("script.js"))),
    );
    Site::new(reactor, root)
}

fn asset(content_type: &'static str, text: &'static str) -> Response {
    Response::ok()
        .with_body(content_type, text)
        .with_header("Cache-Control", "no-cache")
        .with_header("X-Content-Type-Options", "nosniff")
}

/// The page, and the form on it.
#[derive(Clone)]
struct Dashboard {
    chat: Rc<Chat>,
    names: OwnNames,
}

impl Resource for Dashboard {
    fn methods(&self) -> &[Method] {
        &[Method::Get, Method::Post]
    }

    fn render(&self, request: Request) -> Answer {
        if request.method() == Method::Post {
            return self.save(&request);
        }
        let note = match request.query() {
            Some("saved") => Note::Saved,
            _ => Note::None,
        };
        self.show(Status::OK, note, None).into()
    }
}

impl Dashboard {
    /// The page as it is now; or, if the chat cannot be asked, one that says so.
    fn show(&self, status: Status, note: Note, typed: Option<String>) -> Deferred<Response> {
        let now = self.chat.now();
        now.add_both(move |now| {
            Ok(match now {
                Ok(now) => Page::of(now, note, typed).answer(status),
                Err(failure) => unreachable_chat(&failure),
            })
        })
    }

    /// Sets the banner, and shows the page anew: by a redirect, so that a reload does not set it
    /// again.
    fn save(&self, request: &Request) -> Answer {
        if let Err(reason) = self.names.check_sender(request) {
            let refusal =
                format!("This form can only be sent from the dashboard itself: {reason}.\n");
            return Response::text(refusal)
                .with_status(Status::FORBIDDEN)
                .into();
        }
        let form = match request.form() {
            Ok(form) => form,
            Err(error) => {
                let answer = Response::text(format!("{error}\n"));
                return answer.with_status(Status::UNSUPPORTED_MEDIA_TYPE).into();
            }
        };
        let banner = form.into_iter().find(|(name, _)| name == "banner");
        let Some((_, banner)) = banner else {
            let answer = Response::text("the form has no banner\n");
            return answer.with_status(Status::BAD_REQUEST).into();
        };
        let this = self.clone();
        let typed = banner.clone();
        let saved = self.chat.set_banner(&banner);
        let answer = saved.add_both(move |saved| match saved {
            Ok(()) => Deferred::succeed(Response::redirect(Status::SEE_OTHER, "/?saved")),
            Err(failure) => match failure.check::<Refused>() {
                Some(refused) => {
                    let note = Note::Error(refused.to_string());
                    this.show(Status::UNPROCESSABLE_CONTENT, note, Some(typed))
                }
                None => Deferred::succeed(unreachable_chat(&failure)),
            },
        });
        answer.into()
    }
}

fn unreachable_chat(failure: &Failure) -> Response {
    // What went wrong with a request is inside of what went wrong with a list of them.
    let request = failure
        .causes()
        .find_map(|cause| cause.downcast_ref::<RequestError>());
    match request {
        Some(error) => log::warn!("the chat cannot be asked: {error}"),
        None => {
            let why = failure.to_string();
            log::warn!("the chat cannot be asked: {}", visible(&why));
        }
    }
    Page::without_chat().answer(Status::BAD_GATEWAY)
}
