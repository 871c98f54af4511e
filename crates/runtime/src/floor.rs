//! Holds a key back until the caches show what its last plan wrote.
//!
//! A reconcile decides from caches, and caches lag. If a key were planned again before they show its own last writes,
//! the plan would repeat them: two pods for one slot. The store numbers every write with one global revision, so "the
//! cache has caught up" is one comparison per kind that was written.

use crate::cache::Snapshot;
use api::{Key, Kind};
use std::collections::HashMap;

/// The revisions that each key must wait for, by the kind that was written.
#[derive(Debug, Default)]
pub struct Floor(HashMap<Key, Vec<(Kind, u64)>>);

impl Floor {
    /// Notes that the plan for `key` wrote an object of `kind` at `revision`.
    pub fn raise(&mut self, key: &Key, kind: Kind, revision: u64) {
        let floors = self.0.entry(key.clone()).or_default();
        match floors.iter_mut().find(|(it, _)| *it == kind) {
            Some((_, floor)) => *floor = revision.max(*floor),
            None => floors.push((kind, revision)),
        }
    }

    /// May `key` be planned from these caches? Kinds that the caches do not hold are not waited for. A floor that is
    /// reached is forgotten.
    pub fn allows(&mut self, key: &Key, caches: &Snapshot) -> bool {
        let Some(floors) = self.0.get_mut(key) else { return true };
        floors.retain(|(kind, floor)| caches.of_kind(*kind).is_some_and(|it| it.revision() < *floor));
        let reached = floors.is_empty();
        if reached {
            self.0.remove(key);
        }
        reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Objects;
    use api::{Object, Resource};
    use k8s_openapi::api::{apps::v1::ReplicaSet, core::v1::Pod};
    use std::sync::Arc;

    fn pod(revision: u64) -> Arc<Object> {
        let mut pod = Pod::default();
        pod.metadata.name = Some(format!("web-{revision}"));
        pod.metadata.resource_version = Some(revision.to_string());
        Arc::new(pod.into())
    }

    /// One replica set whose cache shows one write in every `lag` steps. Returns the most pods that ever existed.
    fn most_pods(replicas: usize, lag: usize, floor_on: bool) -> usize {
        let key = Key::of::<ReplicaSet>("d", "web");
        let (mut log, mut shown) = (Vec::new(), 0);
        let (mut pods, mut floor) = (Objects::default(), Floor::default());
        for step in 0..100 {
            if step % lag == 0 && shown < log.len() {
                pods.apply(Arc::clone(&log[shown]));
                shown += 1;
            }
            let mut caches = Snapshot::default();
            caches.insert(Pod::KIND, pods.clone());
            if floor_on && !floor.allows(&key, &caches) {
                continue;
            }
            for _ in pods.len()..replicas {
                // The server names it, as `generateName` does, so a repeat is no conflict.
                let revision = log.len() as u64 + 1;
                log.push(pod(revision));
                floor.raise(&key, Pod::KIND, revision);
            }
        }
        log.len()
    }

    #[test]
    fn a_lagging_cache_overshoots_without_the_floor_and_never_with_it() {
        for replicas in 1..6 {
            for lag in 2..9 {
                assert!(most_pods(replicas, lag, false) > replicas);
                assert_eq!(most_pods(replicas, lag, true), replicas);
            }
        }
    }

    #[test]
    fn kinds_that_are_not_read_are_not_waited_for() {
        let key = Key::of::<ReplicaSet>("d", "web");
        let mut floor = Floor::default();
        floor.raise(&key, Pod::KIND, 7);
        assert!(floor.allows(&key, &Snapshot::default()));
    }
}
