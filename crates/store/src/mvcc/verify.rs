//! Checking a whole store: that the log is complete, and that objects and log say the same.
//!
//! For tests and for looking at a damaged store; it reads everything.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::engine::Engine;
use crate::error::Error;
use crate::mvcc::layout::{self, Entry, Floor, Pointer};
use crate::mvcc::{Current, Mvcc, read_header};
use crate::types::EventKind;

/// What a sound store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// How many objects exist.
    pub objects: u64,
    /// The latest revision.
    pub revision: u64,
    /// The oldest revision that can be read or watched from.
    pub oldest: u64,
}

impl<E: Engine> Mvcc<E> {
    /// Checks everything. Nobody may write meanwhile.
    pub(crate) fn verify(&self) -> Result<Verified, Error> {
        let revision = self.hub.revision();
        let (_, Floor { revision: trimmed, .. }) = read_header(&self.engine)?;
        let mut newest = BTreeMap::new();
        let mut expected = BTreeSet::new();
        for revision in trimmed + 1..=revision {
            let entry = self.entry(revision)?;
            self.verify_link(revision, &entry, &newest)?;
            expected.insert(revision);
            if entry.prior != 0 && !entry.is_creation(revision) {
                expected.insert(entry.prior);
            }
            newest.insert(entry.key, revision);
        }
        let objects = self.verify_pointers(&mut newest, &mut expected)?;
        if let Some((key, revision)) = newest.pop_first() {
            return Err(Error::corrupt(format!(
                "revision {revision} of {} has no object",
                key.escape_ascii()
            )));
        }
        self.verify_nothing_else(&expected)?;
        Ok(Verified { objects, revision, oldest: self.oldest() })
    }

    fn verify_link(&self, revision: u64, entry: &Entry, newest: &BTreeMap<Bytes, u64>) -> Result<(), Error> {
        let known = newest.get(&entry.key);
        if known.is_some_and(|prior| *prior != entry.prior) || entry.prior >= revision {
            return Err(Error::corrupt(format!("revision {revision} names the wrong predecessor")));
        }
        if entry.prior == 0 || entry.is_creation(revision) {
            return Ok(());
        }
        let prior = self.entry(entry.prior)?;
        if prior.key != entry.key || prior.created != entry.created || prior.kind != EventKind::Put {
            return Err(Error::corrupt(format!("revision {revision} does not follow from its predecessor")));
        }
        Ok(())
    }

    /// Checks that each object is what its newest write says; takes what it finds out of `newest`.
    fn verify_pointers(
        &self,
        newest: &mut BTreeMap<Bytes, u64>,
        expected: &mut BTreeSet<u64>,
    ) -> Result<u64, Error> {
        let mut objects = 0;
        for (engine_key, value) in self.engine.scan(b"o", &layout::pointer_end(b""), usize::MAX)? {
            let (key, pointer) = (layout::key_of(&engine_key), Pointer::decode(value)?);
            let entry = self.entry(pointer.revision)?;
            let written = Pointer { revision: pointer.revision, created: entry.created, kind: entry.kind };
            let in_log = newest.remove(&key);
            if entry.key != key
                || written != pointer
                || in_log.is_some_and(|newest| newest != pointer.revision)
            {
                return Err(Error::corrupt(format!("{} does not match the log", key.escape_ascii())));
            }
            expected.insert(pointer.revision);
            objects += u64::from(pointer.kind == EventKind::Put);
        }
        Ok(objects)
    }

    /// Checks that compaction left nothing behind that no one can reach.
    fn verify_nothing_else(&self, expected: &BTreeSet<u64>) -> Result<(), Error> {
        for (key, _) in self.engine.scan(b"r", b"s", usize::MAX)? {
            let (revision, _) = layout::revision_of(&key)?;
            if !expected.contains(&revision) {
                return Err(Error::corrupt(format!("revision {revision} should have been removed")));
            }
        }
        Ok(())
    }
}
