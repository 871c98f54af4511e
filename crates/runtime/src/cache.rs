//! What controllers read: every object of a kind as of one revision.
//!
//! [`Objects`] is a persistent map: its one writer (an informer) changes it in place, and a reader's clone is O(1) and
//! stays as it is. A [`Snapshot`] is a handful of such clones, so a reconcile sees nothing move. What comes from a cache
//! is shared and read-only; who wants to change an object clones it.

use api::{Key, Kind, Object, Resource, owner};
use std::collections::HashMap;
use std::ops::Bound;
use std::sync::Arc;

/// Every object of one kind as of one revision.
#[derive(Clone, Default)]
pub struct Objects {
    by_key: imbl::OrdMap<Key, Arc<Object>>,
    /// UID of any owner to the objects that name it.
    by_owner: imbl::HashMap<String, imbl::OrdSet<Key>>,
    /// The objects that have no controller: those that one may adopt.
    uncontrolled: imbl::OrdSet<Key>,
    revision: u64,
}

/// What happened to one object of a cache.
#[derive(Clone, Debug)]
pub struct Change {
    /// What it was; nothing for a new one.
    pub old: Option<Arc<Object>>,
    /// What it is; nothing for one that is gone.
    pub new: Option<Arc<Object>>,
    /// The revision of the change.
    pub revision: u64,
}

impl Change {
    /// Which object.
    pub fn key(&self) -> Option<Key> {
        self.objects().next().map(|it| it.key())
    }

    /// The object before and after, as far as there is one.
    pub fn objects(&self) -> impl Iterator<Item = &Arc<Object>> {
        self.new.iter().chain(&self.old)
    }

    /// The object as it is, or as it last was.
    pub fn latest(&self) -> Option<&Object> {
        self.objects().next().map(|it| &**it)
    }
}

/// The revision that the server gave an object.
pub fn revision_of(object: &Object) -> u64 {
    object.meta().resource_version.as_ref().and_then(|it| it.parse().ok()).unwrap_or(0)
}

impl Objects {
    /// The highest revision this cache has seen.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Adds or replaces an object. An older version than the one that is here changes nothing.
    pub fn apply(&mut self, object: Arc<Object>) -> Option<Change> {
        let (key, revision) = (object.key(), revision_of(&object));
        let old = self.by_key.get(&key).cloned();
        if old.as_ref().is_some_and(|old| revision_of(old) > revision) {
            return None;
        }
        if let Some(old) = &old {
            self.forget_owners(&key, old);
        }
        for it in owner::owners(object.meta()) {
            self.by_owner.entry(it.uid.clone()).or_default().insert(key.clone());
        }
        if owner::controller(object.meta()).is_none() {
            self.uncontrolled.insert(key.clone());
        }
        self.by_key.insert(key, object.clone());
        self.progress(revision);
        Some(Change { old, new: Some(object), revision })
    }

    /// Forgets an object.
    pub fn remove(&mut self, key: &Key, revision: u64) -> Option<Change> {
        self.progress(revision);
        let old = self.by_key.remove(key)?;
        self.forget_owners(key, &old);
        Some(Change { old: Some(old), new: None, revision })
    }

    /// Notes that everything up to `revision` has been seen.
    pub fn progress(&mut self, revision: u64) {
        self.revision = self.revision.max(revision);
    }

    /// Makes this the cache of a fresh list; returns what differs.
    pub fn replace(&mut self, items: Vec<Arc<Object>>, revision: u64) -> Vec<Change> {
        let listed: std::collections::HashSet<Key> = items.iter().map(|it| it.key()).collect();
        let gone: Vec<Key> = self.by_key.keys().filter(|it| !listed.contains(it)).cloned().collect();
        let mut changes: Vec<Change> = gone.iter().filter_map(|it| self.remove(it, revision)).collect();
        for item in items {
            let same = self.by_key.get(&item.key()).is_some_and(|old| revision_of(old) == revision_of(&item));
            if !same {
                changes.extend(self.apply(item));
            }
        }
        self.progress(revision);
        changes
    }

    /// One object.
    pub fn get(&self, key: &Key) -> Option<&Arc<Object>> {
        self.by_key.get(key)
    }

    /// All objects, by namespace and name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Object>> {
        self.by_key.values()
    }

    /// The objects of a namespace, by name.
    pub fn in_namespace<'a>(
        &'a self,
        kind: Kind,
        namespace: &'a str,
    ) -> impl Iterator<Item = &'a Arc<Object>> {
        let first = Key { kind, namespace: namespace.to_owned(), name: String::new() };
        self.by_key
            .range((Bound::Included(first), Bound::Unbounded))
            .take_while(move |(key, _)| key.namespace == namespace)
            .map(|(_, object)| object)
    }

    /// The objects that name this UID as an owner.
    pub fn owned_by<'a>(&'a self, uid: &str) -> impl Iterator<Item = &'a Arc<Object>> + use<'a> {
        self.by_owner.get(uid).into_iter().flatten().filter_map(|key| self.by_key.get(key))
    }

    /// The objects of a namespace that have no controller, by name.
    pub fn uncontrolled<'a>(
        &'a self,
        kind: Kind,
        namespace: &'a str,
    ) -> impl Iterator<Item = &'a Arc<Object>> {
        let first = Key { kind, namespace: namespace.to_owned(), name: String::new() };
        self.uncontrolled
            .range((Bound::Included(first), Bound::Unbounded))
            .take_while(move |key| key.namespace == namespace)
            .filter_map(|key| self.by_key.get(key))
    }

    fn forget_owners(&mut self, key: &Key, object: &Object) {
        self.uncontrolled.remove(key);
        for it in owner::owners(object.meta()) {
            let Some(keys) = self.by_owner.get_mut(&it.uid) else { continue };
            keys.remove(key);
            if keys.is_empty() {
                self.by_owner.remove(&it.uid);
            }
        }
    }
}

/// The caches of several kinds, as one reconcile sees them.
#[derive(Clone, Default)]
pub struct Snapshot(HashMap<Kind, Objects>);

impl Snapshot {
    /// Adds the cache of a kind.
    pub fn insert(&mut self, kind: Kind, objects: Objects) {
        self.0.insert(kind, objects);
    }

    /// A snapshot that holds just these objects: for tests and for what-if questions.
    pub fn of(objects: impl IntoIterator<Item = Object>) -> Self {
        let mut snapshot = Self::default();
        for object in objects {
            snapshot.0.entry(object.kind()).or_default().apply(Arc::new(object));
        }
        snapshot
    }

    /// The cache of a kind.
    pub fn of_kind(&self, kind: Kind) -> Option<&Objects> {
        self.0.get(&kind)
    }

    /// The kind of this snapshot that an owner reference means; another version of a kind is the same kind.
    pub fn named(&self, api_version: &str, kind: &str) -> Option<Kind> {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        self.kinds().find(|it| it.row().group == group && it.row().kind == kind)
    }

    /// The kinds of this snapshot.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> {
        self.0.keys().copied()
    }

    /// One object of any kind.
    pub fn object(&self, key: &Key) -> Option<&Object> {
        self.0.get(&key.kind)?.get(key).map(|it| &**it)
    }

    /// One object; `namespace` is empty for cluster-scoped kinds.
    pub fn get<K: Resource>(&self, namespace: &str, name: &str) -> Option<&K> {
        self.object(&Key::of::<K>(namespace, name))?.get()
    }

    /// One object by key.
    pub fn at<K: Resource>(&self, key: &Key) -> Option<&K> {
        self.object(key)?.get()
    }

    /// All objects of a kind, by namespace and name.
    pub fn all<K: Resource>(&self) -> impl Iterator<Item = &K> {
        self.0.get(&K::KIND).into_iter().flat_map(Objects::iter).filter_map(|it| it.get())
    }

    /// The objects of a kind in a namespace, by name.
    pub fn in_namespace<'a, K: Resource>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a K> {
        self.0
            .get(&K::KIND)
            .into_iter()
            .flat_map(move |it| it.in_namespace(K::KIND, namespace))
            .filter_map(|it| it.get())
    }

    /// The objects of a kind that name this UID as their controller.
    pub fn controlled_by<'a, K: Resource>(&'a self, uid: &'a str) -> impl Iterator<Item = &'a K> {
        self.0
            .get(&K::KIND)
            .into_iter()
            .flat_map(move |it| it.owned_by(uid))
            .filter(move |it| owner::is_controlled_by(it.meta(), uid))
            .filter_map(|it| it.get())
    }

    /// The objects of a kind in a namespace that have no controller, by name.
    pub fn uncontrolled<'a, K: Resource>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a K> {
        self.0
            .get(&K::KIND)
            .into_iter()
            .flat_map(move |it| it.uncontrolled(K::KIND, namespace))
            .filter_map(|it| it.get())
    }

    /// Objects of every kind that name this UID as an owner.
    pub fn dependents<'a>(&'a self, uid: &'a str) -> impl Iterator<Item = &'a Arc<Object>> {
        self.0.values().flat_map(move |it| it.owned_by(uid))
    }

    /// The highest revision that the cache of a kind has seen.
    pub fn revision(&self, kind: Kind) -> u64 {
        self.0.get(&kind).map_or(0, Objects::revision)
    }
}

#[cfg(test)]
mod tests;
