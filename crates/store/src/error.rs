//! One error enum per boundary: using a store, opening one, and snapshots.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use crate::types::Record;

/// Why an operation on an open store failed. Cloned to everyone who waits for the same write.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// A condition did not hold, or a delete found nothing.
    #[error("the object {} is not in the expected state", key.escape_ascii())]
    Conflict {
        /// The key whose condition failed first.
        key: Bytes,
        /// The object as it is; none when there is none.
        current: Option<Record>,
    },
    /// The revision has left the log's window.
    #[error("the revision is too old, the oldest that can be read is {oldest}")]
    Compacted {
        /// The oldest revision that can be read or watched from.
        oldest: u64,
    },
    /// The revision has not been written yet.
    #[error("the revision is not written yet, the latest is {current}")]
    Future {
        /// The latest committed revision.
        current: u64,
    },
    /// The watcher fell so far behind that the log no longer holds what it missed.
    #[error("the watcher fell behind the log's window, list and watch again")]
    Lagged,
    /// A key or a value is beyond what the store takes.
    #[error("the {what} has {size} bytes, the limit is {limit}")]
    TooLarge {
        /// "key" or "value".
        what: &'static str,
        /// Its size in bytes.
        size: usize,
        /// The most that is taken.
        limit: usize,
    },
    /// The disk is nearly full. Nothing was written, and writes work again once there is room.
    #[error(
        "only {available} bytes are free on the disk and {reserve} are kept in reserve, make room and retry"
    )]
    DiskFull {
        /// Free bytes on the file system.
        available: u64,
        /// [`Options::reserve`](crate::Options::reserve).
        reserve: u64,
    },
    /// A write failed on its way to the disk, this one or one before. Whether it survives is decided by the next
    /// open; it was not acknowledged, and nobody sees it until then. Reads may fail from here on, too.
    #[error("the store takes no more writes, see to the disk and start again: {reason}")]
    ReadOnly {
        /// What the disk or the engine said.
        reason: Arc<str>,
    },
    /// Stored bytes do not read back as they were written.
    #[error("the store is damaged: {detail}")]
    Corrupt {
        /// What was found.
        detail: Arc<str>,
    },
    /// Reading from the disk failed.
    #[error("failed to read from the store: {detail}")]
    Io {
        /// What the operating system said.
        detail: Arc<str>,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

impl Error {
    pub(crate) fn corrupt(detail: impl Into<String>) -> Error {
        Error::Corrupt { detail: detail.into().into() }
    }
}

/// Why a store could not be opened. Nothing was created in its place or thrown away to work around it; only sled, when
/// it finds damage at the end of its log, has cut that off. A store that is refused for damage stays refused.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another store in this one, has the directory open.
    #[error("{} is in use by another process, stop it first or choose another directory", dir.display())]
    InUse {
        /// The data directory.
        dir: PathBuf,
    },
    /// The data was written by a version with another format.
    #[error(
        "{} has store format {found} and this program knows {supported}, use the version that wrote it", dir.display()
    )]
    UnknownFormat {
        /// The data directory.
        dir: PathBuf,
        /// The format in the header.
        found: u32,
        /// The format this program writes.
        supported: u32,
    },
    /// The files are damaged.
    #[error("the store in {} is damaged ({detail}); {advice}", dir.display())]
    Damaged {
        /// The data directory.
        dir: PathBuf,
        /// What was found.
        detail: String,
        /// What to do next, with the restore command.
        advice: String,
    },
    /// The disk is full.
    #[error("no space is left on the disk of {}, make room and start again", dir.display())]
    NoSpace {
        /// The data directory.
        dir: PathBuf,
    },
    /// The operating system refused.
    #[error("failed to open the store in {}; {advice}", dir.display())]
    Io {
        /// The data directory.
        dir: PathBuf,
        /// What to do next, with the restore command.
        advice: String,
        /// What the operating system said.
        source: io::Error,
    },
}

/// Why a snapshot could not be written, read or restored.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The operating system refused.
    #[error("failed to {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file is no snapshot, is cut short, or was changed since it was written.
    #[error("{} is not a sound snapshot: {detail}", path.display())]
    Unsound {
        /// The snapshot file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// The store could not be read while its snapshot was taken, or not written while it was restored.
    #[error("failed to copy the store")]
    Store(#[from] Error),
    /// The target directory could not be used.
    #[error("failed to prepare the target directory")]
    Open(#[from] OpenError),
}

impl SnapshotError {
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> SnapshotError {
        let path = path.into();
        move |source| SnapshotError::Io { action, path, source }
    }
}
