//! Errors that must not go unseen: in the log, and in a program without a logger on its standard error.
//!
//! A program that never thought of a log shall not fail in silence. Panics need none of this, since Rust
//! prints them itself.

use std::fmt;

use log::LevelFilter;

use crate::contained::contain;

/// Logs an error, and prints it where there is no logger. `target` is the module that it comes from.
pub(crate) fn error(target: &str, what: fmt::Arguments<'_>) {
    log::error!(target: target, "{what}");
    if !has_logger() {
        // It panics if it cannot write, and there is no other place to report that to.
        let _ = contain(|| print(what));
    }
}

/// By this macro, because it lets the harness of tests keep what a test prints that passes.
#[expect(clippy::print_stderr, reason = "a program without a logger")]
fn print(what: fmt::Arguments<'_>) {
    eprintln!("{what}");
}

/// Whether a logger was installed, even one that is off. The one that `log` begins with lets nothing
/// pass and is nothing but its type; there is no other way to tell.
fn has_logger() -> bool {
    log::max_level() != LevelFilter::Off || size_of_val(log::logger()) > 0
}
