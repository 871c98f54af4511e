//! What is wrong with the status of a workload: what its controller counted must be possible.
//!
//! Start at [`Counts`]. The rules are those of upstream's `Validate…Status` of apps, core and batch.

use crate::field::{Error, Errors, Path};
use crate::validation::common::not_negative;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::{Job, JobStatus};
use k8s_openapi::api::core::v1::ReplicationController;

const MORE_THAN_ALL: &str = "cannot be greater than status.replicas";
const MORE_THAN_READY: &str = "cannot be greater than readyReplicas";
/// What a status says that it has available; compared with those that are ready, too.
const AVAILABLE: &str = "availableReplicas";

/// The numbers of a status.
#[derive(Default)]
struct Counts<'a> {
    observed_generation: Option<i64>,
    /// All pods; none for kinds that count nodes.
    replicas: Option<i32>,
    ready: Option<i32>,
    /// What counts some of the pods, and so cannot be more than all of them.
    parts: &'a [(&'a str, Option<i32>)],
    /// What is compared with nothing.
    others: &'a [(&'a str, Option<i32>)],
    /// Now and before: it only ever grows.
    collisions: (Option<i32>, Option<i32>),
}

impl Counts<'_> {
    fn errors(&self) -> Errors {
        let (mut errors, path) = (Errors::new(), Path::new("status"));
        not_negative(&mut errors, &path.child("observedGeneration"), self.observed_generation);
        let single = [("replicas", self.replicas), ("collisionCount", self.collisions.0)];
        for (name, value) in single.iter().chain(self.parts).chain(self.others) {
            not_negative(&mut errors, &path.child(name), value.map(i64::from));
        }
        self.compare(&mut errors, &path);
        let (now, before) = (self.collisions.0.unwrap_or(0), self.collisions.1.unwrap_or(0));
        if now < before {
            errors.push(Error::invalid(&path.child("collisionCount"), now, "cannot be decremented"));
        }
        errors
    }

    fn compare(&self, errors: &mut Errors, path: &Path) {
        let (all, ready) = (self.replicas.unwrap_or(0), self.ready.unwrap_or(0));
        for (name, value) in self.parts {
            let value = value.unwrap_or(0);
            if value > all {
                errors.push(Error::invalid(&path.child(name), value, MORE_THAN_ALL));
            }
            if *name == AVAILABLE && value > ready {
                errors.push(Error::invalid(&path.child(name), value, MORE_THAN_READY));
            }
        }
    }
}

/// What is wrong with a Deployment's status.
pub fn deployment(new: &Deployment, old: &Deployment) -> Errors {
    let status = new.status.clone().unwrap_or_default();
    Counts {
        observed_generation: status.observed_generation,
        replicas: status.replicas,
        ready: status.ready_replicas,
        parts: &[
            ("updatedReplicas", status.updated_replicas),
            ("readyReplicas", status.ready_replicas),
            (AVAILABLE, status.available_replicas),
        ],
        others: &[
            ("unavailableReplicas", status.unavailable_replicas),
            ("terminatingReplicas", status.terminating_replicas),
        ],
        collisions: (status.collision_count, old.status.as_ref().and_then(|it| it.collision_count)),
    }
    .errors()
}

/// What is wrong with a ReplicaSet's status.
pub fn replica_set(set: &ReplicaSet) -> Errors {
    let status = set.status.clone().unwrap_or_default();
    Counts {
        observed_generation: status.observed_generation,
        replicas: Some(status.replicas),
        ready: status.ready_replicas,
        parts: &[
            ("fullyLabeledReplicas", status.fully_labeled_replicas),
            ("readyReplicas", status.ready_replicas),
            (AVAILABLE, status.available_replicas),
        ],
        others: &[("terminatingReplicas", status.terminating_replicas)],
        ..Counts::default()
    }
    .errors()
}

/// What is wrong with a ReplicationController's status.
pub fn replication_controller(controller: &ReplicationController) -> Errors {
    let status = controller.status.clone().unwrap_or_default();
    Counts {
        observed_generation: status.observed_generation,
        replicas: Some(status.replicas),
        ready: status.ready_replicas,
        parts: &[
            ("fullyLabeledReplicas", status.fully_labeled_replicas),
            ("readyReplicas", status.ready_replicas),
            (AVAILABLE, status.available_replicas),
        ],
        ..Counts::default()
    }
    .errors()
}

/// What is wrong with a StatefulSet's status.
pub fn stateful_set(new: &StatefulSet, old: &StatefulSet) -> Errors {
    let status = new.status.clone().unwrap_or_default();
    Counts {
        observed_generation: status.observed_generation,
        replicas: Some(status.replicas),
        ready: status.ready_replicas,
        parts: &[
            ("readyReplicas", status.ready_replicas),
            ("currentReplicas", status.current_replicas),
            ("updatedReplicas", status.updated_replicas),
            (AVAILABLE, status.available_replicas),
        ],
        collisions: (status.collision_count, old.status.as_ref().and_then(|it| it.collision_count)),
        ..Counts::default()
    }
    .errors()
}

/// What is wrong with a DaemonSet's status, which counts nodes.
pub fn daemon_set(new: &DaemonSet, old: &DaemonSet) -> Errors {
    let status = new.status.clone().unwrap_or_default();
    Counts {
        observed_generation: status.observed_generation,
        others: &[
            ("currentNumberScheduled", Some(status.current_number_scheduled)),
            ("numberMisscheduled", Some(status.number_misscheduled)),
            ("desiredNumberScheduled", Some(status.desired_number_scheduled)),
            ("numberReady", Some(status.number_ready)),
            ("updatedNumberScheduled", status.updated_number_scheduled),
            ("numberAvailable", status.number_available),
            ("numberUnavailable", status.number_unavailable),
        ],
        collisions: (status.collision_count, old.status.as_ref().and_then(|it| it.collision_count)),
        ..Counts::default()
    }
    .errors()
}

/// What is wrong with a Job's status. Upstream also looks at indexes and times; that is not done here.
pub fn job(new: &Job, old: &Job) -> Errors {
    let status = new.status.clone().unwrap_or_default();
    let counted = [
        ("active", status.active),
        ("succeeded", status.succeeded),
        ("failed", status.failed),
        ("ready", status.ready),
        ("terminating", status.terminating),
    ];
    let mut errors = Counts { others: &counted, ..Counts::default() }.errors();
    let was = old.status.clone().unwrap_or_default();
    // What was wrong before stays writable.
    if is_finished(&status) && (!is_finished(&was) || status.active != was.active) {
        let active = status.active.unwrap_or(0);
        if active > 0 {
            let path = Path::new("status").child("active");
            errors.push(Error::invalid(&path, active, "active>0 is invalid for finished job"));
        }
    }
    errors
}

fn is_finished(status: &JobStatus) -> bool {
    let mut conditions = status.conditions.iter().flatten();
    conditions.any(|it| it.status == "True" && matches!(it.type_.as_str(), "Complete" | "Failed"))
}

#[cfg(test)]
mod tests {
    use crate::resources::{Kind, Subresource};
    use serde_json::{Value, json};

    #[track_caller]
    fn check(api_version: &str, kind: &str, old: &Value, new: &Value, expect: &[&str]) {
        let kind = Kind::named(api_version, kind).expect("it is in the table");
        let decode = |status: &Value| kind.decode_value(json!({ "status": status })).expect("it decodes");
        let errors = kind.row().strategy.validate_below(&decode(new), &decode(old), Subresource::Status);
        let got: Vec<String> = errors.iter().map(|it| format!("{} {}", it.field, it.message())).collect();
        assert_eq!(got.len(), expect.len(), "{got:?}");
        for (got, expect) in got.iter().zip(expect) {
            let (field, part) = expect.split_once(' ').expect("a field and a part of the message");
            assert!(got.starts_with(&format!("status.{field} ")) && got.contains(part), "{got} {expect}");
        }
    }

    #[test]
    fn replicas_are_counted_as_they_can_be() {
        let good = json!({ "replicas": 2, "readyReplicas": 2, "availableReplicas": 1 });
        let cases: [(Value, &[&str]); 4] = [
            (good.clone(), &[]),
            (json!({ "replicas": 2, "observedGeneration": -1 }), &["observedGeneration must be"]),
            (
                json!({ "replicas": 1, "readyReplicas": 2 }),
                &["readyReplicas cannot be greater than status.replicas"],
            ),
            (
                json!({ "replicas": 2, "availableReplicas": 1 }),
                &["availableReplicas cannot be greater than readyReplicas"],
            ),
        ];
        let apps = ["Deployment", "ReplicaSet", "StatefulSet"].map(|it| ("apps/v1", it));
        for (api_version, kind) in apps.into_iter().chain([("v1", "ReplicationController")]) {
            for (new, expect) in &cases {
                check(api_version, kind, &good, new, expect);
            }
        }
    }

    #[test]
    fn collisions_only_grow() {
        let count = |it: i32| json!({ "collisionCount": it });
        for kind in ["Deployment", "StatefulSet", "DaemonSet"] {
            check("apps/v1", kind, &count(1), &count(2), &[]);
            check("apps/v1", kind, &count(2), &count(1), &["collisionCount cannot be decremented"]);
            check("apps/v1", kind, &count(2), &json!({}), &["collisionCount cannot be decremented"]);
        }
    }

    #[test]
    fn daemons_and_jobs_are_counted() {
        let none = json!({});
        check("apps/v1", "DaemonSet", &none, &json!({ "numberReady": 3 }), &[]);
        check("apps/v1", "DaemonSet", &none, &json!({ "numberReady": -3 }), &["numberReady must be"]);
        check("batch/v1", "Job", &none, &json!({ "active": 1, "ready": 1 }), &[]);
        check("batch/v1", "Job", &none, &json!({ "failed": -1 }), &["failed must be"]);
        let done = json!({ "active": 1, "conditions": [{ "type": "Complete", "status": "True" }] });
        check("batch/v1", "Job", &none, &done, &["active active>0 is invalid for finished job"]);
        check("batch/v1", "Job", &done, &done, &[]);
    }
}
