//! As `held.rs`, for systems where a descriptor cannot be asked where it is.
//!
//! What is held is what was at the path a moment after one looked. Whoever may write in the folder can
//! put a link there in between.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

pub(super) struct Held {
    file: File,
    path: PathBuf,
}

impl Held {
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        let path = fs::canonicalize(path)?;
        let mut options = File::options();
        // Neither a link that has come meanwhile, nor a wait for the writer of a FIFO.
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let file = options.read(true).custom_flags(flags).open(&path)?;
        Ok(Self { file, path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn name(&self) -> &OsStr {
        self.path.file_name().unwrap_or_default()
    }

    pub(super) fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    pub(super) fn open(self) -> io::Result<File> {
        Ok(self.file)
    }
}
