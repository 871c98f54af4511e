//! Who owns a running task, how it is told to stop, and who waits for it.
//!
//! [`Tasks`] is the only place that spawns. A task belongs to the group that spawned it and to every group above, so
//! `shutdown` on a parent waits for its children's tasks as well. Cancelling goes downwards only: a child can be shut
//! down on its own. It refuses to kill: a task that ignores the token is named in the log, and left to the runtime's end.
//!
//! A panic in a task is a bug whose consequences nobody has thought through, so it takes the daemon down in an orderly
//! way instead of leaving it running with a part missing.
#![allow(clippy::disallowed_methods, reason = "this module is the home that the ban points to")]

use std::{
    any::Any,
    borrow::Cow,
    collections::BTreeMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use tokio::task::JoinHandle;
use tokio_util::{
    sync::CancellationToken,
    task::{TaskTracker, task_tracker::TaskTrackerToken},
};

use crate::clock;

/// A task's name, for the log.
pub type Name = Cow<'static, str>;

/// A group of tasks with one token to stop them; cheap to clone, and clones are the same group.
#[derive(Clone)]
pub struct Tasks {
    group: Arc<Group>,
}

struct Group {
    token: CancellationToken,
    tracker: TaskTracker,
    /// Names of the tasks that have not ended, by their number. Locked for an insert or a remove only.
    running: Mutex<BTreeMap<u64, Name>>,
    parent: Option<Tasks>,
    daemon: Arc<Daemon>,
}

/// What all groups of one daemon share.
struct Daemon {
    token: CancellationToken,
    /// Set by a panic or a vital task's error; decides the exit code.
    failed: AtomicBool,
    next_number: AtomicU64,
}

/// The tasks that were still running when a shutdown's deadline passed.
#[derive(Debug, PartialEq, Eq)]
pub struct Stragglers(pub Vec<Name>);

impl fmt::Display for Stragglers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "tasks still running: {}", self.0.join(", "))
    }
}

impl std::error::Error for Stragglers {}

impl Default for Tasks {
    fn default() -> Tasks {
        Tasks::new()
    }
}

impl Tasks {
    /// A daemon's outermost group.
    pub fn new() -> Tasks {
        let token = CancellationToken::new();
        let daemon =
            Daemon { token: token.clone(), failed: AtomicBool::new(false), next_number: AtomicU64::new(0) };
        Tasks::group(token, None, Arc::new(daemon))
    }

    /// A group inside this one: it stops when this one does, and can be stopped on its own.
    pub fn child(&self) -> Tasks {
        Tasks::group(self.group.token.child_token(), Some(self.clone()), self.group.daemon.clone())
    }

    fn group(token: CancellationToken, parent: Option<Tasks>, daemon: Arc<Daemon>) -> Tasks {
        let (tracker, running) = (TaskTracker::new(), Mutex::default());
        Tasks { group: Arc::new(Group { token, tracker, running, parent, daemon }) }
    }

    /// Starts `future` on the current runtime. It should end soon after [`Tasks::token`] is cancelled. The handle may
    /// be dropped: the group owns the task. A panic is logged and cancels the whole daemon.
    pub fn spawn<F>(&self, name: impl Into<Name>, future: F) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (name, tasks) = (name.into(), self.clone());
        let entry = self.enter(name.clone());
        tokio::spawn(async move {
            let _entry = entry;
            if let Err(panic) = catching(future).await {
                tasks.fail(&name, &message_of(panic.as_ref()));
            }
        })
    }

    /// Like [`Tasks::spawn`], for a task without which the daemon is of no use: an error is logged and cancels the
    /// daemon.
    pub fn spawn_vital<F, E>(&self, name: impl Into<Name>, future: F) -> JoinHandle<()>
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<anyhow::Error>,
    {
        let (name, tasks) = (name.into(), self.clone());
        self.spawn(name.clone(), async move {
            if let Err(error) = future.await {
                tasks.fail(&name, &format!("{:#}", error.into()));
            }
        })
    }

    /// Runs blocking work on a thread made for that; the group waits for it. Awaiting the handle gives the result, or
    /// `None` when the work panicked (which cancels the daemon as well).
    pub fn spawn_blocking<F, T>(&self, name: impl Into<Name>, work: F) -> JoinHandle<Option<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (name, tasks) = (name.into(), self.clone());
        let entry = self.enter(name.clone());
        tokio::task::spawn_blocking(move || {
            let _entry = entry;
            catch_unwind(AssertUnwindSafe(work))
                .inspect_err(|panic| tasks.fail(&name, &message_of(panic.as_ref())))
                .ok()
        })
    }

    /// The token that tells this group's tasks to stop.
    pub fn token(&self) -> CancellationToken {
        self.group.token.clone()
    }

    /// Completes when the group has been told to stop.
    pub async fn cancelled(&self) {
        self.group.token.cancelled().await;
    }

    /// Whether the group has been told to stop.
    pub fn is_cancelled(&self) -> bool {
        self.group.token.is_cancelled()
    }

    /// Tells the group and its children to stop, without waiting.
    pub fn cancel(&self) {
        self.group.token.cancel();
    }

    /// Tells the group to stop and waits until the last of its tasks has ended, however long that takes.
    pub async fn shutdown(&self) {
        self.cancel();
        self.group.tracker.close();
        self.group.tracker.wait().await;
    }

    /// Like [`Tasks::shutdown`], but gives up after `deadline` and names, also in the log, who had not ended.
    pub async fn shutdown_within(&self, deadline: Duration) -> Result<(), Stragglers> {
        if clock::timeout(deadline, self.shutdown()).await.is_ok() {
            return Ok(());
        }
        let stragglers = Stragglers(self.running());
        tracing::warn!(tasks = %stragglers.0.join(", "), ?deadline, "tasks did not stop in time");
        Err(stragglers)
    }

    /// The names of the tasks that have not ended, in the order they were spawned.
    pub fn running(&self) -> Vec<Name> {
        self.group.names().values().cloned().collect()
    }

    /// Whether a panic or a vital task's error has taken the daemon down.
    pub fn failed(&self) -> bool {
        self.group.daemon.failed.load(Ordering::Acquire)
    }

    fn fail(&self, name: &str, reason: &str) {
        tracing::error!(task = name, reason, "task failed; the daemon stops");
        self.group.daemon.failed.store(true, Ordering::Release);
        self.group.daemon.token.cancel();
    }

    /// Counts a task in this group and in all above it until the entry is dropped.
    fn enter(&self, name: Name) -> Entry {
        let number = self.group.daemon.next_number.fetch_add(1, Ordering::Relaxed);
        let groups = std::iter::successors(Some(self), |tasks| tasks.group.parent.as_ref());
        let memberships = groups.map(|tasks| tasks.group.join(number, name.clone())).collect();
        Entry { number, memberships }
    }
}

impl Group {
    fn join(self: &Arc<Self>, number: u64, name: Name) -> (Arc<Group>, TaskTrackerToken) {
        self.names().insert(number, name);
        (self.clone(), self.tracker.token())
    }

    fn names(&self) -> MutexGuard<'_, BTreeMap<u64, Name>> {
        // A map of names cannot be left half-changed, so a poisoned lock means nothing here.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running task's place in its groups.
struct Entry {
    number: u64,
    memberships: Vec<(Arc<Group>, TaskTrackerToken)>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        for (group, _) in &self.memberships {
            group.names().remove(&self.number);
        }
    }
}

/// Polls `future` so that a panic inside becomes a value. The future is dropped afterwards and never polled again,
/// which is what makes asserting unwind safety right.
async fn catching<F: Future>(future: F) -> Result<F::Output, Box<dyn Any + Send>> {
    let mut future = pin!(future);
    std::future::poll_fn(move |context| {
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    })
    .await
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("panicked: {}", text.as_deref().unwrap_or("no message"))
}

#[cfg(test)]
mod tests;
