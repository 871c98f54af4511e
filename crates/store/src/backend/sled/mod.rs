//! The store on disk: sled below, one writer thread above. Start at [`SledBackend::open`].

pub(crate) mod directory;
pub(crate) mod engine;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::backend::Backend;
use crate::backend::sled::directory::{Directory, Lock};
use crate::backend::sled::engine::{Fault, SledEngine};
use crate::disk;
use crate::engine::{Durability, Engine};
use crate::error::{Error, OpenError, SnapshotError};
use crate::mvcc::layout::{self, FIRST, FORMAT, Floor, Head};
use crate::mvcc::verify::Verified;
use crate::mvcc::{self, Keeper, Mvcc};
use crate::options::Options;
use crate::snapshot::Cut;
use crate::types::{Page, Record, Txn};
use crate::watch::{History, Watch};
use crate::writer::Writer;

/// A store in a data directory. The fields are dropped in this order: the writer finishes, the engine closes, and
/// only then the directory is free.
pub(crate) struct SledBackend {
    writer: Writer,
    mvcc: Arc<Mvcc<SledEngine>>,
    directory: Directory,
    _lock: Lock,
}

impl SledBackend {
    pub(crate) fn open(dir: &Path, options: Options) -> Result<SledBackend, OpenError> {
        let directory = Directory::new(dir);
        let lock = directory.lock()?;
        if directory.is_between_stores() {
            return Err(directory.explain(Fault::Damaged("a restore was interrupted, run it again".into())));
        }
        if !directory.engine().exists() {
            create(&directory, &options)?;
        }
        let engine =
            SledEngine::open(&directory.engine(), &options).map_err(|fault| directory.explain(fault))?;
        let (head, floor) = header(&directory, &engine)?;
        check_mark(&directory, &head)?;
        let mvcc = Arc::new(Mvcc::new(engine, options, &head, &floor));
        mvcc.check_tail(&head).map_err(|error| directory.explain(fault_of(error)))?;
        let writer = Writer::start(mvcc.clone(), Keeper::new(head, floor))
            .map_err(|error| directory.explain(Fault::Io(error)))?;
        Ok(SledBackend { writer, mvcc, directory, _lock: lock })
    }
}

/// Refuses a store that has lost its newest writes, and moves the mark up.
fn check_mark(directory: &Directory, head: &Head) -> Result<(), OpenError> {
    let explain = |error| directory.explain(Fault::Io(error));
    let mark = directory.mark().map_err(explain)?;
    if mark > head.revision {
        let detail = format!("it ends at revision {} and has been at {mark}", head.revision);
        return Err(directory.explain(Fault::Damaged(detail)));
    }
    directory.set_mark(head.revision).map_err(explain)
}

/// Creates an empty store. It gets its name once it is complete, so that a directory named `db` without a header is
/// damage, never a first start that was cut short.
fn create(directory: &Directory, options: &Options) -> Result<(), OpenError> {
    let explain = |fault| directory.explain(fault);
    let creating = directory.creating();
    disk::remove_dir(&creating).map_err(|error| explain(Fault::Io(error)))?;
    let engine = SledEngine::open(&creating, options).map_err(explain)?;
    engine.write(layout::header_of(FIRST), Durability::Flushed).map_err(|error| explain(fault_of(error)))?;
    drop(engine);
    let renamed = disk::sync_dir(&creating)
        .and_then(|()| std::fs::rename(&creating, directory.engine()))
        .and_then(|()| disk::sync_dir(directory.path()));
    renamed.map_err(|error| explain(Fault::Io(error)))
}

/// The header, once its format is known to be ours.
fn header(directory: &Directory, engine: &SledEngine) -> Result<(Head, Floor), OpenError> {
    let explain = |error| directory.explain(fault_of(error));
    let format = engine.get(layout::format_key()).map_err(explain)?;
    let format = format.ok_or_else(|| explain(Error::corrupt("the header is missing")))?;
    let found = layout::format_of(&format).map_err(explain)?;
    if found != FORMAT {
        return Err(OpenError::UnknownFormat { dir: directory.path().into(), found, supported: FORMAT });
    }
    mvcc::read_header(engine).map_err(explain)
}

fn fault_of(error: Error) -> Fault {
    match error {
        Error::Corrupt { detail } => Fault::Damaged(detail.to_string()),
        other => Fault::Io(std::io::Error::other(other)),
    }
}

impl Backend for SledBackend {
    fn revision(&self) -> u64 {
        self.mvcc.hub.revision()
    }

    fn oldest(&self) -> u64 {
        self.mvcc.oldest()
    }

    fn get(&self, key: &[u8]) -> Result<Option<Record>, Error> {
        self.mvcc.get(key)
    }

    fn range(&self, start: &[u8], end: &[u8], at: Option<u64>, limit: Option<usize>) -> Result<Page, Error> {
        self.mvcc.range(start, end, at, limit)
    }

    fn commit(&self, txn: Txn) -> BoxFuture<'_, Result<u64, Error>> {
        self.writer.commit(txn).boxed()
    }

    fn watch(&self, start: &[u8], end: &[u8], from: u64) -> Result<Watch, Error> {
        self.mvcc.pin(Some(from))?;
        let history: Weak<dyn History> = Arc::<Mvcc<SledEngine>>::downgrade(&self.mvcc);
        Watch::new(self.mvcc.hub.clone(), history, start, end, from)
    }

    fn compact(&self, revision: u64) -> BoxFuture<'_, Result<(), Error>> {
        async move {
            self.mvcc.compact(revision)?;
            self.writer.nudge().await
        }
        .boxed()
    }

    fn snapshot(&self, cut: &mut dyn Cut) -> Result<(), SnapshotError> {
        self.mvcc.snapshot(cut)
    }

    fn snapshots(&self) -> Option<PathBuf> {
        Some(self.directory.snapshots())
    }

    fn now_millis(&self) -> u64 {
        self.mvcc.options.now_millis()
    }

    fn verify(&self) -> Result<Verified, Error> {
        self.mvcc.verify()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        async move {
            self.writer.close().await?;
            let marked = self.directory.set_mark(self.mvcc.hub.revision());
            marked.map_err(|error| Error::Io { detail: error.to_string().into() })
        }
        .boxed()
    }
}
