//! The store: bytes under ordered keys, one revision counter for all of them, and a log of what happened.
//!
//! It owns revisions, transactions, the revision log, watching, compaction and snapshots. It refuses to know what the
//! bytes mean: kinds, paths and versions of objects are the API server's, and a revision is not part of the value.
//!
//! The contract, in the words of its users:
//!
//! - *One write is one revision.* Every [`Op`] gets its own, consecutive within a [`Txn`], rising over all keys.
//! - *Acknowledged means on disk.* [`Store::commit`] answers after the flush. Nobody, neither a read nor a watcher
//!   nor [`Store::revision`], sees a write before.
//! - *All or nothing.* A transaction's conditions are checked against everything before it; a transaction is never
//!   applied in part, neither in memory nor on disk.
//! - *The past is readable* within a [`Window`]: [`Store::range`] at a revision and [`Store::watch`] from a revision
//!   work across restarts, and say [`Error::Compacted`] beyond.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use store::{Condition, Op, Options, Store, Txn};
//!
//! let store = Store::memory(Options::default());
//! let put = |value: &'static str| Op::Put { key: "pods/a".into(), value: value.into() };
//! let first = store.commit(Txn { conditions: vec![Condition::Absent("pods/a".into())], ops: vec![put("1")] }).await?;
//! let mut watch = store.watch(b"pods/", &store::prefix_end(b"pods/"), first)?;
//! store.commit(Txn { conditions: vec![Condition::Revision("pods/a".into(), first)], ops: vec![put("2")] }).await?;
//!
//! let events = watch.next().await.expect("the store is open")?;
//! assert_eq!((&events[0].value[..], events[0].previous.as_deref()), (&b"2"[..], Some(&b"1"[..])));
//! assert_eq!(store.range(b"", b"", Some(first), None)?.records[0].value, "1");
//! # Ok::<(), store::Error>(())
//! # }).unwrap();
//! ```
//!
//! Start reading at [`Store`]; then `mvcc/layout.rs` for how revisions lie on disk, `mvcc/plan.rs` for what a batch
//! does, `writer.rs` for group commit, `hub.rs` for watching, `backend/sled/` for the disk.
#![warn(missing_docs)]

mod backend;
mod disk;
mod engine;
mod error;
mod hub;
mod mvcc;
mod options;
mod restore;
mod schedule;
mod snapshot;
mod store;
mod types;
mod watch;
mod writer;

pub use error::{Error, OpenError, SnapshotError};
pub use mvcc::verify::Verified;
pub use options::{Now, Options, Schedule, Window};
pub use restore::Restored;
pub use store::{Store, prefix_end};
pub use types::{Condition, Event, EventKind, Op, Page, Record, Txn};
pub use watch::{Progress, Watch};
