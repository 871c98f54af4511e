//! The seam: what an engine must offer to stand behind a [`Store`](crate::Store).
//!
//! It is cut at the level of revisions (a range at a revision, a conditional transaction, a watch from a revision,
//! compaction), not at the level of keys and values, so that an engine with revisions of its own fits behind it:
//! etcd would map these calls one to one. [`memory`] and [`sled`] share one implementation of revisions
//! ([`crate::mvcc`]) over an ordered key-value [`Engine`](crate::engine::Engine).

pub(crate) mod memory;
pub(crate) mod sled;

use std::path::PathBuf;

use futures::future::BoxFuture;

use crate::error::{Error, SnapshotError};
use crate::mvcc::verify::Verified;
use crate::snapshot::Cut;
use crate::types::{Page, Record, Txn};
use crate::watch::Watch;

/// An engine with revisions. The doc comments on [`Store`](crate::Store) are the contract.
pub(crate) trait Backend: Send + Sync {
    fn revision(&self) -> u64;
    fn oldest(&self) -> u64;
    fn get(&self, key: &[u8]) -> Result<Option<Record>, Error>;
    fn range(&self, start: &[u8], end: &[u8], at: Option<u64>, limit: Option<usize>) -> Result<Page, Error>;
    fn commit(&self, txn: Txn) -> BoxFuture<'_, Result<u64, Error>>;
    fn watch(&self, start: &[u8], end: &[u8], from: u64) -> Result<Watch, Error>;
    fn compact(&self, revision: u64) -> BoxFuture<'_, Result<(), Error>>;
    /// Hands all objects of one revision to `cut`, in key order.
    fn snapshot(&self, cut: &mut dyn Cut) -> Result<(), SnapshotError>;
    /// Where snapshots on a schedule go; none for a store that is not on disk.
    fn snapshots(&self) -> Option<PathBuf>;
    /// The time by the clock that the options gave, in milliseconds since 1970.
    fn now_millis(&self) -> u64;
    fn verify(&self) -> Result<Verified, Error>;
    fn close(&self) -> BoxFuture<'_, Result<(), Error>>;
}
