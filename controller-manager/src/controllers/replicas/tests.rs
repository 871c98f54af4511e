use crate::controllers::CONTROLLERS;
use api::{Key, Kind, Object, Resource};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{Pod, ReplicationController};
use runtime::{Plan, Snapshot};
use serde_json::{Value, json};

fn object(kind: Kind, name: &str, more: Value) -> Object {
    let mut tree = json!({
        "apiVersion": kind.row().api_version(), "kind": kind.row().kind,
        "metadata": {"namespace": "d", "name": name, "uid": name, "resourceVersion": "7", "generation": 1},
    });
    merge(&mut tree, &more);
    kind.decode_value(tree).expect("it decodes")
}

fn merge(target: &mut Value, patch: &Value) {
    for (key, value) in patch.as_object().expect("an object") {
        match (target.get_mut(key), value) {
            (Some(inner @ Value::Object(_)), Value::Object(_)) => merge(inner, value),
            _ => target[key] = value.clone(),
        }
    }
}

fn set(kind: Kind, replicas: i32, more: Value) -> Object {
    let selector =
        if kind == ReplicaSet::KIND { json!({"matchLabels": {"app": "web"}}) } else { json!({"app": "web"}) };
    let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}});
    let mut tree = json!({"spec": {"replicas": replicas, "selector": selector, "template": template}});
    merge(&mut tree, &more);
    object(kind, "web", tree)
}

/// A pod in words: its name, then `ready`, `failed`, `going`, `orphan`, `stranger`.
fn pod(words: &str, kind: Kind) -> Object {
    let mut words = words.split(' ');
    let name = words.next().unwrap_or_default();
    let owner = json!([{"apiVersion": kind.row().api_version(), "kind": kind.row().kind, "name": "web", "uid": "web", "controller": true}]);
    let mut tree = json!({
        "metadata": {"labels": {"app": "web"}, "ownerReferences": owner},
        "spec": {"containers": [], "nodeName": "n1"},
        "status": {"phase": "Running"},
    });
    for word in words {
        let change = match word {
            "ready" => json!({"status": {"conditions": [
                {"type": "Ready", "status": "True", "lastTransitionTime": "2030-01-01T00:00:00Z"},
            ]}}),
            "failed" => json!({"status": {"phase": "Failed"}}),
            "going" => json!({"metadata": {"deletionTimestamp": "2030-01-01T00:00:00Z"}}),
            "orphan" => json!({"metadata": {"ownerReferences": null}}),
            "stranger" => json!({"metadata": {"labels": {"app": "other"}}}),
            _ => panic!("no such word: {word}"),
        };
        merge(&mut tree, &change);
    }
    object(Pod::KIND, name, tree)
}

fn plan(set: Object, pods: &[&str]) -> Plan {
    let key = set.key();
    let pods = pods.iter().map(|it| pod(it, key.kind)).collect::<Vec<_>>();
    let caches = Snapshot::of(std::iter::once(set).chain(pods));
    plan_of(&caches, &key)
}

fn plan_of(caches: &Snapshot, key: &Key) -> Plan {
    let name = if key.kind == ReplicaSet::KIND {
        "replicaset-controller"
    } else {
        "replicationcontroller-controller"
    };
    let row = CONTROLLERS.iter().find(|it| it.name == name).expect("it has a row");
    let now: Timestamp = "2030-01-01T00:00:04Z".parse().expect("it is a time");
    (row.plan)(caches, key, now)
}

/// What a plan does, without the guards of its patches.
fn lines(plan: &Plan) -> Vec<String> {
    let guard = r#"{"metadata":{"resourceVersion":"7","uid":"web"},"#;
    plan.actions.iter().map(|it| it.to_string().replace(guard, "{")).collect()
}

#[track_caller]
fn check(replicas: i32, pods: &[&str], expect: &[&str]) {
    for kind in [ReplicaSet::KIND, ReplicationController::KIND] {
        let status = json!({"status": {"replicas": 0, "observedGeneration": 1}});
        let plan = plan(set(kind, replicas, status), pods);
        let changes: Vec<String> = lines(&plan).into_iter().filter(|it| !it.contains("/status")).collect();
        let expect: Vec<String> = expect.iter().map(|it| it.replace("SET", kind.row().singular)).collect();
        assert_eq!(changes, expect, "{kind}");
    }
}

#[test]
fn as_many_pods_as_wanted() {
    check(0, &[], &[]);
    check(2, &[], &["create pod/d/web-*; create pod/d/web-*"]);
    check(2, &["a", "b ready"], &[]);
    check(1, &["a ready", "b"], &["delete pod/d/b"]);
    check(2, &["a", "b failed", "c going"], &["create pod/d/web-*"]);
}

#[test]
fn labels_decide_who_belongs() {
    check(1, &["a orphan"], &["adopt pod/d/a for SET/d/web"]);
    check(1, &["a orphan going"], &["create pod/d/web-*"]);
    let release = r#"patch pod/d/a {"metadata":{"ownerReferences":null,"resourceVersion":"7","uid":"a"}}"#;
    check(0, &["a stranger"], &[release]);
    check(0, &["a orphan stranger"], &[]);
}

#[test]
fn the_status_counts_and_then_rests() {
    let check = |pods: &[&str], expect: Value| {
        let plan = plan(set(ReplicaSet::KIND, 2, json!({})), pods);
        assert_eq!(lines(&plan), [format!("patch replicaset/d/web/status {}", json!({"status": expect}))]);
    };
    let ready = json!({
        "replicas": 2, "fullyLabeledReplicas": 2, "readyReplicas": 1, "availableReplicas": 1,
        "terminatingReplicas": 1, "observedGeneration": 1,
    });
    check(&["a ready", "b", "c going"], ready.clone());
    let settled = set(ReplicaSet::KIND, 2, json!({"status": ready}));
    assert_eq!(plan(settled, &["a ready", "b", "c going"]), Plan::nothing());
}

#[test]
fn what_is_ready_is_available_later() {
    let plan = plan(set(ReplicaSet::KIND, 1, json!({"spec": {"minReadySeconds": 10}})), &["a ready"]);
    assert_eq!(plan.requeue.map(|it| it.as_secs()), Some(6));
    assert!(!lines(&plan)[0].contains("availableReplicas"));
}

#[test]
fn a_set_on_its_way_out_does_nothing() {
    let going = json!({"metadata": {"deletionTimestamp": "2030-01-01T00:00:00Z"}});
    let plan = plan(set(ReplicaSet::KIND, 5, going), &["a orphan"]);
    assert!(lines(&plan).iter().all(|it| it.contains("/status")), "{plan:?}");
}

#[test]
fn one_plan_creates_no_more_than_a_burst() {
    let plan = plan(set(ReplicaSet::KIND, 5000, json!({})), &[]);
    assert_eq!(lines(&plan)[0].matches("create pod").count(), super::BURST);
}
