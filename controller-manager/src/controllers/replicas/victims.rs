//! Which pods go first when there are too many.
//!
//! Upstream's order: not yet on a node; pending, then unknown, then running; not ready; cheaper by the annotation
//! `controller.kubernetes.io/pod-deletion-cost`; with more siblings on its node; ready for less time; restarted more;
//! younger. Times are compared by their logarithm, so that pods of about the same age are picked at random (here: by
//! UID) and not all from one node. One key per pod makes this a total order, which upstream's comparison is not.

use crate::common::pods;
use api::{meta, pod};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use std::cmp::Reverse;
use std::collections::HashMap;

const COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// The `number` pods that will be missed least. `related` are the pods whose places on nodes count as siblings.
pub(in crate::controllers) fn choose<'a>(
    active: &[&'a Pod],
    related: &[&Pod],
    number: usize,
    now: Timestamp,
) -> Vec<&'a Pod> {
    let mut siblings: HashMap<&str, usize> = HashMap::new();
    for it in related.iter().filter(|it| pod::is_active(it)) {
        *siblings.entry(pod::node_name(it)).or_default() += 1;
    }
    let mut ranked: Vec<&Pod> = active.to_vec();
    ranked.sort_by_cached_key(|it| rank(it, siblings.get(pod::node_name(it)).copied().unwrap_or(0), now));
    ranked.truncate(number);
    ranked
}

/// Sorts before the ranks of pods that will be missed more.
type Rank = (bool, u8, bool, i32, Reverse<usize>, i32, Reverse<i32>, i32, String);

fn rank(it: &Pod, siblings: usize, now: Timestamp) -> Rank {
    let created = it.metadata.creation_timestamp.as_ref().map(|it| it.0);
    (
        !pod::node_name(it).is_empty(),
        phase(pod::phase(it)),
        pod::is_ready(it),
        cost(it),
        Reverse(siblings),
        age(pods::ready_since(it), now),
        Reverse(pods::most_restarts(it)),
        age(created, now),
        meta::uid(&it.metadata).to_owned(),
    )
}

fn phase(phase: &str) -> u8 {
    match phase {
        "Running" => 2,
        "Unknown" => 1,
        _ => 0,
    }
}

/// A cost that is no number counts as none.
fn cost(it: &Pod) -> i32 {
    meta::annotation(&it.metadata, COST).and_then(|it| it.parse().ok()).unwrap_or(0)
}

/// The binary logarithm of an age; less than any when the time is unknown or still to come.
fn age(since: Option<Timestamp>, now: Timestamp) -> i32 {
    let nanos = since.map_or(0, |it| now.duration_since(it).as_nanos());
    nanos.checked_ilog2().map_or(-1, |it| it as i32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn running(name: &str, more: Value) -> Pod {
        let mut it = json!({
            "metadata": {"name": name, "uid": name, "creationTimestamp": "2030-01-01T00:00:00Z"},
            "spec": {"containers": [], "nodeName": "n1"},
            "status": {"phase": "Running", "conditions": [
                {"type": "Ready", "status": "True", "lastTransitionTime": "2030-01-01T00:00:00Z"},
            ]},
        });
        json_patch(&mut it, &more);
        serde_json::from_value(it).expect("it is a pod")
    }

    fn json_patch(target: &mut Value, patch: &Value) {
        for (key, value) in patch.as_object().expect("an object") {
            match (target.get_mut(key), value) {
                (Some(inner @ Value::Object(_)), Value::Object(_)) => json_patch(inner, value),
                _ => target[key] = value.clone(),
            }
        }
    }

    /// `other` goes before a plain ready pod.
    #[track_caller]
    fn check(other: Value) {
        let now = "2030-01-02T00:00:00Z".parse().unwrap();
        let (plain, other) = (running("a", json!({})), running("b", other));
        let active = [&plain, &other];
        assert_eq!(choose(&active, &active, 1, now)[0].metadata.name.as_deref(), Some("b"));
    }

    #[test]
    fn each_reason_to_go_first() {
        let ready_since =
            |time: &str| json!([{"type": "Ready", "status": "True", "lastTransitionTime": time}]);
        check(json!({"spec": {"nodeName": null}}));
        check(json!({"status": {"phase": "Pending"}}));
        check(json!({"status": {"phase": "Unknown"}}));
        check(json!({"status": {"conditions": []}}));
        check(json!({"metadata": {"annotations": {COST: "-1"}}}));
        check(json!({"status": {"conditions": ready_since("2030-01-01T20:00:00Z")}}));
        let restarted = json!({"name": "x", "image": "", "imageID": "", "ready": true, "restartCount": 1});
        check(json!({"status": {"containerStatuses": [restarted]}}));
        check(json!({"metadata": {"creationTimestamp": "2030-01-01T20:00:00Z"}}));
    }

    #[test]
    fn crowded_nodes_are_thinned_first() {
        let now = "2030-01-02T00:00:00Z".parse().unwrap();
        let alone = running("a", json!({"spec": {"nodeName": "n2"}}));
        let (one, two) = (running("b", json!({})), running("c", json!({})));
        let active = [&alone, &one, &two];
        let names: Vec<_> =
            choose(&active, &active, 2, now).iter().map(|it| it.metadata.name.clone()).collect();
        assert_eq!(names, [Some("b".to_owned()), Some("c".to_owned())]);
    }
}
