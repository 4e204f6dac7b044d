//! The standard input and output as one stream.
//!
//! A descriptor does not block if its *file description* says so, and that is shared with the shell and with
//! every program that was started from the same terminal. A program that sets it and is killed leaves
//! them a terminal on which each read fails. So each of the two is opened anew where the system lets
//! it, which gives a description of our own:
//!
//! ```text
//!   shell ── 0,1,2 ──▶ description (blocks)      ──┐
//!   ours  ── fd  ────▶ description (does not)    ──┴─▶ the terminal
//! ```
//!
//! A socket cannot be opened, nor a terminal that this user may not; then the description is shared, and
//! set back when the stream is dropped.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
#[cfg(target_os = "linux")]
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};

use super::pipe::{Owned, PipeStream};
use super::registrations::Registrations;
use crate::address::Address;
use crate::driver::Readiness;
use crate::engine::table::Token;

/// The flags `O_NONBLOCK` and `O_NOCTTY`, which the standard library does not name.
#[cfg(target_os = "linux")]
const FLAGS: i32 = 0o4000 | 0o400;

pub(super) fn stdio(
    registrations: &Registrations,
    token: Token,
) -> io::Result<(PipeStream, Readiness)> {
    let reader = open(io::stdin().as_fd(), OpenOptions::new().read(true))?;
    let writer = open(io::stdout().as_fd(), OpenOptions::new().write(true))?;
    let (reader, writer) = (Some(reader), Some(writer));
    PipeStream::register(reader, writer, Address::Stdio, registrations, token)
}

/// The same file, with a description of our own where that is possible.
fn open(descriptor: BorrowedFd<'_>, options: &mut OpenOptions) -> io::Result<Owned> {
    let copy = descriptor.try_clone_to_owned()?;
    match anew(&copy, options) {
        Some(file) => Ok(Owned::alone(file.into())),
        None => Ok(Owned::shared(copy)),
    }
}

#[cfg(target_os = "linux")]
fn anew(copy: &OwnedFd, options: &mut OpenOptions) -> Option<File> {
    use std::os::fd::AsRawFd;
    let file_type = File::from(copy.try_clone().ok()?)
        .metadata()
        .ok()?
        .file_type();
    // A regular file would be read from its beginning, and written over from there.
    if !file_type.is_char_device() && !file_type.is_fifo() {
        return None;
    }
    let path = format!("/proc/self/fd/{}", copy.as_raw_fd());
    options.custom_flags(FLAGS).open(path).ok()
}

/// Elsewhere what opens a descriptor anew gives the same description.
#[cfg(not(target_os = "linux"))]
fn anew(_: &OwnedFd, _: &mut OpenOptions) -> Option<File> {
    None
}
