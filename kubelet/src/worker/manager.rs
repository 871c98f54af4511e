//! The workers of a node: one per pod, told what concerns them, and the removal of what belongs to no pod.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::{Arc, PoisonError},
    time::Duration,
};

use api::k8s::api::core::v1::Pod;
use daemon::{Tasks, clock};
use futures::{StreamExt, stream::BoxStream};
use tokio::sync::mpsc;

use crate::{
    container_runtime::{self, Event, Listed},
    labels::{self, Identity},
    volumes::disk,
};

use super::{Message, Shared, Worker};

/// How often the engine's containers are compared with what is believed, in case events were lost.
const RELIST: Duration = Duration::from_secs(30);
/// How long to wait before listening to an engine again that went away.
const RECONNECT: Duration = Duration::from_secs(1);

/// What happened to a pod of this node.
#[derive(Clone, Debug)]
pub enum PodChange {
    /// It is bound to the node, or has changed.
    Present(Arc<Pod>),
    /// It is gone from the API.
    Gone(Arc<Pod>),
    /// Every pod of the node has been told at least once.
    Synced,
}

/// The workers of a node.
pub struct Manager {
    shared: Arc<Shared>,
    changes: mpsc::UnboundedReceiver<PodChange>,
    /// By the pod's UID: a pod that replaces another one of its name has a worker of its own.
    workers: HashMap<String, mpsc::UnboundedSender<Message>>,
    /// Containers found at the start or by a later list, by pod.
    found: BTreeMap<String, Vec<Listed>>,
    ended: mpsc::UnboundedReceiver<String>,
    ends: mpsc::UnboundedSender<String>,
    tasks: Tasks,
}

impl Manager {
    /// Workers for the pods that `changes` tells of.
    pub fn new(shared: Arc<Shared>, changes: mpsc::UnboundedReceiver<PodChange>) -> Manager {
        let (ends, ended) = mpsc::unbounded_channel();
        let tasks = shared.tasks.clone();
        Manager { shared, changes, workers: HashMap::new(), found: BTreeMap::new(), ended, ends, tasks }
    }

    /// Runs until the group of tasks is told to stop. Containers go on running.
    pub async fn run(mut self) {
        let token = self.tasks.token();
        let _stopped = token.run_until_cancelled(self.manage()).await;
    }

    async fn manage(&mut self) {
        // Listening begins before the list: what ends in between is not missed.
        let mut events = self.listen();
        self.adopt().await;
        let mut relist = clock::instant() + RELIST;
        loop {
            tokio::select! {
                biased;
                Some(uid) = self.ended.recv() => {
                    self.workers.remove(&uid);
                }
                Some(change) = self.changes.recv() => self.change(change),
                event = events.next() => match event {
                    Some(Ok(event)) => self.wake(event),
                    other => {
                        tracing::warn!(?other, "lost the engine's events; listening again");
                        clock::sleep(RECONNECT).await;
                        events = self.listen();
                        self.compare().await;
                    }
                },
                () = clock::sleep_until(relist) => {
                    self.compare().await;
                    relist = clock::instant() + RELIST;
                }
            }
        }
    }

    fn listen(&self) -> BoxStream<'static, container_runtime::Result<Event>> {
        self.shared.runtime.events(&self.shared.node.owner.labels())
    }

    /// Reads which containers are there, and which addresses they hold.
    async fn adopt(&mut self) {
        loop {
            match self.list().await {
                Some(found) => {
                    self.found = found;
                    break;
                }
                None => clock::sleep(RECONNECT).await,
            }
        }
        let Some(book) = &self.shared.addresses else { return };
        let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
        let labels = self.found.values().flatten().filter_map(|it| it.labels.get(labels::ADDRESS));
        for address in labels.filter_map(|it| it.parse().ok()) {
            if !book.take(address) {
                tracing::warn!(%address, "a pod's address is outside the node's range, or held twice");
            }
        }
    }

    /// The node's containers by pod.
    async fn list(&self) -> Option<BTreeMap<String, Vec<Listed>>> {
        let listed = self.shared.runtime.list(&self.shared.node.owner.labels()).await;
        let listed = listed.inspect_err(|error| tracing::warn!(%error, "failed to list containers")).ok()?;
        let mut found: BTreeMap<String, Vec<Listed>> = BTreeMap::new();
        for container in listed {
            if let Some(identity) = Identity::read(&container.labels) {
                found.entry(identity.pod_uid).or_default().push(container);
            }
        }
        Some(found)
    }

    fn change(&mut self, change: PodChange) {
        match change {
            PodChange::Present(pod) => self.present(pod),
            PodChange::Gone(pod) => self.send(pod.metadata.uid.as_deref().unwrap_or_default(), Message::Gone),
            PodChange::Synced => self.sweep(),
        }
    }

    fn present(&mut self, pod: Arc<Pod>) {
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        if self.workers.contains_key(&uid) {
            return self.send(&uid, Message::Pod(pod));
        }
        let (sender, inbox) = mpsc::unbounded_channel();
        let known = self.found.remove(&uid).unwrap_or_default();
        let worker = Worker::new(self.shared.clone(), pod.clone(), known, inbox);
        self.workers.insert(uid.clone(), sender);
        let (ends, token) = (self.ends.clone(), self.tasks.token());
        let name = format!("pod {}", pod.metadata.name.as_deref().unwrap_or_default());
        self.tasks.spawn(name, async move {
            let _stopped = token.run_until_cancelled(worker.run()).await;
            let _manager_is_gone = ends.send(uid);
        });
    }

    fn wake(&self, event: Event) {
        self.send(&event.pod, Message::Look(event.container));
    }

    fn send(&self, uid: &str, message: Message) {
        if let Some(worker) = self.workers.get(uid) {
            // A worker that has just ended needs no message any more.
            let _ended = worker.send(message);
        }
    }

    /// Compares every pod's containers with what its worker believes; what belongs to no pod goes.
    async fn compare(&mut self) {
        let Some(mut found) = self.list().await else { return };
        for uid in self.workers.keys() {
            self.send(uid, Message::Listed(found.remove(uid).unwrap_or_default()));
        }
        self.found = found;
        self.sweep();
    }

    /// Removes containers and folders of pods that the API does not know.
    fn sweep(&mut self) {
        for container in std::mem::take(&mut self.found).into_values().flatten() {
            self.tasks.spawn("removing an orphan", remove_orphan(self.shared.clone(), container));
        }
        // Listed in the same turn as the workers: a folder that appears later belongs to a worker that starts later.
        let entries = std::fs::read_dir(&self.shared.pods_dir).into_iter().flatten().flatten();
        let orphans: Vec<PathBuf> = entries
            .filter(|it| !self.workers.contains_key(&*it.file_name().to_string_lossy()))
            .map(|it| it.path())
            .collect();
        if !orphans.is_empty() {
            self.tasks.spawn_blocking("removing orphaned folders", move || remove_folders(&orphans));
        }
    }
}

fn remove_folders(folders: &[PathBuf]) {
    for folder in folders {
        if let Err(error) = disk::remove_folder(folder) {
            tracing::warn!(%error, folder = %folder.display(), "failed to remove an orphaned folder");
        }
    }
}

async fn remove_orphan(shared: Arc<Shared>, container: Listed) {
    tracing::info!(container = %container.id, "removing a container whose pod is gone");
    match shared.runtime.remove(&container.id).await {
        Ok(()) => {
            let address = container.labels.get(labels::ADDRESS).and_then(|it| it.parse().ok());
            if let Some(address) = address {
                super::prepare::release(&shared, address);
            }
        }
        Err(error) => tracing::warn!(%error, container = %container.id, "failed to remove an orphan"),
    }
}
