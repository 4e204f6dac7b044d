//! What other threads hold of a loop: mailboxes, connections, and calls that they wait for.

#[path = "../support/mod.rs"]
mod support;

mod blocking;
mod connections;
mod mailboxes;
