//! The sled engine: ordered keys in a directory. Nothing else in the workspace names sled.
//!
//! What is known about sled 0.34.7 and heeded here:
//! - Its flush starts the write-back of the changed range but syncs neither the file's length nor the disk's cache, so
//!   each commit is followed by a data sync of our own.
//! - Pages above an eighth of a megabyte go to files of their own that are never synced. The layout keeps values
//!   small enough that no page gets there.
//! - A stop while it writes its recovery snapshot leaves `snap.*.generating`, which spoils the next open.
//! - It panics where it finds some kinds of damage. A panic becomes [`Error::Corrupt`].
//! - A directory may stay locked for a moment after it was dropped, while its threads finish.

use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use bytes::Bytes;

use crate::engine::{Batch, Change, Durability, Engine};
use crate::error::Error;
use crate::options::Options;

/// How often and at which distance an open is tried again while sled's threads finish.
const LOCK_TRIES: usize = 400;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// A sled database in a directory.
pub(crate) struct SledEngine {
    db: sled::Db,
    /// The database's own file, opened once more to sync it.
    file: File,
    dir: PathBuf,
    reserve: u64,
}

/// Why sled did not open, before anyone has said what to do about it.
#[derive(Debug)]
pub(crate) enum Fault {
    Damaged(String),
    Io(io::Error),
}

impl SledEngine {
    /// Opens the directory, or creates it. The caller holds the lock of the data directory.
    pub(crate) fn open(dir: &Path, options: &Options) -> Result<SledEngine, Fault> {
        remove_leftovers(dir).map_err(Fault::Io)?;
        let config =
            sled::Config::new().path(dir).cache_capacity(options.cache_capacity).flush_every_ms(None);
        let db = open_patiently(&config)?;
        let file = File::open(dir.join("db")).map_err(Fault::Io)?;
        file.sync_all().map_err(Fault::Io)?;
        Ok(SledEngine { db, file, dir: dir.into(), reserve: options.reserve })
    }

    fn apply(&self, batch: Batch) -> Result<(), Error> {
        let mut writes = sled::Batch::default();
        for (key, change) in batch {
            match change {
                Change::Put(value) => writes.insert(key, &value[..]),
                Change::Remove => writes.remove(key),
            }
        }
        guard(|| self.db.apply_batch(writes)).inspect_err(|_| {
            // A part of the batch may be in sled's buffers now. Dropping the database would write them out, so it is
            // never dropped, and stays locked until the process ends: the next one finds the disk as it was before.
            std::mem::forget(self.db.clone());
        })
    }

    fn flush(&self) -> Result<(), Error> {
        guard(|| self.db.flush())?;
        self.file.sync_data().map_err(|error| Error::Io { detail: error.to_string().into() })
    }
}

impl Engine for SledEngine {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        Ok(guard(|| self.db.get(key))?.map(|value| Bytes::copy_from_slice(&value)))
    }

    fn scan(&self, start: &[u8], end: &[u8], limit: usize) -> Result<Vec<(Bytes, Bytes)>, Error> {
        let copy = |(key, value): (sled::IVec, sled::IVec)| {
            (Bytes::copy_from_slice(&key), Bytes::copy_from_slice(&value))
        };
        guard(|| self.db.range(start..end).take(limit).map(|pair| pair.map(copy)).collect())
    }

    fn room(&self) -> Result<(), Error> {
        if self.reserve == 0 {
            return Ok(());
        }
        let available = fs2::available_space(&self.dir)
            .map_err(|error| Error::Io { detail: error.to_string().into() })?;
        if available < self.reserve {
            return Err(Error::DiskFull { available, reserve: self.reserve });
        }
        Ok(())
    }

    fn write(&self, batch: Batch, durability: Durability) -> Result<(), Error> {
        self.apply(batch)?;
        match durability {
            Durability::Flushed => self.flush(),
            Durability::Lazy => Ok(()),
        }
    }
}

/// Runs a call into sled; a panic in it is damage that sled has found.
fn guard<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T, Error> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|error| match error {
            sled::Error::Io(error) => Error::Io { detail: error.to_string().into() },
            other => Error::corrupt(other.to_string()),
        }),
        Err(panic) => Err(Error::corrupt(message_of(panic.as_ref()))),
    }
}

fn message_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("the engine panicked").to_owned()
}

/// Removes recovery snapshots that were being written when the last process was stopped.
fn remove_leftovers(dir: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.starts_with("snap.") && name.ends_with(".generating")) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Opens, and waits a little when only the lock is in the way: the data directory is ours, so the lock is that of a
/// database of this process that is being dropped.
fn open_patiently(config: &sled::Config) -> Result<sled::Db, Fault> {
    let mut tries = 0;
    loop {
        let fault = match catch_unwind(AssertUnwindSafe(|| config.open())) {
            Ok(Ok(db)) => return Ok(db),
            Ok(Err(sled::Error::Io(error))) => Fault::Io(error),
            Ok(Err(other)) => Fault::Damaged(other.to_string()),
            Err(panic) => Fault::Damaged(message_of(panic.as_ref())),
        };
        tries += 1;
        if tries == LOCK_TRIES || !fault.is_lock() {
            return Err(fault);
        }
        thread::park_timeout(LOCK_PAUSE);
    }
}

impl Fault {
    /// sled tells a taken lock by text only.
    pub(crate) fn is_lock(&self) -> bool {
        matches!(self, Fault::Io(error) if error.to_string().contains("could not acquire lock"))
    }
}
