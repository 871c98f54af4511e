//! Snapshots on a schedule: which is due, which stay. The names carry the time and the revision, so a look at the
//! directory is all the memory that is needed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::disk;
use crate::error::SnapshotError;
use crate::options::Schedule;

const SUFFIX: &str = ".snapshot";

/// A snapshot in the directory; the order is that of age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Taken {
    time: u64,
    revision: u64,
}

impl Taken {
    fn name(&self) -> String {
        format!("{:015}-{:015}{SUFFIX}", self.time, self.revision)
    }

    fn parse(name: &str) -> Option<Taken> {
        let (time, revision) = name.strip_suffix(SUFFIX)?.split_once('-')?;
        Some(Taken { time: time.parse().ok()?, revision: revision.parse().ok()? })
    }
}

/// Takes a snapshot when one is due.
pub(crate) fn run(
    dir: &Path,
    schedule: &Schedule,
    revision: u64,
    now: u64,
    take: impl FnOnce(&Path) -> Result<u64, SnapshotError>,
) -> Result<Option<PathBuf>, SnapshotError> {
    let taken = list(dir)?;
    if !is_due(taken.last(), schedule, revision, now) {
        return Ok(None);
    }
    disk::create_private_dir(dir).map_err(SnapshotError::io("create", dir))?;
    // The name says the revision before, at worst: one that falls in between is taken again next time.
    let path = dir.join(Taken { time: now, revision }.name());
    take(&path)?;
    for old in surplus(&taken, schedule) {
        let path = dir.join(old.name());
        fs::remove_file(&path).map_err(SnapshotError::io("remove", path))?;
    }
    Ok(Some(path))
}

/// The newest snapshot in the directory.
pub(crate) fn newest(dir: &Path) -> Option<PathBuf> {
    Some(dir.join(list(dir).ok()?.last()?.name()))
}

/// The snapshots in the directory, oldest first.
fn list(dir: &Path) -> Result<Vec<Taken>, SnapshotError> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(SnapshotError::io("read", dir))?,
    };
    let mut taken = Vec::new();
    for entry in entries {
        let name = entry.map_err(SnapshotError::io("read", dir))?.file_name();
        taken.extend(name.to_str().and_then(Taken::parse));
    }
    taken.sort_unstable();
    Ok(taken)
}

fn is_due(newest: Option<&Taken>, schedule: &Schedule, revision: u64, now: u64) -> bool {
    let every = u64::try_from(schedule.every.as_millis()).unwrap_or(u64::MAX);
    newest.is_none_or(|newest| newest.revision != revision && newest.time.saturating_add(every) <= now)
}

/// Those of `taken` that go once one more is there.
fn surplus<'a>(taken: &'a [Taken], schedule: &Schedule) -> &'a [Taken] {
    let kept = schedule.keep.max(1) - 1;
    &taken[..taken.len().saturating_sub(kept)]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn check(newest: Option<(u64, u64)>, revision: u64, now: u64, expect: bool) {
        let schedule = Schedule { every: Duration::from_millis(100), keep: 2 };
        let newest = newest.map(|(time, revision)| Taken { time, revision });
        assert_eq!(is_due(newest.as_ref(), &schedule, revision, now), expect);
    }

    #[test]
    fn due_when_old_enough_and_something_changed() {
        check(None, 1, 0, true);
        check(Some((1000, 5)), 6, 1099, false);
        check(Some((1000, 5)), 6, 1100, true);
        check(Some((1000, 5)), 5, 9000, false);
    }

    #[test]
    fn the_newest_stay() {
        let taken = [1, 2, 3].map(|time| Taken { time, revision: 1 });
        for (keep, gone) in [(0, 3), (1, 3), (2, 2), (4, 0), (9, 0)] {
            assert_eq!(surplus(&taken, &Schedule { keep, ..Schedule::default() }).len(), gone);
        }
    }

    #[test]
    fn names_read_back() {
        let taken = Taken { time: 1_700_000_000_000, revision: 42 };
        assert_eq!(Taken::parse(&taken.name()), Some(taken));
        assert_eq!(Taken::parse("000001700000000-1.snapshot.partial"), None);
        assert_eq!(Taken::parse("notes.txt"), None);
    }
}
