//! Revisions: which replica set stands for the template as it is, what a new one looks like, what its annotations say.
//!
//! A replica set belongs to a template, not to a roll-out: going back to an old template finds the old set, gives it
//! the next revision and notes the former one in its history.

use super::sizes::Bounds;
use crate::common::text;
use api::{ObjectMeta, meta, owner};
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, ReplicaSet, ReplicaSetSpec};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use std::collections::BTreeMap;

pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
pub(super) const HISTORY: &str = "deployment.kubernetes.io/revision-history";
pub(super) const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
pub(super) const MOST: &str = "deployment.kubernetes.io/max-replicas";
pub(super) const HASH: &str = "pod-template-hash";
/// Annotations of a deployment that its replica sets do not take over.
const OWN: &[&str] = &[
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    HISTORY,
    DESIRED,
    MOST,
    "deprecated.deployment.rollback.to",
];
/// A longer history drops its oldest revisions.
const LONGEST_HISTORY: usize = 2000;

/// The revision that an object carries; 0 when it has none.
pub(super) fn revision_of(it: &ObjectMeta) -> i64 {
    meta::annotation(it, REVISION).and_then(|it| it.parse().ok()).unwrap_or(0)
}

/// A number that an annotation of a replica set holds.
pub(super) fn number(set: &ReplicaSet, annotation: &str) -> Option<i32> {
    meta::annotation(&set.metadata, annotation)?.parse().ok()
}

/// Whether the set stands for this template.
pub(super) fn is_of(set: &ReplicaSet, template: &PodTemplateSpec) -> bool {
    let Some(own) = &set.spec.template else { return false };
    own.spec == template.spec && without_hash(own) == without_hash(template)
}

fn without_hash(template: &PodTemplateSpec) -> ObjectMeta {
    let mut described = template.metadata.clone().unwrap_or_default();
    if let Some(labels) = &mut described.labels {
        labels.remove(HASH);
    }
    described.labels = described.labels.filter(|it| !it.is_empty());
    described
}

/// The hash that tells the sets of a deployment apart.
pub(super) fn hash_of(template: &PodTemplateSpec, collisions: i32) -> String {
    let mut bytes = serde_json::to_vec(template).expect("a template serializes to JSON");
    if collisions > 0 {
        bytes.extend(collisions.to_le_bytes());
    }
    text::safe_hash(&bytes)
}

/// A new set for the template as it is, without replicas yet.
pub(super) fn fresh(deployment: &Deployment, spec: &DeploymentSpec, revision: i64) -> ReplicaSet {
    let collisions = deployment.status.as_ref().and_then(|it| it.collision_count).unwrap_or(0);
    let hash = hash_of(&spec.template, collisions);
    let mut template = spec.template.clone();
    meta::set_label(template.metadata.get_or_insert_default(), HASH, &hash);
    let mut selector = spec.selector.clone();
    selector.match_labels.get_or_insert_default().insert(HASH.to_owned(), hash.clone());
    let mut set = ReplicaSet {
        metadata: ObjectMeta {
            name: Some(format!("{}-{hash}", meta::name(&deployment.metadata))),
            namespace: deployment.metadata.namespace.clone(),
            labels: template.metadata.as_ref().and_then(|it| it.labels.clone()),
            owner_references: Some(vec![owner::controller_of(deployment)]),
            ..ObjectMeta::default()
        },
        spec: ReplicaSetSpec {
            replicas: Some(0),
            min_ready_seconds: spec.min_ready_seconds,
            selector,
            template: Some(template),
        },
        status: None,
    };
    set.metadata.annotations = Some(annotations(deployment, &set, revision));
    set
}

/// What the annotations of the new set should be.
pub(super) fn annotations(
    deployment: &Deployment,
    set: &ReplicaSet,
    revision: i64,
) -> BTreeMap<String, String> {
    let mut all = set.metadata.annotations.clone().unwrap_or_default();
    let inherited = deployment.metadata.annotations.iter().flatten();
    for (key, value) in inherited.filter(|(key, _)| !OWN.contains(&key.as_str())) {
        all.insert(key.clone(), value.clone());
    }
    let before = revision_of(&set.metadata);
    if before < revision {
        all.insert(REVISION.to_owned(), revision.to_string());
        if before > 0 {
            let history = history_with(all.get(HISTORY), before);
            all.insert(HISTORY.to_owned(), history);
        }
    }
    all
}

fn history_with(history: Option<&String>, revision: i64) -> String {
    let mut all: Vec<String> = history.into_iter().flat_map(|it| it.split(',')).map(str::to_owned).collect();
    all.push(revision.to_string());
    while all.len() > 1 && all.join(",").len() > LONGEST_HISTORY {
        all.remove(0);
    }
    all.join(",")
}

/// Notes for what size of the deployment a set was scaled.
pub(super) fn note_bounds(annotations: &mut BTreeMap<String, String>, bounds: Bounds) {
    annotations.insert(DESIRED.to_owned(), bounds.replicas.to_string());
    annotations.insert(MOST.to_owned(), bounds.most().to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histories_grow_at_their_end() {
        assert_eq!(history_with(None, 1), "1");
        assert_eq!(history_with(Some(&"1,3".to_owned()), 5), "1,3,5");
        let long = vec!["1234567"; 250].join(",");
        assert!(history_with(Some(&long), 9).len() <= LONGEST_HISTORY);
    }

    #[test]
    fn hashes_depend_on_template_and_collisions_alone() {
        let mut template = PodTemplateSpec::default();
        let plain = hash_of(&template, 0);
        assert_eq!(plain, hash_of(&template, 0));
        assert_ne!(plain, hash_of(&template, 1));
        meta::set_label(template.metadata.get_or_insert_default(), "app", "web");
        assert_ne!(plain, hash_of(&template, 0));
    }
}
