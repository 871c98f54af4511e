//! What node agents may write, told by its body.

use super::{Rig, account, pod, rig, send};
use crate::UserInfo;
use serde_json::{Value, json};

const NODES: &str = "/api/v1/nodes";
const PODS: &str = "/api/v1/namespaces/default/pods";
const ACCOUNT: &str = "/api/v1/namespaces/default/serviceaccounts/robot";
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
const CSI: &str = "/apis/storage.k8s.io/v1/csinodes";

/// Does as the node `one`. An empty `expect` is for what must succeed.
async fn check(rig: &Rig, (method, uri): (&str, &str), body: Value, expect: &str) {
    let node = rig.acting(UserInfo::node("one"));
    let headers: &[(&str, &str)] =
        if method == "PATCH" { &[("content-type", "application/merge-patch+json")] } else { &[] };
    let answer = send(&node, method, uri, headers, &body.to_string()).await;
    let said = format!("{method} {uri} {body}: {} {}", answer.status, answer.text);
    if expect.is_empty() {
        return assert!(answer.status.is_success(), "{said}");
    }
    assert_eq!(answer.status.as_u16(), 403, "{said}");
    let message = answer.json()["message"].as_str().unwrap().to_owned();
    assert!(message.ends_with(expect), "{said}");
}

fn node(name: &str, labels: &[&str]) -> Value {
    let labels: serde_json::Map<String, Value> =
        labels.iter().map(|it| ((*it).to_owned(), "x".into())).collect();
    json!({ "metadata": { "name": name, "labels": labels } })
}

fn labelled(label: &str, value: Value) -> Value {
    json!({ "metadata": { "labels": { label: value } } })
}

async fn bound(rig: &Rig, name: &str, node: &str) -> Value {
    let mut wanted = pod(name);
    wanted["spec"]["nodeName"] = node.into();
    wanted["spec"]["serviceAccountName"] = "robot".into();
    rig.ok("POST", PODS, &wanted).await
}

#[tokio::test]
async fn a_node_writes_its_own_node_and_steers_nobody_to_it() {
    let rig = rig().await;
    let create = ("POST", NODES);
    let other = r#"nodes "two" is forbidden: node "one" is not allowed to modify node "two""#;
    check(&rig, create, node("two", &[]), other).await;
    let many =
        ["a", "node-restriction.kubernetes.io/b", "kubernetes.io/hostname", "node-role.kubernetes.io/c"];
    let expect = r#"node "one" is not allowed to set the following labels: node-restriction.kubernetes.io/b, node-role.kubernetes.io/c"#;
    check(&rig, create, node("one", &many), expect).await;
    let mut made = node("one", &["a", "kubernetes.io/hostname", "beta.kubernetes.io/arch"]);
    made["spec"] = json!({ "taints": [{ "key": "busy", "effect": "NoSchedule" }] });
    check(&rig, create, made, "").await;

    let own = format!("{NODES}/one");
    let (whole, status) = (("PATCH", own.as_str()), format!("{own}/status"));
    check(&rig, whole, labelled("topology.kubernetes.io/zone", "z".into()), "").await;
    check(&rig, whole, labelled("kubernetes.io/hostname", Value::Null), "").await;
    let refused = "is not allowed to modify labels: kubernetes.io/role";
    check(&rig, whole, labelled("kubernetes.io/role", "x".into()), refused).await;
    rig.merge(&own, &labelled("kubernetes.io/role", "x".into())).await;
    check(&rig, whole, labelled("kubernetes.io/role", Value::Null), refused).await;
    // A status brings labels along, and so is judged alike.
    check(&rig, ("PATCH", &status), labelled("kubernetes.io/role", "y".into()), refused).await;
    check(&rig, ("PATCH", &status), labelled("topology.kubernetes.io/zone", "w".into()), "").await;
    let labels = rig.ok("GET", &own, &Value::Null).await["metadata"]["labels"].clone();
    assert_eq!(
        (&labels["kubernetes.io/role"], &labels["topology.kubernetes.io/zone"]),
        (&json!("x"), &json!("w"))
    );
    let taints = json!({ "spec": { "taints": null } });
    check(&rig, whole, taints, r#"node "one" is not allowed to modify taints"#).await;
    check(&rig, ("PATCH", &status), json!({ "status": { "phase": "Running" } }), "").await;
}

#[tokio::test]
async fn a_node_beats_with_its_own_heart() {
    let rig = rig().await;
    rig.send("POST", "/api/v1/namespaces", &json!({ "metadata": { "name": "kube-node-lease" } })).await;
    let named = |name: &str| json!({ "metadata": { "name": name } });
    let expect = "can only access node lease with the same name as the requesting node";
    check(&rig, ("POST", LEASES), named("two"), expect).await;
    check(&rig, ("POST", LEASES), named("one"), "").await;
    let csi = |name: &str| json!({ "metadata": { "name": name }, "spec": { "drivers": [] } });
    let expect = "can only access CSINode with the same name as the requesting node";
    check(&rig, ("POST", CSI), csi("two"), expect).await;
    check(&rig, ("POST", CSI), csi("one"), "").await;
}

#[tokio::test]
async fn a_node_makes_mirrors_only() {
    let rig = rig().await;
    let made = rig.ok("POST", NODES, &node("one", &[])).await;
    let owner = json!({
        "apiVersion": "v1", "kind": "Node", "name": "one", "uid": made["metadata"]["uid"], "controller": true,
    });
    let mut mirror = pod("mirror");
    mirror["metadata"]["annotations"] = json!({ "kubernetes.io/config.mirror": "x" });
    mirror["metadata"]["ownerReferences"] = json!([owner]);
    mirror["spec"]["nodeName"] = "one".into();
    let create = ("POST", PODS);
    let but = |pointer: &str, value: Value| {
        let (parent, last) = pointer.rsplit_once('/').unwrap();
        let mut changed = mirror.clone();
        changed.pointer_mut(parent).unwrap()[last] = value;
        changed
    };
    check(&rig, create, but("/metadata/annotations", json!({})), r#"node "one" can only create mirror pods"#)
        .await;
    let expect = r#"node "one" can only create pods with spec.nodeName set to itself"#;
    check(&rig, create, but("/spec/nodeName", "two".into()), expect).await;
    let expect = r#"node "one" can only create pods with an owner reference set to itself"#;
    check(&rig, create, but("/metadata/ownerReferences", json!([])), expect).await;
    let volumes = json!([{ "name": "v", "secret": { "secretName": "s" } }]);
    let expect = r#"node "one" can not create pods that reference secrets"#;
    check(&rig, create, but("/spec/volumes", volumes), expect).await;
    let expect = r#"node "one" can not create pods that reference a service account"#;
    check(&rig, create, but("/spec/serviceAccountName", "default".into()), expect).await;
    check(&rig, create, mirror.clone(), "").await;
}

#[tokio::test]
async fn a_node_has_only_what_its_pods_have() {
    let rig = rig().await;
    rig.ok("POST", "/api/v1/namespaces/default/serviceaccounts", &account("robot")).await;
    let (mine, other) = (bound(&rig, "mine", "one").await, bound(&rig, "other", "two").await);
    rig.ok("GET", PODS, &Value::Null).await;

    let status = format!("{PODS}/mine/status");
    let refused = r#"node "one" cannot update labels through pod status"#;
    check(&rig, ("PATCH", &status), labelled("a", "b".into()), refused).await;
    check(&rig, ("PATCH", &status), json!({ "status": { "phase": "Running" } }), "").await;
    let told = rig.ok("GET", &format!("{PODS}/mine"), &Value::Null).await;
    assert_eq!((&told["metadata"]["labels"], &told["status"]["phase"]), (&Value::Null, &json!("Running")));

    let token = format!("{ACCOUNT}/token");
    let ask = |name: &str, uid: &Value| {
        let reference = json!({ "apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid });
        json!({ "spec": { "boundObjectRef": reference } })
    };
    let unbound = r#"serviceaccounts "robot" is forbidden: node requested token not bound to a pod"#;
    check(&rig, ("POST", &token), json!({ "spec": {} }), unbound).await;
    let expect = "node requested token with a pod binding without a uid";
    check(&rig, ("POST", &token), ask("mine", &Value::Null), expect).await;
    let expect = "The object might have been deleted and then recreated";
    check(&rig, ("POST", &token), ask("mine", &other["metadata"]["uid"]), expect).await;
    let expect = "node requested token bound to a pod scheduled on a different node";
    check(&rig, ("POST", &token), ask("other", &other["metadata"]["uid"]), expect).await;
    check(&rig, ("POST", &token), ask("mine", &mine["metadata"]["uid"]), "").await;

    let evict = json!({ "apiVersion": "policy/v1", "kind": "Eviction", "metadata": { "name": "mine" } });
    check(&rig, ("POST", &format!("{PODS}/mine/eviction")), evict, "").await;
    // Everybody else is as free as before.
    rig.ok("POST", &token, &json!({ "spec": {} })).await;
}
