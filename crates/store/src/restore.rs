//! Restoring: a new engine directory is built beside the old one and takes its place only once it is complete.

use std::path::{Path, PathBuf};

use crate::backend::sled::directory::{Directory, Lock};
use crate::backend::sled::engine::SledEngine;
use crate::disk;
use crate::engine::{Batch, Change, Durability, Engine};
use crate::error::SnapshotError;
use crate::mvcc::layout::{self, Entry, Pointer};
use crate::options::Options;
use crate::snapshot::{self, Summary};
use crate::types::{EventKind, Record};

/// How far the revision counter jumps. Whoever has seen revisions that the snapshot does not know finds them
/// compacted, and reads anew; nobody writes a thousand million revisions between two snapshots.
const JUMP: u64 = 1_000_000_000;
/// How many bytes are written at a time.
const BATCH_BYTES: usize = 4 << 20;

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// How many objects.
    pub objects: u64,
    /// The revision that the store goes on from.
    pub revision: u64,
    /// Where the data went that was there before.
    pub replaced: Option<PathBuf>,
}

pub(crate) fn restore(from: &Path, dir: &Path) -> Result<Restored, SnapshotError> {
    // Read once to know that it is sound, before anything is touched.
    snapshot::read(from, |_| Ok(()))?;
    let directory = Directory::new(dir);
    let lock = directory.lock()?;
    let building = directory.restoring();
    disk::remove_dir(&building).map_err(SnapshotError::io("remove", &building))?;
    let summary = build(from, &directory, &building)?;
    let replaced = swap(&directory, &building, &lock)?;
    Ok(Restored { objects: summary.objects, revision: summary.revision + JUMP, replaced })
}

fn build(from: &Path, directory: &Directory, building: &Path) -> Result<Summary, SnapshotError> {
    let options = Options { reserve: 0, ..Options::default() };
    let engine = SledEngine::open(building, &options).map_err(|fault| directory.explain(fault))?;
    let mut batch = Batch::new();
    let mut bytes = 0;
    let summary = snapshot::read(from, |record| {
        bytes += record.key.len() + record.value.len();
        encode(record, &mut batch);
        if bytes >= BATCH_BYTES {
            bytes = 0;
            engine.write(std::mem::take(&mut batch), Durability::Flushed)?;
        }
        Ok(())
    })?;
    batch.extend(layout::header_of(summary.revision + JUMP));
    engine.write(batch, Durability::Flushed)?;
    disk::sync_dir(building).map_err(SnapshotError::io("flush", building))?;
    Ok(summary)
}

/// The object as the newest write of its key, with nothing before it.
fn encode(record: Record, batch: &mut Batch) {
    let Record { key, value, created, revision } = record;
    let pointer = Pointer { revision, created, kind: EventKind::Put };
    batch.push((layout::pointer_key(&key), Change::Put(pointer.encode())));
    let entry = Entry { kind: EventKind::Put, key, value, created, prior: 0, time: 0, history: 0 };
    entry.encode_into(revision, batch);
}

/// Puts the new engine directory in place. The lock shows that nobody uses the old one.
fn swap(directory: &Directory, building: &Path, _: &Lock) -> Result<Option<PathBuf>, SnapshotError> {
    let engine = directory.engine();
    let replaced = engine.exists().then(|| directory.aside());
    if let Some(aside) = &replaced {
        disk::rename(&engine, aside)?;
    }
    disk::rename(building, &engine)?;
    Ok(replaced)
}
