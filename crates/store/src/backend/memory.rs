//! The memory engine: for tests and for clusters that leave nothing behind.
//!
//! It has no thread and no flush. A commit happens inside the call, so a simulation with one thread stays
//! deterministic. Durability means nothing here; everything else is the same code as on disk.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, ready};

use crate::backend::Backend;
use crate::engine::{Batch, Change, Durability, Engine};
use crate::error::{Error, SnapshotError};
use crate::mvcc::layout::{self, FIRST, Floor, Head};
use crate::mvcc::verify::Verified;
use crate::mvcc::{Keeper, Mvcc};
use crate::options::Options;
use crate::snapshot::Cut;
use crate::types::{Page, Record, Txn};
use crate::watch::{History, Watch};

/// An ordered map.
#[derive(Default)]
pub(crate) struct MemoryEngine(RwLock<BTreeMap<Vec<u8>, Bytes>>);

impl Engine for MemoryEngine {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        Ok(self.0.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }

    fn scan(&self, start: &[u8], end: &[u8], limit: usize) -> Result<Vec<(Bytes, Bytes)>, Error> {
        let map = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let range = map.range(start.to_vec()..end.to_vec()).take(limit);
        Ok(range.map(|(key, value)| (Bytes::copy_from_slice(key), value.clone())).collect())
    }

    fn room(&self) -> Result<(), Error> {
        Ok(())
    }

    fn write(&self, batch: Batch, _: Durability) -> Result<(), Error> {
        self.apply(batch);
        Ok(())
    }
}

impl MemoryEngine {
    fn apply(&self, batch: Batch) {
        let mut map = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (key, change) in batch {
            match change {
                Change::Put(value) => map.insert(key, value),
                Change::Remove => map.remove(&key),
            };
        }
    }
}

/// A store in memory.
pub(crate) struct MemoryBackend {
    mvcc: Arc<Mvcc<MemoryEngine>>,
    /// The writer's state; none once closed. Held across one commit, which does not wait for anything.
    keeper: Mutex<Option<Keeper>>,
}

impl MemoryBackend {
    pub(crate) fn new(options: Options) -> MemoryBackend {
        let engine = MemoryEngine::default();
        engine.apply(layout::header_of(FIRST));
        let head = Head { revision: FIRST, first: FIRST + 1, time: 0, history: 0 };
        let floor = Floor { revision: FIRST, history: 0 };
        let mvcc = Arc::new(Mvcc::new(engine, options, &head, &floor));
        MemoryBackend { mvcc, keeper: Mutex::new(Some(Keeper::new(head, floor))) }
    }

    /// Runs `work` as the one writer, then trims what has left the window.
    fn write<T>(&self, work: impl FnOnce(&mut Keeper) -> Result<T, Error>) -> Result<T, Error> {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let keeper = keeper.as_mut().ok_or(Error::Closed)?;
        let result = work(keeper);
        self.mvcc.tend(keeper, u64::MAX / 2);
        result
    }
}

impl Backend for MemoryBackend {
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
        // Lazy, so that a future that is never polled does nothing, as with the other engines.
        async move {
            self.write(|keeper| {
                let mut outcomes = self.mvcc.commit(&mut keeper.head, &[txn]);
                outcomes.pop().expect("one transaction has one outcome")
            })
        }
        .boxed()
    }

    fn watch(&self, start: &[u8], end: &[u8], from: u64) -> Result<Watch, Error> {
        self.mvcc.pin(Some(from))?;
        let history: Weak<dyn History> = Arc::<Mvcc<MemoryEngine>>::downgrade(&self.mvcc);
        Watch::new(self.mvcc.hub.clone(), history, start, end, from)
    }

    fn compact(&self, revision: u64) -> BoxFuture<'_, Result<(), Error>> {
        async move { self.write(|_| self.mvcc.compact(revision)) }.boxed()
    }

    fn snapshot(&self, cut: &mut dyn Cut) -> Result<(), SnapshotError> {
        self.mvcc.snapshot(cut)
    }

    fn snapshots(&self) -> Option<PathBuf> {
        None
    }

    fn now_millis(&self) -> u64 {
        self.mvcc.options.now_millis()
    }

    fn verify(&self) -> Result<Verified, Error> {
        self.mvcc.verify()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.mvcc.hub.close();
        ready(Ok(())).boxed()
    }
}
