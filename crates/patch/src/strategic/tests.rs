//! One table per directive. The documents are fragments of a pod spec unless a test says otherwise.

use serde_json::{Value, json};

use super::*;
use crate::Class;

fn apply(type_name: &str, doc: &Value, patch: &Value) -> Result<Value, Error> {
    strategic_merge(doc, patch, Type::named(type_name).expect("the type exists"))
}

fn check_as(type_name: &str, doc: Value, patch: Value, expect: Value) {
    assert_eq!(apply(type_name, &doc, &patch).expect("the patch applies"), expect, "patch {patch}");
}

fn check(doc: Value, patch: Value, expect: Value) {
    check_as("io.k8s.api.core.v1.PodSpec", doc, patch, expect);
}

fn check_meta(doc: Value, patch: Value, expect: Value) {
    check_as("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta", doc, patch, expect);
}

fn refuse(doc: Value, patch: Value, class: Class, message: &str) {
    let error = apply("io.k8s.api.core.v1.PodSpec", &doc, &patch).expect_err("the patch is refused");
    assert_eq!((error.class(), error.to_string().as_str()), (class, message), "patch {patch}");
}

#[test]
fn maps_merge_and_null_deletes() {
    let doc = json!({ "labels": { "a": "1", "b": "2" }, "name": "x" });
    let patch = json!({ "labels": { "a": null, "c": "3" }, "generation": 2 });
    check_meta(doc, patch, json!({ "labels": { "b": "2", "c": "3" }, "name": "x", "generation": 2 }));
    check_meta(json!({ "labels": { "a": "1" } }), json!({ "labels": null }), json!({}));
    check_meta(json!({}), json!({ "labels": { "a": null, "b": "1" } }), json!({ "labels": { "b": "1" } }));
}

#[test]
fn scalars_and_other_types_are_replaced() {
    check(json!({ "hostname": "a" }), json!({ "hostname": "b" }), json!({ "hostname": "b" }));
    check(
        json!({ "securityContext": null }),
        json!({ "securityContext": {} }),
        json!({ "securityContext": {} }),
    );
}

#[test]
fn lists_merge_by_their_key() {
    let doc = json!({ "containers": [{ "name": "a", "image": "1" }, { "name": "b" }] });
    let patch = json!({ "containers": [{ "name": "b", "image": "2" }] });
    check(
        doc,
        patch,
        json!({ "containers": [{ "name": "a", "image": "1" }, { "name": "b", "image": "2" }] }),
    );
}

#[test]
fn keys_nest() {
    let container =
        |ports: Value, env: Value| json!({ "containers": [{ "name": "a", "ports": ports, "env": env }] });
    check(
        container(json!([{ "containerPort": 80 }]), json!([{ "name": "A", "value": "1" }])),
        container(json!([{ "containerPort": 80, "name": "web" }]), json!([{ "name": "A", "value": "2" }])),
        container(json!([{ "containerPort": 80, "name": "web" }]), json!([{ "name": "A", "value": "2" }])),
    );
}

#[test]
fn every_merge_key_of_upstream() {
    let table = [
        ("PodSpec", "initContainers", "name"),
        ("PodSpec", "ephemeralContainers", "name"),
        ("PodSpec", "imagePullSecrets", "name"),
        ("PodSpec", "hostAliases", "ip"),
        ("PodSpec", "volumes", "name"),
        ("PodSpec", "topologySpreadConstraints", "topologyKey"),
        ("PodSpec", "schedulingGates", "name"),
        ("PodStatus", "conditions", "type"),
        ("PodStatus", "podIPs", "ip"),
        ("PodStatus", "hostIPs", "ip"),
        ("Container", "volumeMounts", "mountPath"),
        ("Container", "volumeDevices", "devicePath"),
        ("EphemeralContainer", "env", "name"),
        ("ServiceSpec", "ports", "port"),
        ("ServiceAccount", "secrets", "name"),
        ("NodeStatus", "addresses", "type"),
        ("NodeStatus", "conditions", "type"),
    ];
    for (type_name, field, key) in table {
        let item = |value: &str, note: &str| json!({ key: value, "note": note });
        check_as(
            &format!("io.k8s.api.core.v1.{type_name}"),
            json!({ field: [item("x", "1"), item("y", "1")] }),
            json!({ field: [item("y", "2")] }),
            json!({ field: [item("x", "1"), item("y", "2")] }),
        );
    }
    check_meta(
        json!({ "ownerReferences": [{ "uid": "1", "kind": "A" }] }),
        json!({ "ownerReferences": [{ "uid": "1", "controller": true }] }),
        json!({ "ownerReferences": [{ "uid": "1", "kind": "A", "controller": true }] }),
    );
}

#[test]
fn atomic_lists_are_replaced() {
    let tolerations = |key: &str| json!({ "tolerations": [{ "key": key }] });
    check(tolerations("a"), tolerations("b"), tolerations("b"));
    let command = |word: &str| json!({ "containers": [{ "name": "a", "command": [word] }] });
    check(command("old"), command("new"), command("new"));
}

#[test]
fn new_items_go_first_without_an_order() {
    let doc = json!({ "containers": [{ "name": "a" }, { "name": "b" }] });
    let patch = json!({ "containers": [{ "name": "new" }] });
    check(doc, patch, json!({ "containers": [{ "name": "new" }, { "name": "a" }, { "name": "b" }] }));
}

#[test]
fn element_order_decides() {
    let named = |names: &str| -> Vec<Value> {
        names.chars().map(|name| json!({ "name": name.to_string() })).collect()
    };
    let table = [
        // there, order, patch, result
        ("ab", "ba", "", "ba"),
        ("ab", "bca", "c", "bca"),
        ("ab", "acb", "c", "acb"),
        ("abc", "ca", "", "bca"),
        ("xaby", "ba", "", "xbay"),
        ("", "ab", "ab", "ab"),
        ("ab", "abn", "n", "abn"),
    ];
    for (there, order, patch, result) in table {
        check(
            json!({ "containers": named(there) }),
            json!({ "$setElementOrder/containers": named(order), "containers": named(patch) }),
            json!({ "containers": named(result) }),
        );
    }
    check(
        json!({ "containers": named("ab") }),
        json!({ "$setElementOrder/containers": named("ba") }),
        json!({ "containers": named("ba") }),
    );
    check(json!({}), json!({ "$setElementOrder/containers": named("ba") }), json!({}));
}

#[test]
fn element_order_with_deletion_is_what_apply_sends() {
    let doc = json!({ "containers": [{ "name": "a" }, { "name": "b", "image": "1" }] });
    let patch = json!({
        "$setElementOrder/containers": [{ "name": "b" }],
        "containers": [{ "name": "b", "image": "2" }, { "name": "a", "$patch": "delete" }],
    });
    check(doc, patch, json!({ "containers": [{ "name": "b", "image": "2" }] }));
}

#[test]
fn element_order_of_scalars() {
    check_meta(
        json!({ "finalizers": ["a", "b", "c"] }),
        json!({ "$setElementOrder/finalizers": ["c", "d", "a"], "finalizers": ["d"] }),
        json!({ "finalizers": ["b", "c", "d", "a"] }),
    );
}

#[test]
fn primitive_lists_merge_and_shrink() {
    check_meta(
        json!({ "finalizers": ["a", "b"] }),
        json!({ "finalizers": ["b", "c"] }),
        json!({ "finalizers": ["a", "b", "c"] }),
    );
    check_meta(
        json!({ "finalizers": ["a", "b", "c"] }),
        json!({ "$deleteFromPrimitiveList/finalizers": ["a", "c", "z"] }),
        json!({ "finalizers": ["b"] }),
    );
    check_meta(json!({}), json!({ "$deleteFromPrimitiveList/finalizers": ["a"] }), json!({}));
}

#[test]
fn patch_directive_in_maps() {
    let doc = json!({ "securityContext": { "runAsUser": 1, "runAsGroup": 2 } });
    let directed = |word: &str| json!({ "securityContext": { "$patch": word, "runAsUser": 3 } });
    check(doc.clone(), directed("replace"), json!({ "securityContext": { "runAsUser": 3 } }));
    check(doc.clone(), directed("delete"), json!({ "securityContext": {} }));
    check(json!({}), directed("delete"), json!({}));
    let message = "unknown patch type: merge in map: map[$patch:merge runAsUser:3]";
    refuse(doc, directed("merge"), Class::Contradiction, message);
}

#[test]
fn patch_directive_in_lists() {
    let doc = json!({ "containers": [{ "name": "a" }, { "name": "b" }] });
    let delete = json!({ "containers": [{ "name": "a", "$patch": "delete" }] });
    check(doc.clone(), delete.clone(), json!({ "containers": [{ "name": "b" }] }));
    check(json!({}), delete, json!({ "containers": [] }));
    let replace = json!({ "containers": [{ "$patch": "replace" }, { "name": "c" }] });
    check(doc.clone(), replace, json!({ "containers": [{ "name": "c" }] }));
    let clear = json!({ "containers": [{ "$patch": "replace" }] });
    check(doc.clone(), clear, json!({ "containers": [] }));
    let merge = json!({ "containers": [{ "$patch": "merge", "name": "a" }] });
    refuse(doc.clone(), merge, Class::Contradiction, "merging lists cannot yet be specified in the patch");
    let unknown = json!({ "containers": [{ "$patch": "x", "name": "a" }] });
    refuse(doc, unknown, Class::Contradiction, "unknown patch type: x in map: map[$patch:x name:a]");
}

#[test]
fn retain_keys_drops_the_others() {
    let doc = json!({ "volumes": [{ "name": "v", "emptyDir": {} }] });
    let volume = json!({ "$retainKeys": ["name", "configMap"], "name": "v", "configMap": { "name": "c" } });
    let expect = json!({ "volumes": [{ "name": "v", "configMap": { "name": "c" } }] });
    check(doc.clone(), json!({ "volumes": [volume.clone()] }), expect.clone());
    check(json!({ "volumes": [] }), json!({ "volumes": [volume] }), expect);
    let format = "invalid patch format of retainKeys";
    let lacking = json!({ "volumes": [{ "$retainKeys": ["name"], "name": "v", "configMap": {} }] });
    refuse(doc.clone(), lacking, Class::Malformed, format);
    refuse(doc, json!({ "volumes": [{ "$retainKeys": "name", "name": "v" }] }), Class::Malformed, format);
    check_as(
        "io.k8s.api.apps.v1.DeploymentSpec",
        json!({ "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxSurge": 1 } } }),
        json!({ "strategy": { "$retainKeys": ["type"], "type": "Recreate" } }),
        json!({ "strategy": { "type": "Recreate" } }),
    );
}

#[test]
fn replace_strategy_takes_the_whole_object() {
    let selector = |key: &str| json!({ "selector": { "matchLabels": { key: "1" } } });
    check_as("io.k8s.api.policy.v1.PodDisruptionBudgetSpec", selector("a"), selector("b"), selector("b"));
}

#[test]
fn the_walk_reaches_from_a_kind_down() {
    let deployment = |image: &str| json!({ "spec": { "template": { "spec": { "containers": [{ "name": "a", "image": image }] } } } });
    check_as("io.k8s.api.apps.v1.Deployment", deployment("1"), deployment("2"), deployment("2"));
}

/// What `kubectl apply` sends when a deployment's containers, volumes, tolerations and strategy change.
#[test]
fn apply_of_a_deployment() {
    let deployment = |strategy: Value, spec: Value| json!({ "spec": { "strategy": strategy, "template": { "spec": spec } } });
    let rolling = json!({ "type": "RollingUpdate", "rollingUpdate": { "maxSurge": "25%" } });
    let live = json!({
        "containers": [
            { "name": "a", "image": "x:1", "ports": [{ "containerPort": 80, "protocol": "TCP" }] },
            { "name": "old", "image": "y" },
            { "name": "injected", "image": "z" },
        ],
        "tolerations": [{ "key": "k" }],
        "volumes": [{ "name": "v", "emptyDir": {} }],
    });
    let patch = json!({
        "$setElementOrder/containers": [{ "name": "n" }, { "name": "a" }],
        "$setElementOrder/volumes": [{ "name": "v" }],
        "containers": [
            { "image": "q", "name": "n" },
            {
                "$setElementOrder/ports": [{ "containerPort": 80 }, { "containerPort": 81 }],
                "image": "x:2",
                "name": "a",
                "ports": [{ "containerPort": 81 }],
            },
            { "$patch": "delete", "name": "old" },
        ],
        "tolerations": [{ "key": "k2" }],
        "volumes": [
            { "$retainKeys": ["configMap", "name"], "configMap": { "name": "c" }, "emptyDir": null, "name": "v" },
        ],
    });
    let expect = json!({
        "containers": [
            { "name": "n", "image": "q" },
            {
                "name": "a",
                "image": "x:2",
                "ports": [{ "containerPort": 80, "protocol": "TCP" }, { "containerPort": 81 }],
            },
            { "name": "injected", "image": "z" },
        ],
        "tolerations": [{ "key": "k2" }],
        "volumes": [{ "name": "v", "configMap": { "name": "c" } }],
    });
    check_as(
        "io.k8s.api.apps.v1.Deployment",
        deployment(rolling, live),
        deployment(json!({ "$retainKeys": ["type"], "type": "Recreate" }), patch),
        deployment(json!({ "type": "Recreate" }), expect),
    );
}

#[test]
fn contradictions_are_refused_with_upstream_words() {
    let doc = json!({ "containers": [{ "name": "a" }], "volumes": [] });
    refuse(
        doc.clone(),
        json!({ "containers": [{ "image": "b", "args": ["x", "y"] }] }),
        Class::Contradiction,
        "map: map[args:[x y] image:b] does not contain declared merge key: name",
    );
    refuse(
        doc.clone(),
        json!({ "containers": ["a"] }),
        Class::Contradiction,
        "list element types are not identical: [[map[name:a]] [a]]",
    );
    refuse(doc.clone(), json!({ "volumes": [[]] }), Class::DoesNotApply, "lists of lists are not supported");
    refuse(
        json!({ "colours": {} }),
        json!({ "colours": {} }),
        Class::Contradiction,
        "unable to find api field in struct io.k8s.api.core.v1.PodSpec for the json field \"colours\"",
    );
    refuse(
        doc.clone(),
        json!({ "$setElementOrder/containers": [{ "name": "b" }], "containers": [{ "name": "a" }] }),
        Class::Contradiction,
        "The order in patch list:\n[map[name:a]]\n doesn't match $setElementOrder list:\n[map[name:b]]\n",
    );
    refuse(
        doc.clone(),
        json!({ "$setElementOrder/containers": "a" }),
        Class::Malformed,
        "invalid patch format of setElementOrder list",
    );
    refuse(
        doc.clone(),
        json!({ "$deleteFromPrimitiveList": ["a"] }),
        Class::Malformed,
        "invalid patch format of primitive list",
    );
    refuse(doc, json!([]), Class::Malformed, "a merge patch must be a JSON object, not a list");
}
