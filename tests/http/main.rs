//! Sites, as their clients see them.

mod answers;
mod connections;
mod deadlines;
mod events;
mod files;
mod functions;
mod guard;
mod held;
mod hostile;
mod meeting;
mod memory;
mod requests;
mod streams;
mod visitor;
