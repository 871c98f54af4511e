//! The handle that callers hold. It forwards to a backend; what is the same for all of them is here.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::backend::Backend;
use crate::backend::memory::MemoryBackend;
use crate::backend::sled::SledBackend;
use crate::error::{Error, OpenError, SnapshotError};
use crate::mvcc::verify::Verified;
use crate::options::{Options, Schedule};
use crate::restore::{self, Restored};
use crate::types::{Page, Record, Txn};
use crate::watch::Watch;
use crate::{schedule, snapshot};

/// A key-value store with revisions. Clones share it.
///
/// In all ranges `start` is included and `end` is not; an empty `end` means "to the last key".
#[derive(Clone)]
pub struct Store {
    backend: Arc<dyn Backend>,
    /// Held while a scheduled snapshot is taken, so that two callers do not take the same one.
    snapshots: Arc<Mutex<Schedule>>,
}

impl Store {
    /// Opens the store in `dir`, or creates it. Takes as long as reading the newest part of the log.
    ///
    /// A store that cannot be opened is not replaced by an empty one: the error says what to do.
    pub fn open(dir: &Path, options: Options) -> Result<Store, OpenError> {
        let schedule = options.schedule.clone();
        Ok(Store::behind(SledBackend::open(dir, options)?, schedule))
    }

    /// A store that lives and ends with its handles. It has no thread: commits happen inside the call.
    pub fn memory(options: Options) -> Store {
        let schedule = options.schedule.clone();
        Store::behind(MemoryBackend::new(options), schedule)
    }

    fn behind(backend: impl Backend + 'static, schedule: Schedule) -> Store {
        Store { backend: Arc::new(backend), snapshots: Arc::new(Mutex::new(schedule)) }
    }

    /// The latest committed revision: everything up to it is durable and visible. At least 1.
    pub fn revision(&self) -> u64 {
        self.backend.revision()
    }

    /// The oldest revision that can still be read or watched from.
    pub fn oldest(&self) -> u64 {
        self.backend.oldest()
    }

    /// The object with this key at the latest revision.
    pub fn get(&self, key: &[u8]) -> Result<Option<Record>, Error> {
        self.backend.get(key)
    }

    /// Up to `limit` objects in key order, all of one revision: `at`, or the latest. `Compacted` when `at` has left
    /// the window, `Future` when it is not written yet.
    pub fn range(
        &self,
        start: &[u8],
        end: &[u8],
        at: Option<u64>,
        limit: Option<usize>,
    ) -> Result<Page, Error> {
        self.backend.range(start, end, at, limit)
    }

    /// Commits a transaction and waits until it is on disk. Gives the revision of its last write, or of the latest
    /// write before it when it has none. `Conflict` when a condition fails; nothing has happened then.
    ///
    /// Dropping the future may or may not take the write back.
    pub async fn commit(&self, txn: Txn) -> Result<u64, Error> {
        self.backend.commit(txn).await
    }

    /// Watches the events with a revision above `from`. `Compacted` when the log does not reach back to `from`,
    /// `Future` when `from` is not written yet.
    pub fn watch(&self, start: &[u8], end: &[u8], from: u64) -> Result<Watch, Error> {
        self.backend.watch(start, end, from)
    }

    /// Makes everything before `revision` unreadable at once, and frees its space in the background. The window
    /// does this by itself; this is for asking.
    pub async fn compact(&self, revision: u64) -> Result<(), Error> {
        self.backend.compact(revision).await
    }

    /// Writes all objects of the latest revision to the file `to`, replacing it only once the new one is complete.
    /// Blocks for as long as reading everything takes; writes go on meanwhile. Gives the revision.
    ///
    /// The file holds the values as they are stored; only its owner may read it.
    pub fn snapshot(&self, to: &Path) -> Result<u64, SnapshotError> {
        snapshot::write(to, |cut| self.backend.snapshot(cut))
    }

    /// Takes a snapshot into the data directory when the [`Schedule`] wants one and something has changed, and
    /// removes the oldest beyond those to keep. Gives its path. Blocks like [`Store::snapshot`].
    pub fn snapshot_if_due(&self) -> Result<Option<PathBuf>, SnapshotError> {
        let (Some(dir), Ok(schedule)) = (self.backend.snapshots(), self.snapshots.try_lock()) else {
            return Ok(None);
        };
        schedule::run(&dir, &schedule, self.revision(), self.backend.now_millis(), |path| self.snapshot(path))
    }

    /// Makes the data directory `dir` hold what the snapshot `from` holds. A store that is there already is moved
    /// aside, not removed. The revision counter goes on far above the snapshot's, so that nobody who has seen the
    /// lost future takes the new one for it.
    pub fn restore(from: &Path, dir: &Path) -> Result<Restored, SnapshotError> {
        restore::restore(from, dir)
    }

    /// Reads everything and checks that objects and log agree. For stores that nobody writes to meanwhile.
    pub fn verify(&self) -> Result<Verified, Error> {
        self.backend.verify()
    }

    /// Answers everything that was asked before, refuses what comes later, and ends all watches. The directory is
    /// free for others once the last clone is dropped.
    pub async fn close(self) -> Result<(), Error> {
        self.backend.close().await
    }
}

/// The end of the range of all keys that start with `prefix`.
pub fn prefix_end(prefix: &[u8]) -> Vec<u8> {
    let kept = prefix.iter().rposition(|byte| *byte != u8::MAX).map_or(0, |last| last + 1);
    let mut end = prefix[..kept].to_vec();
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_end_before_the_next_key() {
        for (prefix, end) in [("a/", "a0"), ("", ""), ("a", "b")] {
            assert_eq!(prefix_end(prefix.as_bytes()), end.as_bytes());
        }
        assert_eq!(prefix_end(b"a\xff\xff"), b"b");
        assert_eq!(prefix_end(b"\xff"), b"");
    }
}
