use super::DeploymentController;
use api::{Key, Object, Resource};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::Pod;
use runtime::{Controller, Plan, Snapshot};
use serde_json::{Value, json};

fn merge(target: &mut Value, patch: &Value) {
    for (key, value) in patch.as_object().expect("an object") {
        match (target.get_mut(key), value) {
            (Some(inner @ Value::Object(_)), Value::Object(_)) => merge(inner, value),
            _ => target[key] = value.clone(),
        }
    }
}

fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "main", "image": image}]}})
}

fn deployment(more: Value) -> Object {
    let mut tree = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"namespace": "d", "name": "web", "uid": "u", "resourceVersion": "7", "generation": 1},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": template("new"),
            "progressDeadlineSeconds": 60, "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}},
    });
    merge(&mut tree, &more);
    Deployment::KIND.decode_value(tree).expect("it decodes")
}

/// A replica set of an image, with so many replicas, so many of them available, of this revision.
fn set(image: &str, replicas: i32, available: i32, revision: i64) -> Object {
    let (key, uid) = (super::revision::REVISION, format!("u-{image}"));
    let owner = json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "u", "controller": true}]);
    let tree = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "namespace": "d", "name": format!("web-{image}"), "uid": uid, "resourceVersion": "5", "generation": 1,
            "creationTimestamp": Timestamp::UNIX_EPOCH + SignedDuration::from_secs(revision),
            "labels": {"app": "web"}, "ownerReferences": owner,
            "annotations": {key: revision.to_string(), super::revision::DESIRED: "3", super::revision::MOST: "4"},
        },
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template(image)},
        "status": {"replicas": replicas, "availableReplicas": available, "readyReplicas": available,
            "observedGeneration": 1},
    });
    ReplicaSet::KIND.decode_value(tree).expect("it decodes")
}

fn plan(objects: Vec<Object>, seconds: i64) -> Plan {
    let caches = Snapshot::of(objects);
    let key = Key::of::<Deployment>("d", "web");
    let observed = DeploymentController::observe(&caches, &key).expect("there is something to decide");
    DeploymentController::reconcile(observed, Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds))
}

/// What a plan does besides writing its status, in short.
fn sizes(plan: &Plan) -> Vec<String> {
    let lines = plan.actions.iter().map(ToString::to_string);
    lines
        .filter(|it| !it.contains("/status") && !it.contains("deployment/"))
        .map(|it| match it.split_once(" {") {
            Some((what, patch)) => {
                let patch: Value = serde_json::from_str(&format!("{{{patch}")).expect("it is a patch");
                format!("{what} {}", patch["spec"]["replicas"])
            }
            None => it,
        })
        .collect()
}

#[track_caller]
fn check(more: Value, sets: Vec<Object>, expect: &[&str]) {
    let objects = std::iter::once(deployment(more)).chain(sets).collect();
    let got = sizes(&plan(objects, 0));
    let got: Vec<String> = got
        .iter()
        .map(|it| if it.starts_with("create") { "create".to_owned() } else { it.clone() })
        .collect();
    assert_eq!(got, expect);
}

#[test]
fn rolls_step_by_step() {
    check(json!({}), vec![], &["create"]);
    check(json!({}), vec![set("old", 3, 3, 1)], &["create"]);
    check(json!({}), vec![set("old", 3, 3, 1), set("new", 1, 0, 2)], &[]);
    check(json!({}), vec![set("old", 3, 3, 1), set("new", 1, 1, 2)], &["patch replicaset/d/web-old 2"]);
    check(json!({}), vec![set("old", 2, 2, 1), set("new", 1, 1, 2)], &["patch replicaset/d/web-new 2"]);
    check(json!({}), vec![set("old", 1, 0, 1), set("new", 3, 3, 2)], &["patch replicaset/d/web-old 0"]);
    check(json!({}), vec![set("old", 0, 0, 1), set("new", 3, 3, 2)], &[]);
}

#[test]
fn recreates_only_when_all_old_pods_are_gone() {
    let recreate = || json!({"spec": {"strategy": {"type": "Recreate", "rollingUpdate": null}}});
    check(recreate(), vec![set("old", 3, 3, 1)], &["patch replicaset/d/web-old 0"]);
    let owner = json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-old", "uid": "u-old", "controller": true}]);
    let last = json!({"apiVersion": "v1", "kind": "Pod", "status": {"phase": "Running"},
        "metadata": {"namespace": "d", "name": "last", "ownerReferences": owner, "deletionTimestamp": "1970-01-01T00:00:00Z"}});
    let last = Pod::KIND.decode_value(last).expect("it decodes");
    check(recreate(), vec![set("old", 0, 0, 1), last], &[]);
    check(recreate(), vec![set("old", 0, 0, 1)], &["create"]);
}

#[test]
fn a_new_size_is_shared_out() {
    let more = json!({"spec": {"replicas": 7}});
    let sets = vec![set("old", 3, 3, 1), set("new", 1, 0, 2)];
    check(more, sets, &["patch replicaset/d/web-new 2", "patch replicaset/d/web-old 6"]);
    check(json!({"spec": {"replicas": 5}}), vec![set("new", 3, 3, 1)], &["patch replicaset/d/web-new 5"]);
}

#[test]
fn paused_deployments_only_scale() {
    let paused = |replicas: i32| json!({"spec": {"paused": true, "replicas": replicas}});
    check(paused(3), vec![set("old", 3, 3, 1)], &[]);
    check(paused(5), vec![set("old", 3, 3, 1)], &["patch replicaset/d/web-old 5"]);
}

#[test]
fn going_back_gives_the_old_set_the_next_revision() {
    let objects = vec![deployment(json!({})), set("new", 0, 0, 1), set("old", 3, 3, 2)];
    let plan = plan(objects, 0);
    let line = plan.actions[0].to_string();
    assert!(line.contains(r#""deployment.kubernetes.io/revision":"3""#), "{line}");
    assert!(line.contains(r#""deployment.kubernetes.io/revision-history":"1""#), "{line}");
}

#[test]
fn old_sets_beyond_the_limit_go_when_all_is_done() {
    let sets = vec![set("a", 0, 0, 1), set("b", 0, 0, 2), set("new", 3, 3, 3)];
    check(json!({"spec": {"revisionHistoryLimit": 1}}), sets, &["delete replicaset/d/web-a"]);
    let sets = vec![set("a", 0, 0, 1), set("b", 0, 0, 2), set("new", 3, 2, 3)];
    check(json!({"spec": {"revisionHistoryLimit": 1}}), sets, &[]);
}

#[test]
fn a_name_that_is_taken_is_evaded() {
    let object = deployment(json!({}));
    let typed = object.get::<Deployment>().expect("it is one");
    let mut stranger = super::revision::fresh(typed, &typed.spec, 1);
    stranger.metadata.owner_references = None;
    stranger.metadata.labels = None;
    let plan = plan(vec![object, stranger.into()], 0);
    assert_eq!(plan.actions.len(), 1);
    assert!(plan.actions[0].to_string().contains(r#""status":{"collisionCount":1"#), "{:?}", plan.actions);
}

#[test]
fn no_progress_is_told_after_the_deadline() {
    let condition = json!({"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated",
        "lastUpdateTime": "1970-01-01T00:00:00Z", "lastTransitionTime": "1970-01-01T00:00:00Z"});
    let available = json!({"type": "Available", "status": "False", "reason": "MinimumReplicasUnavailable"});
    let status = json!({"replicas": 3, "updatedReplicas": 3, "unavailableReplicas": 3, "terminatingReplicas": 0,
        "observedGeneration": 1, "conditions": [available, condition]});
    let own = json!({"annotations": {super::revision::REVISION: "1"}});
    let objects = || vec![deployment(json!({"status": status, "metadata": own})), set("new", 3, 0, 1)];
    let early = plan(objects(), 20);
    assert_eq!((early.actions.len(), early.requeue.map(|it| it.as_secs())), (0, Some(41)));
    let late = plan(objects(), 61);
    assert!(late.actions[0].to_string().contains("ProgressDeadlineExceeded"), "{:?}", late.actions);
    assert_eq!(late.requeue, None);
}
