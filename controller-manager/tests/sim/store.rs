//! The store of the simulated cluster: the server's rules for writes, as far as controllers depend on them.

use api::delete::{self, Deletion, Propagation};
use api::{Key, Kind, Object, Subresource, Time};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use runtime::cache::Change;
use runtime::{Objects, Snapshot};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

#[derive(Default)]
pub(crate) struct Store {
    pub(crate) revision: u64,
    /// What has happened since somebody last looked.
    pub(crate) changes: Vec<Change>,
    /// Every version of each kind's cache, oldest first.
    history: HashMap<Kind, Vec<Objects>>,
    /// Pods that may still be created; nothing when there is no quota.
    pub(crate) quota: Option<usize>,
    /// How many names each prefix was completed to.
    names: HashMap<String, usize>,
}

/// Why a write was refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Exists,
    Absent,
    Conflict,
    Quota,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exists => "it exists already",
            Self::Absent => "it is not there",
            Self::Conflict => "the object has been modified",
            Self::Quota => "exceeded quota",
        })
    }
}

impl Store {
    pub(crate) fn get(&self, key: &Key) -> Option<&Object> {
        self.latest(key.kind)?.get(key).map(|it| &**it)
    }

    pub(crate) fn all(&self, kind: Kind) -> Vec<Arc<Object>> {
        self.latest(kind).map(|it| it.iter().cloned().collect()).unwrap_or_default()
    }

    fn latest(&self, kind: Kind) -> Option<&Objects> {
        self.history.get(&kind)?.last()
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for (kind, versions) in &self.history {
            snapshot.insert(*kind, versions.last().expect("there is one").clone());
        }
        snapshot
    }

    /// A kind's cache so many versions ago, but not before `floor`.
    pub(crate) fn cache(&self, kind: Kind, lag: usize, floor: u64) -> Objects {
        let Some(versions) = self.history.get(&kind) else { return self.caught_up(Objects::default()) };
        let last = versions.len() - 1;
        let seen = versions.iter().rposition(|it| it.revision() <= floor).unwrap_or(0);
        let at = last.saturating_sub(lag).max(seen);
        if at == last { self.caught_up(versions[at].clone()) } else { versions[at].clone() }
    }

    /// As a bookmark says it.
    fn caught_up(&self, mut objects: Objects) -> Objects {
        objects.progress(self.revision);
        objects
    }

    pub(crate) fn create(&mut self, mut object: Object, now: Timestamp) -> Result<Object, Refusal> {
        if object.kind().row().kind == "Pod" {
            match &mut self.quota {
                Some(0) => return Err(Refusal::Quota),
                Some(left) => *left -= 1,
                None => {}
            }
        }
        let number = self.revision + 1;
        let meta = object.meta_mut();
        if let (None, Some(prefix)) = (&meta.name, &meta.generate_name) {
            let count = self.names.entry(prefix.clone()).or_default();
            *count += 1;
            meta.name = Some(format!("{prefix}{count}"));
        }
        meta.uid = Some(format!("uid-{number}"));
        meta.creation_timestamp = Some(Time(now));
        meta.generation = Some(1);
        let strategy = object.kind().row().strategy;
        // Hashes of templates would change with every new default.
        if !matches!(object.kind().row().kind, "Deployment" | "ReplicaSet") {
            strategy.set_defaults(&mut object);
        }
        let status = object.clone();
        strategy.prepare_create(&mut object);
        if object.kind().row().kind != "Job" {
            object.copy_status(&status);
        }
        if self.get(&object.key()).is_some() {
            return Err(Refusal::Exists);
        }
        Ok(self.put(object))
    }

    pub(crate) fn update(
        &mut self,
        object: Object,
        below: Option<Subresource>,
        now: Timestamp,
    ) -> Result<Object, Refusal> {
        let old = self.get(&object.key()).ok_or(Refusal::Absent)?;
        if object.meta().resource_version.is_some()
            && object.meta().resource_version != old.meta().resource_version
        {
            return Err(Refusal::Conflict);
        }
        let mut new = object.clone();
        match below {
            Some(Subresource::Status) => {
                new = old.clone();
                new.copy_status(&object);
            }
            None => {
                new.copy_status(old);
                if !new.same_spec(old) {
                    new.meta_mut().generation = old.meta().generation.map(|it| it + 1);
                }
            }
            Some(_) => {}
        }
        self.finish_update(new, below, now)
    }

    fn finish_update(
        &mut self,
        new: Object,
        below: Option<Subresource>,
        _now: Timestamp,
    ) -> Result<Object, Refusal> {
        let held = below != Some(Subresource::Finalize)
            && new.kind().row().kind == "Namespace"
            && new.to_value()["spec"]["finalizers"].as_array().is_some_and(|it| !it.is_empty());
        if delete::after_update(new.meta()) && !held {
            self.remove(&new.key());
            return Ok(new);
        }
        Ok(self.put(new))
    }

    pub(crate) fn patch(
        &mut self,
        key: &Key,
        below: Option<Subresource>,
        patch: &Value,
        now: Timestamp,
    ) -> Result<Object, Refusal> {
        let old = self.get(key).ok_or(Refusal::Absent)?;
        for (field, actual) in [("uid", &old.meta().uid), ("resourceVersion", &old.meta().resource_version)] {
            let wanted = &patch["metadata"][field];
            if !wanted.is_null() && wanted.as_str() != actual.as_deref() {
                return Err(Refusal::Conflict);
            }
        }
        let mut tree = old.to_value();
        merge(&mut tree, patch);
        let new = key.kind.decode_value(tree).expect("a patched object decodes");
        self.update(new, below, now)
    }

    pub(crate) fn delete(
        &mut self,
        key: &Key,
        options: &DeleteOptions,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let old = self.get(key).ok_or(Refusal::Absent)?;
        let uid = options.preconditions.as_ref().and_then(|it| it.uid.as_deref());
        if uid.is_some_and(|it| it != api::owner::uid(old)) {
            return Err(Refusal::Conflict);
        }
        let propagation = delete::propagation_of(options, old.meta(), Propagation::Background);
        match delete::plan_delete(old, grace_of(old, options), propagation, now) {
            Deletion::Remove if key.kind.row().kind == "Namespace" => self.terminate(key, now),
            Deletion::Remove => self.remove(key),
            Deletion::Mark(object) => drop(self.put(*object)),
            Deletion::Pending => {}
        }
        Ok(())
    }

    fn terminate(&mut self, key: &Key, now: Timestamp) {
        let mut object = self.get(key).expect("it was just read").clone();
        if object.meta().deletion_timestamp.is_none() {
            object.meta_mut().deletion_timestamp = Some(Time(now));
            let mut tree = object.to_value();
            merge(&mut tree, &json!({"status": {"phase": "Terminating"}}));
            self.put(key.kind.decode_value(tree).expect("it decodes"));
        }
    }

    fn put(&mut self, mut object: Object) -> Object {
        self.revision += 1;
        object.meta_mut().resource_version = Some(self.revision.to_string());
        let mut objects = self.latest(object.kind()).cloned().unwrap_or_default();
        let change = objects.apply(Arc::new(object.clone()));
        self.history.entry(object.kind()).or_default().push(objects);
        self.changes.extend(change);
        object
    }

    pub(crate) fn remove(&mut self, key: &Key) {
        self.revision += 1;
        let mut objects = self.latest(key.kind).cloned().unwrap_or_default();
        self.changes.extend(objects.remove(key, self.revision));
        self.history.entry(key.kind).or_default().push(objects);
    }
}

/// Pods on a node wait for its agent.
fn grace_of(object: &Object, options: &DeleteOptions) -> Option<i64> {
    let pod = object.get::<k8s_openapi::api::core::v1::Pod>()?;
    if api::pod::node_name(pod).is_empty() || api::pod::is_finished(pod) {
        return None;
    }
    Some(options.grace_period_seconds.unwrap_or(30))
}

/// RFC 7386.
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let fields = target.as_object_mut().expect("it was just made one");
    for (key, value) in patch {
        if value.is_null() {
            fields.remove(key);
        } else {
            merge(fields.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}
