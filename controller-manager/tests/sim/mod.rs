//! A cluster in miniature: a store with the server's rules for writes, and the controllers that follow it.
//!
//! Everything is synchronous and repeatable: time stands still until it is advanced, names and UIDs are counted.
//! [`Cluster::step`] runs one reconcile; what it did comes back as lines of text. A reconcile may be shown caches that
//! lag ([`Cluster::lag`]), but never ones that lag behind its own writes, as the real runtime's floor guarantees.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub(crate) mod store;

use api::{Key, Kind, Object};
use client::PatchType;
use jiff::{SignedDuration, Timestamp};
use runtime::cache::Change;
use runtime::plan::{ERROR, NAME};
use runtime::{Action, Registration, Snapshot};
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use store::{Refusal, Store};

pub(crate) struct Cluster {
    pub(crate) store: Store,
    pub(crate) now: Timestamp,
    /// How many revisions behind each kind's cache is; what isn't named is up to date.
    pub(crate) lag: HashMap<Kind, usize>,
    controllers: Vec<&'static Registration>,
    queue: VecDeque<(usize, Key)>,
    timers: Vec<(Timestamp, usize, Key)>,
    floors: HashMap<(usize, Key), u64>,
    /// How many actions have written.
    pub(crate) writes: usize,
}

/// What one reconcile did.
pub(crate) struct Step {
    pub(crate) controller: &'static str,
    pub(crate) key: Key,
    pub(crate) lines: Vec<String>,
    pub(crate) failed: bool,
    pub(crate) again: Option<std::time::Duration>,
}

impl Cluster {
    pub(crate) fn new(controllers: &[&str]) -> Self {
        let all = controller_manager::CONTROLLERS.iter();
        Self {
            store: Store::default(),
            now: "2030-01-01T00:00:00Z".parse().expect("it is a time"),
            lag: HashMap::new(),
            controllers: all.filter(|it| controllers.contains(&it.name)).collect(),
            queue: VecDeque::new(),
            timers: Vec::new(),
            floors: HashMap::new(),
            writes: 0,
        }
    }

    /// Moves time on; keys whose time has come line up.
    pub(crate) fn advance(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
        self.timers.sort();
        let due = self.timers.partition_point(|(at, ..)| *at <= self.now);
        for (_, controller, key) in self.timers.drain(..due).collect::<Vec<_>>() {
            self.line_up(controller, key);
        }
    }

    pub(crate) fn create(&mut self, object: Object) -> Result<Object, Refusal> {
        let result = self.store.create(object, self.now);
        self.notify();
        result
    }

    pub(crate) fn patch(
        &mut self,
        key: &Key,
        below: Option<api::Subresource>,
        patch: &Value,
    ) -> Result<Object, Refusal> {
        let result = self.store.patch(key, below, patch, self.now);
        self.notify();
        result
    }

    pub(crate) fn delete(&mut self, key: &Key, options: &Value) -> Result<(), Refusal> {
        let options = serde_json::from_value(options.clone()).expect("they are delete options");
        let result = self.store.delete(key, &options, self.now);
        self.notify();
        result
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    /// Runs the reconcile that has waited longest, or the one at `choice` in line.
    pub(crate) fn step_at(&mut self, choice: usize) -> Option<Step> {
        if self.queue.is_empty() {
            return None;
        }
        let (index, key) = self.queue.remove(choice % self.queue.len())?;
        let registration = self.controllers[index];
        let floor = self.floors.get(&(index, key.clone())).copied().unwrap_or(0);
        let caches = self.caches(registration, floor);
        let plan = (registration.plan)(&caches, &key, self.now);
        let mut step =
            Step { controller: registration.name, key, lines: Vec::new(), failed: false, again: None };
        for action in plan.actions {
            if self.run(action, &mut step.lines).is_err() {
                step.failed = true;
                self.line_up(index, step.key.clone());
                break;
            }
        }
        if !self.lag.is_empty() {
            self.line_up_if_stale(index, &step.key, &caches);
        }
        self.floors.insert((index, step.key.clone()), self.store.revision);
        if let Some(wait) = plan.requeue.filter(|_| !step.failed) {
            step.again = Some(wait);
            self.timers.retain(|(_, it, key)| (*it, key) != (index, &step.key));
            let at = self.now.saturating_add(wait).unwrap_or(Timestamp::MAX);
            self.timers.push((at, index, step.key.clone()));
        }
        self.notify();
        Some(step)
    }

    pub(crate) fn step(&mut self) -> Option<Step> {
        self.step_at(0)
    }

    /// A change that a lagging cache has yet to show wakes the key again when it does.
    fn line_up_if_stale(&mut self, index: usize, key: &Key, caches: &Snapshot) {
        let stale =
            |watch: &runtime::Watch| self.store.snapshot().revision(watch.kind) > caches.revision(watch.kind);
        if self.controllers[index].watches.iter().any(stale) {
            self.line_up(index, key.clone());
        }
    }

    fn caches(&self, registration: &Registration, floor: u64) -> Snapshot {
        let mut caches = Snapshot::default();
        for watch in registration.watches {
            let lag = self.lag.get(&watch.kind).copied().unwrap_or(0);
            caches.insert(watch.kind, self.store.cache(watch.kind, lag, floor));
        }
        caches
    }

    fn line_up(&mut self, controller: usize, key: Key) {
        if !self.queue.contains(&(controller, key.clone())) {
            self.queue.push_back((controller, key));
        }
    }

    /// Tells the controllers what has changed.
    pub(crate) fn notify(&mut self) {
        for change in std::mem::take(&mut self.store.changes) {
            let Some(kind) = change.key().map(|it| it.kind) else { continue };
            self.notify_of(kind, &change);
        }
    }

    fn notify_of(&mut self, kind: Kind, change: &Change) {
        for index in 0..self.controllers.len() {
            let caches = self.store.snapshot();
            let watches = self.controllers[index].watches.iter().filter(|it| it.kind == kind);
            for key in watches.flat_map(|it| it.keys(change, &caches)).collect::<Vec<_>>() {
                self.line_up(index, key);
            }
        }
    }

    /// Carries an action out as the executor does, and says so.
    fn run(&mut self, action: Action, lines: &mut Vec<String>) -> Result<Option<String>, Refusal> {
        let (at, line) = (lines.len(), shown(&action));
        let result = self.execute(action, lines);
        match (&result, line) {
            (Ok(Some(name)), Some(line)) => {
                lines.insert(at, line.replace('*', name.rsplit('-').next().unwrap_or_default()))
            }
            (Ok(None), Some(line)) => lines.insert(at, line),
            (Err(refusal), Some(line)) => lines.insert(at, format!("{line}: {refusal}")),
            (_, None) => {}
        }
        result
    }

    fn execute(&mut self, action: Action, lines: &mut Vec<String>) -> Result<Option<String>, Refusal> {
        let now = self.now;
        if !matches!(action, Action::Event(_) | Action::EnsureNone { .. }) {
            self.writes += 1;
        }
        match action {
            Action::Create(object) => {
                let named = object.meta().name.is_some();
                match self.store.create(object, now) {
                    Err(Refusal::Exists) if named => Ok(None),
                    other => other.map(|it| it.meta().name.clone()),
                }
            }
            Action::Update { object, below } => self.store.update(object, below, now).map(|_| None),
            Action::Patch { key, below, kind, patch } => {
                assert_ne!(kind, PatchType::Strategic, "the simulated server knows merge patches only");
                self.store.patch(&key, below, &patch, now).map(|_| None)
            }
            Action::CreateBelow { .. }
            | Action::Sign { .. }
            | Action::IssueToken { .. }
            | Action::FirstAllowed(_) => {
                unimplemented!("no simulated controller does that")
            }
            Action::Delete { key, options } => match self.store.delete(&key, &options, now) {
                Err(Refusal::Absent) => Ok(None),
                other => other.map(|()| Some(key.name)),
            },
            Action::WhenGone { gone, then } => {
                let lives = |(key, uid): &(Key, String)| {
                    self.store.get(key).is_some_and(|it| uid.is_empty() || api::owner::uid(it) == uid)
                };
                if gone.iter().any(lives) { Ok(None) } else { self.run(*then, lines) }
            }
            Action::EnsureNone { kind, namespace } => {
                let found =
                    self.store.all(kind).iter().any(|it| it.meta().namespace.as_deref() == Some(&namespace));
                if found { Err(Refusal::Conflict) } else { Ok(None) }
            }
            Action::DeleteAll { kind, namespace } => self.delete_all(kind, &namespace).map(|()| None),
            Action::Adopt { key, uid, owner_key, owner } => {
                self.adopt(&key, &uid, &owner_key, owner).map(|()| None)
            }
            Action::Event(_) => Ok(None),
            Action::SlowStart(actions) => {
                for it in actions {
                    self.run(it, lines)?;
                }
                Ok(None)
            }
            Action::Told { attempt, well, badly } => self.told(*attempt, well, badly, lines).map(|()| None),
        }
    }

    fn told(
        &mut self,
        attempt: Action,
        well: Vec<Action>,
        badly: Vec<Action>,
        lines: &mut Vec<String>,
    ) -> Result<(), Refusal> {
        match self.run(attempt, lines) {
            Ok(name) => {
                for it in well {
                    self.run(it.filled(NAME, name.as_deref().unwrap_or_default()), lines)?;
                }
                Ok(())
            }
            Err(refusal) => {
                for it in badly {
                    _ = self.run(it.filled(ERROR, &refusal.to_string()), lines);
                }
                Err(refusal)
            }
        }
    }

    fn delete_all(&mut self, kind: Kind, namespace: &str) -> Result<(), Refusal> {
        for it in self.store.all(kind) {
            if it.meta().namespace.as_deref() == Some(namespace) {
                self.store.delete(&it.key(), &Default::default(), self.now)?;
            }
        }
        Ok(())
    }

    fn adopt(
        &mut self,
        key: &Key,
        uid: &str,
        owner_key: &Key,
        owner: api::OwnerReference,
    ) -> Result<(), Refusal> {
        let lives = self
            .store
            .get(owner_key)
            .is_some_and(|it| api::owner::uid(it) == owner.uid && it.meta().deletion_timestamp.is_none());
        let Some(object) = self.store.get(key).filter(|it| lives && api::owner::uid(it) == uid) else {
            return Ok(());
        };
        let mut owners = object.meta().owner_references.clone().unwrap_or_default();
        owners.push(owner);
        self.store.patch(key, None, &json!({"metadata": {"ownerReferences": owners}}), self.now).map(drop)
    }
}

/// An action as one line; nothing for those that only hold others.
fn shown(action: &Action) -> Option<String> {
    match action {
        Action::SlowStart(_) | Action::Told { .. } | Action::WhenGone { .. } => None,
        Action::Patch { key, below, kind, patch } => {
            let (mut patch, below, kind) = (patch.clone(), *below, *kind);
            unguard(&mut patch);
            shorten(&mut patch);
            Some(Action::Patch { key: key.clone(), below, kind, patch }.to_string())
        }
        other => Some(other.to_string()),
    }
}

/// Guards are the same in every patch and would only hide what a patch says.
fn unguard(patch: &mut Value) {
    let Some(metadata) = patch.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    metadata.remove("uid");
    metadata.remove("resourceVersion");
    if metadata.is_empty() {
        patch.as_object_mut().expect("a patch is an object").remove("metadata");
    }
}

/// Writes conditions as `Type=Status Reason: message`.
pub(crate) fn shorten(value: &mut Value) {
    match value {
        Value::Object(fields) if fields.contains_key("type") && fields.contains_key("status") => {
            let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
            let line = format!("{}={} {}: {}", text("type"), text("status"), text("reason"), text("message"));
            *value = line.trim_end_matches([' ', ':']).into();
        }
        Value::Object(fields) => fields.values_mut().for_each(shorten),
        Value::Array(items) => items.iter_mut().for_each(shorten),
        _ => {}
    }
}
