//! Sites, as their clients see them.

mod answers;
mod backpressure;
mod bodies;
mod connections;
mod copying;
mod deadlines;
mod events;
mod files;
mod forwarded;
mod functions;
mod guard;
mod half_closes;
mod heads;
mod held;
mod hostile;
mod memory;
mod requests;
mod stopping;
mod streams;
mod trees;
mod visitor;
mod wire;
