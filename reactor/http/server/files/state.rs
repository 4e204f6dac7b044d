//! By what one state of a file is known from another.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

use super::conditional::Validators;

/// So long after a change a file may be changed once more without its times telling: clocks of file
/// systems tick in steps of up to two seconds.
const SETTLED: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub(super) struct State {
    pub(super) length: u64,
    inode: u64,
    /// The time of the last change by the clock of the system, in nanoseconds. It cannot be set back,
    /// unlike `modified`.
    changed: i128,
    modified: SystemTime,
}

impl State {
    pub(super) fn of(metadata: &Metadata) -> io::Result<Self> {
        Ok(Self {
            length: metadata.len(),
            inode: metadata.ino(),
            changed: i128::from(metadata.ctime()) * 1_000_000_000
                + i128::from(metadata.ctime_nsec()),
            modified: metadata.modified()?,
        })
    }

    pub(super) fn tag(&self) -> String {
        let Self {
            length,
            inode,
            changed,
            ..
        } = self;
        format!("{length:x}-{inode:x}-{changed:x}")
    }

    /// For an answer that is made `now`.
    ///
    /// While a file is not settled, what is there later shall not be taken for what was sent: the time
    /// is left out, and the tag is weak and that of this answer alone. A time in the future is one of
    /// a wrong clock, and says as little.
    pub(super) fn validators(&self, now: SystemTime) -> Validators {
        let tag = self.tag();
        if now
            .duration_since(self.modified)
            .is_ok_and(|age| age >= SETTLED)
        {
            return Validators::new()
                .with_etag(format!("\"{tag}\""))
                .with_modified(self.modified);
        }
        let since = now.duration_since(SystemTime::UNIX_EPOCH);
        let moment = since.unwrap_or_default().as_nanos();
        Validators::new().with_etag(format!("W/\"{tag}-{moment:x}\""))
    }
}
