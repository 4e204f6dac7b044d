//! From a path to an open file, without leaving the folder. Runs in the thread pool.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::conditional::Validators;
use super::held::Held;
use super::kinds;
use super::state::State;
use crate::report;
use crate::visible::visible;

/// At most this many bytes of a file are read at once, and a file that has no more when it is opened.
pub(super) const PIECE: u64 = 64 << 10;

/// The folder that is served.
#[derive(Clone)]
pub(super) struct Folder {
    pub(super) root: PathBuf,
    /// The names that begin with a dot and are not hidden.
    pub(super) dot_names: Vec<OsString>,
    /// What is sent instead of a page that is not there.
    pub(super) fallback: Option<PathBuf>,
    /// Extensions in lower case, and the types of such files. The last one counts.
    pub(super) kinds: Vec<(String, String)>,
}

/// What is at a path.
pub(super) enum Found {
    File(Opened),
    FolderWithoutSlash,
    Nothing,
    Forbidden,
    /// It may be there, but the operating system cannot tell.
    Broken,
    /// It was not looked for, since no thread was free to do so.
    Overloaded,
}

/// A file that is about to be sent.
pub(super) struct Opened {
    pub(super) file: File,
    pub(super) length: u64,
    /// What is in it, if that is not much.
    pub(super) bytes: Option<Vec<u8>>,
    pub(super) kind: Cow<'static, str>,
    pub(super) validators: Validators,
    tag: String,
}

impl Opened {
    /// What separates the parts of this file in an answer with several. It is not in the file
    /// unless it was put there on purpose, which misleads only clients of that file.
    pub(super) fn boundary(&self) -> String {
        format!("part-{}", self.tag)
    }
}

/// A path below the folder, as the file system has it.
pub(super) struct Below {
    path: PathBuf,
    ends_in_slash: bool,
}

impl Below {
    /// Whether it looks like the path of a page, and not like that of a file, or of what a standard has
    /// given a name with a dot.
    fn is_of_a_page(&self) -> bool {
        let has_dot_name = self
            .path
            .iter()
            .any(|name| name.as_bytes().starts_with(b"."));
        let is_file = !self.ends_in_slash && self.path.extension().is_some();
        !has_dot_name && !is_file
    }
}

impl Folder {
    pub(super) fn new(root: PathBuf) -> Self {
        Self {
            root,
            dot_names: Vec::new(),
            fallback: None,
            kinds: Vec::new(),
        }
    }

    /// The path of a request. Nothing for one that could lead elsewhere, or to what is hidden.
    pub(super) fn path_of(&self, path: &str) -> Option<Below> {
        let mut below = PathBuf::new();
        let mut segments = path.split('/').skip(1).peekable();
        let mut ends_in_slash = false;
        while let Some(segment) = segments.next() {
            if segment.is_empty() && segments.peek().is_none() {
                ends_in_slash = true;
                break;
            }
            let name: Vec<u8> = percent_encoding::percent_decode_str(segment).collect();
            let is_no_name = name.is_empty() || name.iter().any(|byte| b"/\0".contains(byte));
            let name = OsString::from_vec(name);
            if is_no_name || self.is_hidden(&name) {
                return None;
            }
            below.push(name);
        }
        Some(Below {
            path: below,
            ends_in_slash,
        })
    }

    /// Opens what is at a path, or what stands in for it, for an answer that is made `now`.
    pub(super) fn open(&self, below: &Below, now: SystemTime) -> Found {
        match (self.open_itself(below, now), &self.fallback) {
            (Found::Nothing, Some(fallback)) if below.is_of_a_page() => {
                let fallback = Below {
                    path: fallback.clone(),
                    ends_in_slash: false,
                };
                self.open_itself(&fallback, now)
            }
            (found, _) => found,
        }
    }

    fn open_itself(&self, below: &Below, now: SystemTime) -> Found {
        match self.try_open(below, now) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Found::Forbidden,
            Err(error) if says_nothing(&error) => {
                let path = below.path.to_string_lossy();
                report::error(
                    module_path!(),
                    format_args!("{} cannot be opened: {error}", visible(&path)),
                );
                Found::Broken
            }
            Err(error) => {
                let path = below.path.to_string_lossy();
                log::debug!("{} is not there: {error}", visible(&path));
                Found::Nothing
            }
        }
    }

    fn try_open(&self, below: &Below, now: SystemTime) -> io::Result<Found> {
        let root = fs::canonicalize(&self.root)?;
        let mut held = Held::at(&root.join(&below.path))?;
        if !self.is_served(&root, held.path()) {
            return Ok(Found::Nothing);
        }
        if held.metadata()?.is_dir() {
            if !below.ends_in_slash {
                return Ok(Found::FolderWithoutSlash);
            }
            held = Held::at(&held.path().join("index.html"))?;
            if !self.is_served(&root, held.path()) {
                return Ok(Found::Nothing);
            }
        } else if below.ends_in_slash {
            return Ok(Found::Nothing);
        }
        // To open what is neither file nor folder might wait for ever.
        if !held.metadata()?.is_file() {
            return Ok(Found::Nothing);
        }
        let kind = self.kind_of(Path::new(held.name()));
        look(held, kind, now).map(Found::File)
    }

    fn kind_of(&self, name: &Path) -> Cow<'static, str> {
        let extension = name.extension().unwrap_or_default();
        let own = self.kinds.iter().rev();
        match own
            .map(|(own, kind)| (OsStr::new(own), kind))
            .find(|(own, _)| extension.eq_ignore_ascii_case(own))
        {
            Some((_, kind)) => kind.clone().into(),
            None => kinds::kind_of(name),
        }
    }

    /// Whether something lies in the folder and no part of its path there is hidden, wherever links
    /// have led.
    fn is_served(&self, root: &Path, path: &Path) -> bool {
        path.strip_prefix(root)
            .is_ok_and(|below| !below.iter().any(|name| self.is_hidden(name)))
    }

    fn is_hidden(&self, name: &OsStr) -> bool {
        name.as_bytes().starts_with(b".") && !self.dot_names.iter().any(|known| known == name)
    }
}

/// Whether it says nothing of the file: EIO, ENOMEM, ENFILE and EMFILE; that the system does not say
/// where a file is; or that a file became shorter while it was read.
fn says_nothing(error: &io::Error) -> bool {
    let of_the_system = [libc::EIO, libc::ENOMEM, libc::ENFILE, libc::EMFILE];
    error
        .raw_os_error()
        .is_some_and(|code| of_the_system.contains(&code))
        || matches!(
            error.kind(),
            io::ErrorKind::Unsupported | io::ErrorKind::UnexpectedEof
        )
}

fn look(held: Held, kind: Cow<'static, str>, now: SystemTime) -> io::Result<Opened> {
    let mut file = held.open()?;
    let state = State::of(&file.metadata()?)?;
    let length = state.length;
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
        kind,
        validators: state.validators(now),
        tag: state.tag(),
    })
}
