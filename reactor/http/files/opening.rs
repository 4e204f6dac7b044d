//! From a path to an open file, without leaving the folder. Runs in the thread pool.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::PIECE;
use super::conditional::Validators;
use super::kinds::kind_of;

/// What is at a path.
pub(super) enum Found {
    File(Opened),
    FolderWithoutSlash,
    Nothing,
    Forbidden,
    /// It may be there, but the operating system cannot tell.
    Broken,
}

/// A file that is about to be sent.
pub(super) struct Opened {
    pub(super) file: File,
    pub(super) length: u64,
    /// What is in it, if that is not much.
    pub(super) bytes: Option<Vec<u8>>,
    pub(super) kind: &'static str,
    pub(super) validators: Validators,
    tag: String,
}

impl Opened {
    /// What separates the parts of this file in an answer with several. It is not in the file
    /// unless somebody has put it there, who then fools only those who asked for that file.
    pub(super) fn boundary(&self) -> String {
        format!("part-{}", self.tag)
    }
}

/// A path below the folder, as the file system has it.
pub(super) struct Below {
    path: PathBuf,
    ends_in_slash: bool,
}

/// The path of a request. Nothing for one that could lead elsewhere, or to what is hidden.
pub(super) fn path_of(path: &str) -> Option<Below> {
    let mut below = PathBuf::new();
    let mut segments = path.split('/').skip(1).peekable();
    let mut ends_in_slash = false;
    while let Some(segment) = segments.next() {
        if segment.is_empty() && segments.peek().is_none() {
            ends_in_slash = true;
            break;
        }
        let name = percent_encoding::percent_decode_str(segment)
            .decode_utf8()
            .ok()?;
        let leads_elsewhere = name.contains(['/', '\\', '\0', ':']);
        if name.is_empty() || name.starts_with('.') || leads_elsewhere {
            return None;
        }
        below.push(&*name);
    }
    Some(Below {
        path: below,
        ends_in_slash,
    })
}

/// Opens what is at a path.
pub(super) fn open(root: &Path, below: &Below) -> Found {
    match try_open(root, below) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Found::Forbidden,
        Err(error) if says_nothing(&error) => {
            log::error!("{} cannot be opened: {error}", below.path.display());
            Found::Broken
        }
        Err(error) => {
            log::debug!("{} is not there: {error}", below.path.display());
            Found::Nothing
        }
    }
}

/// Whether it says nothing of the file: EIO, ENOMEM, ENFILE and EMFILE, which have these numbers on
/// every Unix, and no stable name in `std`.
fn says_nothing(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(5 | 12 | 23 | 24))
}

fn try_open(root: &Path, below: &Below) -> io::Result<Found> {
    let root = fs::canonicalize(root)?;
    let mut path = fs::canonicalize(root.join(&below.path))?;
    if !is_served(&root, &path) {
        return Ok(Found::Nothing);
    }
    if fs::metadata(&path)?.is_dir() {
        if !below.ends_in_slash {
            return Ok(Found::FolderWithoutSlash);
        }
        path = fs::canonicalize(path.join("index.html"))?;
        if !is_served(&root, &path) {
            return Ok(Found::Nothing);
        }
    } else if below.ends_in_slash {
        return Ok(Found::Nothing);
    }
    // To open what is neither file nor folder might wait for ever.
    if !fs::metadata(&path)?.is_file() {
        return Ok(Found::Nothing);
    }
    look(&path).map(Found::File)
}

/// Whether a file lies in the folder and no part of its path there is hidden, wherever links have led.
fn is_served(root: &Path, path: &Path) -> bool {
    path.strip_prefix(root).is_ok_and(|below| {
        let mut names = below.iter();
        !names.any(|name| name.as_encoded_bytes().starts_with(b"."))
    })
}

fn look(path: &Path) -> io::Result<Opened> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    let length = metadata.len();
    let modified = metadata.modified()?;
    let since = modified.duration_since(SystemTime::UNIX_EPOCH);
    let tag = format!("{length:x}-{:x}", since.unwrap_or_default().as_nanos());
    let bytes = if length <= PIECE {
        let mut bytes = vec![0; length as usize];
        file.read_exact(&mut bytes)?;
        Some(bytes)
    } else {
        None
    };
    Ok(Opened {
        file,
        length,
        bytes,
        kind: kind_of(path),
        validators: Validators::new()
            .with_etag(format!("\"{tag}\""))
            .with_modified(modified),
        tag,
    })
}
