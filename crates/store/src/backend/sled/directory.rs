//! The data directory: what is where, who holds it, and what to tell a user when it does not open.
//!
//! ```text
//! DIR/lock          held while a store is open or being restored
//! DIR/mark          a revision that the engine is known to hold
//! DIR/db/           the engine; there only once it is complete
//! DIR/db.new/       a store that is being created
//! DIR/db.restoring/ a store that is being restored
//! DIR/db.replaced-N what a restore has moved aside
//! DIR/snapshots/    snapshots on a schedule
//! ```

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::backend::sled::engine::Fault;
use crate::error::OpenError;
use crate::{disk, schedule};

/// A data directory.
#[derive(Debug, Clone)]
pub(crate) struct Directory(PathBuf);

/// Held as long as the directory is in use; the system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Directory {
    pub(crate) fn new(dir: &Path) -> Directory {
        Directory(dir.into())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn engine(&self) -> PathBuf {
        self.0.join("db")
    }

    pub(crate) fn creating(&self) -> PathBuf {
        self.0.join("db.new")
    }

    pub(crate) fn restoring(&self) -> PathBuf {
        self.0.join("db.restoring")
    }

    /// A free name for what a restore replaces.
    pub(crate) fn aside(&self) -> PathBuf {
        let name = |number: u32| self.0.join(format!("db.replaced-{number}"));
        (1..).map(name).find(|path| !path.exists()).expect("a directory does not hold all numbers")
    }

    pub(crate) fn snapshots(&self) -> PathBuf {
        self.0.join("snapshots")
    }

    /// Creates the directory if need be and takes it for this store.
    pub(crate) fn lock(&self) -> Result<Lock, OpenError> {
        let file = disk::create_private_dir(&self.0).and_then(|()| {
            OpenOptions::new().write(true).create(true).truncate(false).open(self.0.join("lock"))
        });
        let file = file.map_err(|error| self.explain(Fault::Io(error)))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse { dir: self.0.clone() }),
            Err(TryLockError::Error(error)) => Err(self.explain(Fault::Io(error))),
        }
    }

    /// Whether a restore was stopped between moving the old store aside and putting the new one in its place.
    pub(crate) fn is_between_stores(&self) -> bool {
        !self.engine().exists() && (self.restoring().exists() || self.0.join("db.replaced-1").exists())
    }

    /// Notes that everything up to `revision` is on disk. sled takes damage at the end of its log for a write that was
    /// cut short, and opens without it; the mark tells such a store from a sound one.
    pub(crate) fn set_mark(&self, revision: u64) -> io::Result<()> {
        let (mark, partial) = (self.0.join("mark"), self.0.join("mark.partial"));
        let mut file = disk::create_private(&partial)?;
        file.write_all(format!("{revision}\n").as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&partial, &mark)?;
        disk::sync_dir(&self.0)
    }

    /// The revision that the engine must at least be at.
    pub(crate) fn mark(&self) -> io::Result<u64> {
        match std::fs::read_to_string(self.0.join("mark")) {
            Ok(text) => text.trim().parse().map_err(io::Error::other),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// What a fault means to the user of this directory.
    pub(crate) fn explain(&self, fault: Fault) -> OpenError {
        let dir = self.0.clone();
        match fault {
            fault if fault.is_lock() => OpenError::InUse { dir },
            Fault::Damaged(detail) => OpenError::Damaged { dir, detail, advice: self.advice() },
            Fault::Io(error) if error.kind() == ErrorKind::StorageFull => OpenError::NoSpace { dir },
            Fault::Io(source) => OpenError::Io { dir, advice: self.advice_on(&source), source },
        }
    }

    fn advice_on(&self, error: &io::Error) -> String {
        match error.kind() {
            ErrorKind::PermissionDenied => "let this user read and write it".into(),
            _ => self.advice(),
        }
    }

    /// How to go back to a snapshot.
    fn advice(&self) -> String {
        let dir = self.0.display();
        match schedule::newest(&self.snapshots()) {
            Some(snapshot) => {
                format!(
                    "nothing was changed; to go back run: skiff restore --from {} --data {dir}",
                    snapshot.display()
                )
            }
            None => format!(
                "there is no snapshot in {}; to go back to one kept elsewhere run: \
                 skiff restore --from SNAPSHOT --data {dir}, or move {dir} away to start empty",
                self.snapshots().display()
            ),
        }
    }
}
