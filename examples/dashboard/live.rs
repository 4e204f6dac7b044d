//! What open pages are told: how many are in the chat, when that changes.
//!
//! The chat is asked once a second while somebody listens, and not at all while nobody does.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use reactor::http::{Audience, Response, ServerEvent};
use reactor::{Reactor, WeakReactor};

use crate::chat::Chat;

const EVERY: Duration = Duration::from_secs(1);

/// Open pages, and what they know.
pub(crate) struct Live {
    reactor: WeakReactor,
    chat: Rc<Chat>,
    pages: Audience,
    /// What the pages were told last.
    told: RefCell<Option<ServerEvent>>,
    is_asking: Cell<bool>,
}

impl Live {
    pub(crate) fn new(reactor: &Reactor, chat: &Rc<Chat>) -> Rc<Self> {
        Rc::new(Self {
            reactor: reactor.downgrade(),
            chat: Rc::clone(chat),
            // A page that is gone is noticed when it is told something.
            pages: Audience::new(reactor, Duration::from_secs(5)),
            told: RefCell::default(),
            is_asking: Cell::new(false),
        })
    }

    /// An answer that goes on as long as the page is open.
    pub(crate) fn subscribe(self: &Rc<Self>) -> Response {
        let known = self.told.borrow().clone();
        let answer = self.pages.subscribe(known.as_slice());
        if !self.is_asking.replace(true) {
            self.ask();
        }
        answer
    }

    /// Asks the chat, tells the pages, and does so again.
    fn ask(self: &Rc<Self>) {
        let this = Rc::clone(self);
        let _ = self.chat.users().add_both(move |users| {
            this.tell(match users {
                Ok(users) => ServerEvent::new(users.to_string()).with_name("users"),
                Err(_) => ServerEvent::new("").with_name("down"),
            });
            if this.pages.is_empty() {
                // What is known will be old when the next page is opened.
                this.told.take();
                this.is_asking.set(false);
                return;
            }
            let again = Rc::clone(&this);
            if let Some(reactor) = this.reactor.upgrade() {
                reactor.call_later(EVERY, move || again.ask());
            }
        });
    }

    fn tell(&self, event: ServerEvent) {
        let is_new = self.told.borrow().as_ref() != Some(&event);
        if is_new {
            self.pages.send(&event);
            self.told.replace(Some(event));
        }
    }
}
