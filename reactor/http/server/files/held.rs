//! Something in the file system, held while one looks where it is.
//!
//! Between a look at a path and the opening of it, another process can put a link in the place of a
//! folder. So what is looked at and what is opened is the same descriptor: it is got first, and asked
//! afterwards where it is.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const DELETED: &[u8] = b" (deleted)";

pub(super) struct Held {
    descriptor: File,
    path: PathBuf,
}

impl Held {
    /// What is at the end of a path and of all links on it.
    ///
    /// Nothing is opened yet, so a FIFO is not waited for, and no permission to read is needed.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        let mut options = File::options();
        let descriptor = options.read(true).custom_flags(libc::O_PATH).open(path)?;
        Self::of(descriptor)
    }

    fn of(descriptor: File) -> io::Result<Self> {
        let path = fs::read_link(name(&descriptor)).map_err(without_proc)?;
        Ok(Self { descriptor, path })
    }

    /// Where it is, without links. Behind the name of what has been deleted or replaced meanwhile
    /// stands [`DELETED`].
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The last name of its path.
    pub(super) fn name(&self) -> &OsStr {
        let name = self.path.file_name().unwrap_or_default();
        let without = name.as_bytes().strip_suffix(DELETED);
        without.map_or(name, OsStr::from_bytes)
    }

    pub(super) fn metadata(&self) -> io::Result<Metadata> {
        self.descriptor.metadata()
    }

    pub(super) fn open(self) -> io::Result<File> {
        File::open(name(&self.descriptor))
    }
}

/// The name that leads to a descriptor, whatever has become of its path.
fn name(descriptor: &File) -> String {
    format!("/proc/self/fd/{}", descriptor.as_raw_fd())
}

fn without_proc(error: io::Error) -> io::Error {
    let message = format!("/proc does not say where it is: {error}");
    io::Error::new(io::ErrorKind::Unsupported, message)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_is_held_stays_what_it_was_wherever_its_path_leads_afterwards() -> io::Result<()> {
        let folder = std::env::temp_dir().join(format!("held-{}", std::process::id()));
        fs::create_dir_all(folder.join("inside"))?;
        fs::create_dir_all(folder.join("outside"))?;
        let folder = fs::canonicalize(folder)?;
        let (inside, outside) = (folder.join("inside"), folder.join("outside"));
        fs::write(inside.join("page.txt"), "inside")?;
        fs::write(outside.join("page.txt"), "outside")?;

        let path = inside.join("page.txt");
        let (held, gone) = (Held::at(&path)?, Held::at(&path)?);
        fs::rename(&inside, folder.join("away"))?;
        symlink(&outside, &inside)?;
        assert_eq!(held.path(), path);
        let text = |held: Held| io::read_to_string(held.open()?);
        assert_eq!(text(held)?, "inside");

        let led_out = Held::at(&path)?;
        assert_eq!(led_out.path(), outside.join("page.txt"));
        assert_eq!(text(led_out)?, "outside");

        fs::remove_file(folder.join("away/page.txt"))?;
        let gone = Held::of(gone.descriptor)?;
        assert_eq!(gone.path(), folder.join("away/page.txt (deleted)"));
        assert_eq!(gone.name(), "page.txt");
        assert_eq!(text(gone)?, "inside");
        fs::remove_dir_all(&folder)
    }
}
