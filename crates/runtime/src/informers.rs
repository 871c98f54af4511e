//! One cache per followed kind, shared by every controller of a process.
//!
//! An informer has one writer, its task, and many readers. Subscribers are woken by callbacks; they get the change to
//! decide which keys it concerns, and must read the caches, not the change, to decide what to do.

use crate::cache::{Change, Objects, Snapshot, revision_of};
use crate::watcher::{Scope, Update, Watcher};
use api::Kind;
use client::Client;
use daemon::{Random, Tasks, clock};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Called after each change, and without one when only the revision moved.
pub type Subscriber = Box<dyn Fn(Option<&Change>) + Send + Sync>;

/// The cache of one followed kind.
pub struct Informer {
    /// Taken before `objects`, and held while subscribers are called, so that a new one misses nothing.
    subscribers: Mutex<Vec<Subscriber>>,
    /// Held for moments only: to change one object, or to clone.
    objects: Mutex<Objects>,
    synced: watch::Sender<bool>,
    /// Cancelled when nobody follows the kind any more.
    ended: CancellationToken,
}

/// The informers of one process. Cheap to clone.
#[derive(Clone)]
pub struct Informers {
    client: Client,
    tasks: Tasks,
    random: Random,
    /// Held for moments only.
    running: Arc<Mutex<HashMap<Scope, Arc<Informer>>>>,
}

impl Informers {
    /// Informers that read with this client; `tasks` owns their tasks.
    pub fn new(client: Client, tasks: Tasks, random: Random) -> Self {
        Self { client, tasks, random, running: Arc::default() }
    }

    /// The informer of a whole kind, started on first use.
    pub fn of(&self, kind: Kind) -> Arc<Informer> {
        self.scoped(Scope::all(kind))
    }

    /// The informer of a part of a kind, started on first use.
    pub fn scoped(&self, scope: Scope) -> Arc<Informer> {
        let mut running = self.running.lock().expect("no informer panics while holding this lock");
        if let Some(informer) = running.get(&scope) {
            return Arc::clone(informer);
        }
        let informer = Arc::new(Informer {
            subscribers: Mutex::default(),
            objects: Mutex::default(),
            synced: watch::Sender::new(false),
            ended: CancellationToken::new(),
        });
        running.insert(scope.clone(), Arc::clone(&informer));
        let name = format!("informer {:?}", scope.kind);
        let run =
            follow(Watcher::new(self.client.clone(), scope), Arc::clone(&informer), self.random.clone());
        let (token, ended) = (self.tasks.token(), informer.ended.clone());
        self.tasks.spawn(name, async move {
            _ = token.run_until_cancelled(ended.run_until_cancelled(run)).await;
        });
        informer
    }

    /// Ceases to follow a kind that is no more.
    pub fn end(&self, kind: Kind) {
        let mut running = self.running.lock().expect("no informer panics while holding this lock");
        if let Some(informer) = running.remove(&Scope::all(kind)) {
            informer.ended.cancel();
        }
    }
}

const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Keeps a cache like the server's, for ever.
async fn follow(mut watcher: Watcher, informer: Arc<Informer>, random: Random) {
    let mut wait = FIRST_WAIT;
    loop {
        match watcher.next().await {
            Ok(update) => {
                wait = FIRST_WAIT;
                informer.take(update);
            }
            Err(error) => {
                match error.refusal() {
                    Some(refusal) if !refusal.is_expired() => {
                        tracing::warn!(%error, "failed to follow; will retry")
                    }
                    _ => tracing::debug!(%error, "watch broke; will resume"),
                }
                clock::sleep(random.jitter(wait, 0.5)).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        }
    }
}

impl Informer {
    /// The cache as it is now.
    pub fn objects(&self) -> Objects {
        self.objects.lock().expect("nobody panics while holding this lock").clone()
    }

    /// Waits for the first list.
    pub async fn synced(&self) {
        let mut synced = self.synced.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = synced.wait_for(|it| *it).await;
    }

    /// Calls back for every object that is here, then after each change.
    pub fn subscribe(&self, subscriber: Subscriber) {
        let mut subscribers = self.subscribers.lock().expect("no subscriber panics");
        for object in self.objects().iter() {
            let revision = revision_of(object);
            subscriber(Some(&Change { old: None, new: Some(Arc::clone(object)), revision }));
        }
        subscribers.push(subscriber);
    }

    fn take(&self, update: Update) {
        let subscribers = self.subscribers.lock().expect("no subscriber panics");
        let restarted = matches!(update, Update::Restarted(..));
        let changes = self.change(update);
        for subscriber in subscribers.iter() {
            changes.iter().for_each(|it| subscriber(Some(it)));
            if changes.is_empty() {
                subscriber(None);
            }
        }
        if restarted {
            self.synced.send_replace(true);
        }
    }

    fn change(&self, update: Update) -> Vec<Change> {
        let mut objects = self.objects.lock().expect("nobody panics while holding this lock");
        match update {
            Update::Restarted(items, revision) => objects.replace(items, revision),
            Update::Applied(object) => objects.apply(object).into_iter().collect(),
            Update::Removed(object) => {
                objects.remove(&object.key(), revision_of(&object)).into_iter().collect()
            }
            Update::Progress(revision) => {
                objects.progress(revision);
                Vec::new()
            }
        }
    }
}

/// Reads a set of informers as one snapshot.
pub fn snapshot(informers: &[(Kind, Arc<Informer>)]) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for (kind, informer) in informers {
        snapshot.insert(*kind, informer.objects());
    }
    snapshot
}
