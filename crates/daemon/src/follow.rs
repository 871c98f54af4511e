//! Files that somebody else replaces while a daemon runs: certificates, keys, kubeconfigs.
//!
//! Start at [`Followed::of`], before the files are read for the first time, so that no change falls in between. They are
//! looked at once a minute, as upstream's dynamic certificates are; looking is one `stat` for each.

use crate::{Tasks, clock};
use std::error::Error;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// How often files are looked at.
const EVERY: Duration = Duration::from_secs(60);

/// Files, and what they were when they were last read.
#[derive(Debug)]
pub struct Followed {
    paths: Vec<PathBuf>,
    seen: Vec<Option<Stamp>>,
}

/// What differs when a file has been replaced or written; none when it is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    length: u64,
    modified: Option<SystemTime>,
}

impl Followed {
    /// The files as they are now.
    pub fn of(paths: impl IntoIterator<Item = PathBuf>) -> Followed {
        let paths: Vec<PathBuf> = paths.into_iter().collect();
        Followed { seen: stamps(&paths), paths }
    }

    /// Calls `changed` when one of the files has changed, until the tasks are told to stop. When that fails, as it does
    /// between a new certificate and its key, it is called again a minute later.
    pub fn follow<E: Error>(
        self,
        tasks: &Tasks,
        mut changed: impl FnMut() -> Result<(), E> + Send + 'static,
    ) {
        let (Followed { paths, mut seen }, token) = (self, tasks.token());
        tasks.spawn("followed files", async move {
            while token.run_until_cancelled(clock::sleep(EVERY)).await.is_some() {
                let now = stamps(&paths);
                if now == seen {
                    continue;
                }
                match changed() {
                    Ok(()) => {
                        tracing::info!(?paths, "took over what has changed in these files");
                        seen = now;
                    }
                    Err(error) => {
                        let why = crate::chain(&error);
                        tracing::warn!(?paths, why, "keeping what these files said before");
                    }
                }
            }
        });
    }
}

fn stamps(paths: &[PathBuf]) -> Vec<Option<Stamp>> {
    let stamp = |path: &PathBuf| {
        let found = std::fs::metadata(path).ok()?;
        Some(Stamp { inode: found.ino(), length: found.len(), modified: found.modified().ok() })
    };
    paths.iter().map(stamp).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[tokio::test(start_paused = true)]
    async fn files_are_read_again_when_they_change_and_until_that_succeeds() {
        let folder = tempfile::tempdir().unwrap();
        let (path, tasks, read) = (folder.path().join("a"), Tasks::new(), Arc::new(Mutex::new(Vec::new())));
        std::fs::write(&path, "one").unwrap();
        let (from, to) = (path.clone(), read.clone());
        Followed::of([path.clone()]).follow(&tasks, move || {
            let text = std::fs::read_to_string(&from)?;
            let good = !text.starts_with("half");
            to.lock().unwrap().push(text);
            if good { Ok(()) } else { Err(std::io::Error::other("not yet")) }
        });
        let check = async |content: Option<&str>, minutes: u32, expect: &[&str]| {
            if let Some(content) = content {
                std::fs::write(path.with_extension("new"), content).unwrap();
                std::fs::rename(path.with_extension("new"), &path).unwrap();
            }
            clock::sleep(EVERY * minutes + Duration::from_secs(1)).await;
            assert_eq!(std::mem::take(&mut *read.lock().unwrap()), expect, "{content:?}");
        };
        check(None, 3, &[]).await;
        check(Some("two"), 3, &["two"]).await;
        check(Some("half"), 2, &["half", "half"]).await;
        check(Some("whole"), 3, &["whole"]).await;
        tasks.shutdown().await;
    }
}
