//! Calls for a connection's protocol, which came through a handle and which the loop will make.

use std::any::{Any, TypeId};
use std::panic::Location;

use super::Transport;
use crate::contained::Contained;

/// A call that gets the part of a protocol which it wants.
pub(crate) type PartCall = Box<dyn FnOnce(&mut dyn Any, &Transport)>;

/// A call for the protocol of one connection.
pub(crate) struct Post {
    /// The type that the call wants to reach: the protocol, or what it wraps.
    pub(crate) wanted: TypeId,
    pub(crate) name: &'static str,
    pub(crate) place: &'static Location<'static>,
    /// Whether the socket is looked at before: see `Handle::call_after_look`.
    pub(crate) looks: bool,
    pub(crate) call: Contained<PartCall>,
}

impl Transport {
    /// Keeps a call for the loop, which makes it when the callback that is running has returned. After
    /// the connection was lost it is dropped.
    pub(crate) fn post(&self, post: Post) {
        if self.is_lost() {
            return; // `post` is dropped here: kept, it could keep what keeps the transport
        }
        self.relations(|relations| relations.posts.push_back(post));
        self.0.loop_side.post(self.0.token);
    }

    /// The call that was posted first.
    pub(crate) fn next_post(&self) -> Option<Post> {
        let mut relations = self.0.relations.borrow_mut();
        relations.as_mut()?.posts.pop_front()
    }
}
