//! A networking engine in the manner of Twisted: an event loop, protocols, transports and Deferreds.

#![warn(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used)]
