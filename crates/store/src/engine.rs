//! What the two local engines offer below revisions: ordered keys, and batches that are applied whole or not at all.
//!
//! An engine knows nothing of what the keys mean; [`crate::mvcc::layout`] does.

use bytes::Bytes;

use crate::error::Error;

/// Writes that happen together. A key occurs at most once.
pub(crate) type Batch = Vec<(Vec<u8>, Change)>;

/// What happens to one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    Put(Bytes),
    Remove,
}

/// When a batch must be on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Before `write` returns.
    Flushed,
    /// Together with the next flushed batch at the latest; losing it does no harm.
    Lazy,
}

/// An ordered key-value map on disk or in memory.
pub(crate) trait Engine: Send + Sync + 'static {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Error>;

    /// Up to `limit` pairs with `start <= key < end`, in order. Writes that happen meanwhile may show or not, each
    /// key by itself.
    fn scan(&self, start: &[u8], end: &[u8], limit: usize) -> Result<Vec<(Bytes, Bytes)>, Error>;

    /// Whether there is room for a write; `Err(DiskFull)` when not. Nothing was touched then.
    fn room(&self) -> Result<(), Error>;

    /// Applies the batch atomically. After an error the engine takes no more writes.
    fn write(&self, batch: Batch, durability: Durability) -> Result<(), Error>;
}
