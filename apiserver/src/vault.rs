//! The store as the server sees it: what is kept secret is sealed on the way in and opened on the way out.
//!
//! Start at [`Vault`]. Strategies above it see plain objects; the store, its log and its snapshots below it only sealed
//! ones. Values from before there were keys are read as they are, and written sealed with their next update, as are those
//! of an older key ([`Vault::is_stale`]). What cannot be opened is an error, never an absence.

use crate::cache::key_in;
use api::k8s::api::core::v1::Secret;
use api::{Resource, path};
use bytes::Bytes;
use pki::sealing::{self, Age, Keys};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use store::{Event, Op, Page, SnapshotError, Store, Txn};

/// How many values one look through the store takes.
const PAGE: usize = 2000;

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store did not give it.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// It did not open.
    #[error("failed to decrypt what is stored")]
    Sealed(#[from] sealing::Error),
}

/// A store with sealed values in it. Clones share it.
#[derive(Clone)]
pub(crate) struct Vault {
    store: Store,
    /// None: everything is kept plain.
    keys: Option<Arc<Keys>>,
    /// The prefix of the keys whose values are sealed.
    prefix: Arc<str>,
    /// Which values should be written anew. Held for single look-ups.
    stale: Arc<Mutex<HashSet<Bytes>>>,
}

impl Vault {
    /// With the keys of a file, which is made when nothing is sealed yet. Without a file, nothing may be sealed.
    pub(crate) fn open(store: Store, file: Option<&Path>) -> Result<Self, Error> {
        let prefix = path::store_prefix(Secret::KIND.row()).into();
        let mut vault = Self { store, keys: None, prefix, stale: Arc::default() };
        vault.keys = match file.map(|file| Ok::<_, Error>((file, Keys::load(file)?))).transpose()? {
            Some((_, Some(keys))) => Some(Arc::new(keys)),
            Some((file, None)) if !vault.holds_sealed()? => Some(Arc::new(Keys::create(file)?)),
            Some((file, None)) => return Err(sealing::Error::FileMissing { file: file.to_owned() }.into()),
            None if vault.holds_sealed()? => {
                let file = PathBuf::from("the file of encryption keys");
                return Err(sealing::Error::FileMissing { file }.into());
            }
            None => None,
        };
        Ok(vault)
    }

    fn holds_sealed(&self) -> Result<bool, Error> {
        let end = store::prefix_end(self.prefix.as_bytes());
        let mut start = self.prefix.as_bytes().to_vec();
        loop {
            let page = self.store.range(&start, &end, None, Some(PAGE))?;
            if page.records.iter().any(|it| sealing::is_sealed(&it.value)) {
                return Ok(true);
            }
            match page.records.last() {
                Some(last) if page.more => start = [&last.key[..], b"\0"].concat(),
                _ => return Ok(false),
            }
        }
    }

    /// See [`Store::revision`].
    pub(crate) fn revision(&self) -> u64 {
        self.store.revision()
    }

    /// Whether the store can be read at all.
    pub(crate) fn is_readable(&self) -> bool {
        self.store.get(b"/").is_ok()
    }

    /// See [`Store::snapshot_if_due`]; what is in it is sealed.
    pub(crate) fn snapshot_if_due(&self) -> Result<Option<PathBuf>, SnapshotError> {
        self.store.snapshot_if_due()
    }

    /// See [`Store::commit`].
    pub(crate) async fn commit(&self, mut txn: Txn) -> Result<u64, store::Error> {
        let mut touched = Vec::new();
        for op in txn.ops.iter_mut().filter(|it| self.seals(it.key())) {
            touched.push(op.key().clone());
            if let (Op::Put { key, value }, Some(keys)) = (op, &self.keys) {
                *value = keys.seal(key, value).into();
            }
        }
        let revision = self.store.commit(txn).await?;
        if !touched.is_empty() {
            let mut stale = self.stale();
            stale.retain(|key| !touched.contains(key));
        }
        Ok(revision)
    }

    /// See [`Store::range`].
    pub(crate) fn range(
        &self,
        start: &[u8],
        end: &[u8],
        at: Option<u64>,
        limit: Option<usize>,
    ) -> Result<Page, Error> {
        let mut page = self.store.range(start, end, at, limit)?;
        for record in &mut page.records {
            let (plain, age) = self.opened(&record.key, &record.value)?;
            if age == Age::Stale {
                self.stale().insert(record.key.clone());
            }
            record.value = plain;
        }
        Ok(page)
    }

    /// See [`Store::watch`].
    pub(crate) fn watch(&self, start: &[u8], end: &[u8], from: u64) -> Result<Log, Error> {
        Ok(Log { watch: self.store.watch(start, end, from)?, vault: self.clone() })
    }

    /// Whether a value should be written even if it does not change.
    pub(crate) fn is_stale(&self, key: &Bytes) -> bool {
        self.seals(key) && self.stale().contains(key)
    }

    /// How many values are not sealed with the key that seals now, as far as they have been read.
    pub(crate) fn stale_count(&self) -> usize {
        self.stale().len()
    }

    fn stale(&self) -> std::sync::MutexGuard<'_, HashSet<Bytes>> {
        self.stale.lock().expect("nobody panics while holding this lock")
    }

    fn seals(&self, key: &[u8]) -> bool {
        self.keys.is_some() && key.starts_with(self.prefix.as_bytes())
    }

    fn opened(&self, key: &Bytes, value: &Bytes) -> Result<(Bytes, Age), Error> {
        let Some(keys) = self.keys.as_ref().filter(|_| self.seals(key)) else {
            return Ok((value.clone(), Age::Current));
        };
        let opened = keys.open(key, value).inspect_err(|error| {
            let name = key_in(&self.prefix, key);
            tracing::error!(%error, secret = name, "a secret cannot be read");
        })?;
        Ok((opened.plain.into(), opened.age))
    }
}

/// The store's log, opened.
pub(crate) struct Log {
    watch: store::Watch,
    vault: Vault,
}

impl Log {
    /// See [`store::Watch::next`].
    pub(crate) async fn next(&mut self) -> Option<Result<Arc<[Event]>, Error>> {
        match self.watch.next().await? {
            Ok(events) => Some(self.opened(events)),
            Err(error) => Some(Err(error.into())),
        }
    }

    /// See [`store::Watch::progress`].
    pub(crate) fn progress(&self) -> store::Progress {
        self.watch.progress()
    }

    fn opened(&self, events: Arc<[Event]>) -> Result<Arc<[Event]>, Error> {
        if !events.iter().any(|it| self.vault.seals(&it.key)) {
            return Ok(events);
        }
        events.iter().map(|it| self.event(it)).collect()
    }

    fn event(&self, event: &Event) -> Result<Event, Error> {
        // What the log tells of the past says nothing of how the value is kept now.
        let opened = |value: &Bytes| self.vault.opened(&event.key, value).map(|(plain, _)| plain);
        let previous = event.previous.as_ref().map(opened).transpose()?;
        Ok(Event { value: opened(&event.value)?, previous, ..event.clone() })
    }
}
