//! What a store can be told. The defaults are for a small cluster on one machine.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where the store gets the time from. It never asks the machine by itself.
pub type Now = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// How much history is kept for watches that resume and for reads in the past. It is measured as writes come in: a
/// store that is not written to keeps what it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Writes younger than this are kept.
    pub age: Duration,
    /// At least this many of the newest writes are kept, however old.
    pub revisions: u64,
    /// Above this many bytes of history the oldest go, whatever the other two say.
    pub bytes: u64,
}

impl Default for Window {
    fn default() -> Self {
        Window { age: Duration::from_secs(600), revisions: 10_000, bytes: 256 << 20 }
    }
}

/// When [`Store::snapshot_if_due`](crate::Store::snapshot_if_due) takes a snapshot and how many it keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The least time between two snapshots.
    pub every: Duration,
    /// How many of the newest stay; at least one.
    pub keep: usize,
}

impl Default for Schedule {
    fn default() -> Self {
        Schedule { every: Duration::from_secs(3600), keep: 3 }
    }
}

/// Everything a store can be told.
#[derive(Clone)]
pub struct Options {
    /// How much history is kept.
    pub window: Window,
    /// When snapshots are due.
    pub schedule: Schedule,
    /// Bytes that the engine may use for caching pages. Reads are rare (the watch cache answers them, and an update reads
    /// what was written last), so small.
    pub cache_capacity: u64,
    /// Writes are refused while the disk has less free space than this. A disk that other programs fill then
    /// costs failed writes until there is room again, and never a half-written file.
    pub reserve: u64,
    /// Bytes of recent events held in memory for watchers that have not read them yet. Who falls behind this
    /// reads from the log on disk.
    pub recent: usize,
    /// The clock. The default stands still: history is then bounded by size only, and one snapshot is ever due.
    pub now: Now,
}

impl Options {
    /// The defaults with this clock.
    pub fn with_clock(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Options {
        Options { now: Arc::new(now), ..Options::default() }
    }

    /// Milliseconds since 1970 by the given clock.
    pub(crate) fn now_millis(&self) -> u64 {
        let elapsed = (self.now)().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Default for Options {
    fn default() -> Self {
        Options {
            window: Window::default(),
            schedule: Schedule::default(),
            cache_capacity: 4 << 20,
            reserve: 64 << 20,
            recent: 4 << 20,
            now: Arc::new(|| UNIX_EPOCH),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Options")
            .field("window", &self.window)
            .field("schedule", &self.schedule)
            .field("cache_capacity", &self.cache_capacity)
            .field("reserve", &self.reserve)
            .field("recent", &self.recent)
            .finish_non_exhaustive()
    }
}
