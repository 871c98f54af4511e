//! In which version the bytes of an object are written.
//!
//! A definition may come to store its objects in another version; those that are there stay as they were written until
//! somebody writes them again. Every object says its version in front, and that is what its entry goes by.

use super::entry::Entry;
use api::Kind;
use std::sync::Arc;

/// The versions in which a kind's bytes may be written.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    /// The one in which they are written now.
    pub(crate) stored: Kind,
    /// How bytes of the others begin.
    others: Arc<[(String, Kind)]>,
}

impl From<Kind> for Written {
    fn from(stored: Kind) -> Self {
        Self { stored, others: Arc::from([]) }
    }
}

impl Written {
    /// Those of a kind with several versions.
    pub(crate) fn of(stored: Kind, all: &[Kind]) -> Self {
        let others = all.iter().filter(|it| **it != stored);
        let begins = |kind: &Kind| (format!(r#"{{"apiVersion":"{}","#, kind.row().api_version()), *kind);
        Self { stored, others: others.map(begins).collect() }
    }

    /// The entry of what was stored at a revision.
    pub(crate) fn entry(&self, key: Arc<str>, stored: &[u8], revision: u64) -> Entry {
        let other = self.others.iter().find(|(start, _)| stored.starts_with(start.as_bytes()));
        Entry::new(other.map_or(self.stored, |(_, kind)| *kind), key, stored, revision)
    }
}
