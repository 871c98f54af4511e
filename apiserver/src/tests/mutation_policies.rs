//! Policies that change objects, from their creation to what is stored.

use super::webhooks::{Hook, patch};
use super::{MAPS, Rig, map, pod, rig};
use serde_json::{Value, json};

const GROUP: &str = "/apis/admissionregistration.k8s.io/v1";

fn policy(name: &str, spec: &Value) -> Value {
    let rule = json!({
        "apiGroups": ["", "apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
        "resources": ["configmaps", "pods", "deployments"],
    });
    let mut object = json!({
        "metadata": { "name": name },
        "spec": { "matchConstraints": { "resourceRules": [rule] }, "reinvocationPolicy": "Never" },
    });
    for (field, value) in spec.as_object().into_iter().flatten() {
        object["spec"][field] = value.clone();
    }
    object
}

fn configuration(expression: &str) -> Value {
    json!({ "patchType": "ApplyConfiguration", "applyConfiguration": { "expression": expression } })
}

fn json_patch(expression: &str) -> Value {
    json!({ "patchType": "JSONPatch", "jsonPatch": { "expression": expression } })
}

/// Makes a policy and its binding.
async fn bind(rig: &Rig, name: &str, spec: &Value, binding: &Value) {
    rig.ok("POST", &format!("{GROUP}/mutatingadmissionpolicies"), &policy(name, spec)).await;
    let mut bound = json!({ "policyName": name });
    for (field, value) in binding.as_object().into_iter().flatten() {
        bound[field] = value.clone();
    }
    let binding = json!({ "metadata": { "name": format!("{name}-b") }, "spec": bound });
    rig.ok("POST", &format!("{GROUP}/mutatingadmissionpolicybindings"), &binding).await;
}

fn with_data(name: &str, data: Value) -> Value {
    let mut object = map(name);
    object["data"] = data;
    object
}

#[tokio::test]
async fn configurations_are_merged_and_patches_applied_in_turn() {
    let rig = rig().await;
    let spec = json!({ "mutations": [
        configuration("Object{metadata: Object.metadata{labels: {'team': variables.team}}, data: {'b': '2'}}"),
        json_patch(
            "[JSONPatch{op: 'test', path: '/data/b', value: '2'}, \
             JSONPatch{op: 'add', path: '/metadata/annotations', value: {'of': object.metadata.labels.team}}]",
        ),
    ], "variables": [{ "name": "team", "expression": "object.metadata.name + '-team'" }] });
    bind(&rig, "p", &spec, &json!({})).await;
    let made = rig.ok("POST", MAPS, &with_data("a", json!({ "a": "1" }))).await;
    assert_eq!(made["data"], json!({ "a": "1", "b": "2" }));
    assert_eq!(made["metadata"]["labels"], json!({ "team": "a-team" }));
    assert_eq!(made["metadata"]["annotations"], json!({ "of": "a-team" }));
    let changed = rig.merge(&format!("{MAPS}/a"), &json!({ "data": { "b": "9" } })).await.json();
    assert_eq!(changed["data"]["b"], "2");
}

#[tokio::test]
async fn lists_are_merged_by_their_keys() {
    let rig = rig().await;
    let sidecar = "Object{spec: Object.spec{initContainers: [Object.spec.initContainers{
        name: 'mesh', image: 'mesh:1', restartPolicy: 'Always'}],
        containers: object.spec.containers.map(c, Object.spec.containers{name: c.name, workingDir: '/x'})}}";
    let spec = json!({
        "mutations": [configuration(sidecar)],
        "matchConditions": [{ "name": "new", "expression": "!has(object.spec.initContainers)" }],
    });
    bind(&rig, "p", &spec, &json!({})).await;
    let made = rig.ok("POST", "/api/v1/namespaces/default/pods", &pod("a")).await;
    assert_eq!(made["spec"]["initContainers"][0]["name"], "mesh");
    assert_eq!(
        made["spec"]["initContainers"][0]["imagePullPolicy"], "IfNotPresent",
        "defaults are filled in"
    );
    let containers = made["spec"]["containers"].as_array().unwrap();
    assert_eq!((containers.len(), &containers[0]["workingDir"]), (1, &json!("/x")));
    assert_eq!(containers[0]["image"], "x:1");
}

#[tokio::test]
async fn failures_refuse_or_are_passed_over() {
    let atomic = "Object{spec: Object.spec{selector: Object.spec.selector{matchLabels: {'l': 'v'}}}}";
    let deployment = json!({
        "metadata": { "name": "a" },
        "spec": {
            "selector": { "matchLabels": { "a": "b" } },
            "template": { "metadata": { "labels": { "a": "b" } }, "spec": pod("x")["spec"] },
        },
    });
    let deployments = "/apis/apps/v1/namespaces/default/deployments";
    for (mutation, part) in [
        (configuration(atomic), "may not mutate atomic arrays, maps or structs: .spec.selector"),
        (
            configuration(
                "Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{\
                 initContainers: [Object.spec.template.spec.initContainers{name: 'mesh', args: ['x']}]}}}}",
            ),
            "may not mutate atomic arrays, maps or structs: .spec.template.spec.initContainers[0].args",
        ),
        (
            configuration("Object{spec: Object.spec{replicasx: 1}}"),
            ".spec.replicasx: field not declared in schema",
        ),
        (json_patch("[JSONPatch{op: 'remove', path: '/no/such'}]"), ""),
        (configuration("Object{spec: Object.spec{replicas: object.no.such}}"), "no such key: no"),
    ] {
        for policy in ["Fail", "Ignore"] {
            let rig = rig().await;
            bind(&rig, "p", &json!({ "mutations": [mutation], "failurePolicy": policy }), &json!({})).await;
            if policy == "Ignore" {
                rig.ok("POST", deployments, &deployment).await;
                continue;
            }
            let message = rig.refused(403, "POST", deployments, &deployment).await;
            assert!(message.contains("policy 'p' with binding 'p-b' denied request: "), "{message}");
            assert!(message.contains(part), "{message}");
        }
    }
}

#[tokio::test]
async fn bindings_choose_and_pass_parameters() {
    let rig = rig().await;
    rig.ok("POST", MAPS, &with_data("wanted", json!({ "color": "blue" }))).await;
    let spec = json!({
        "paramKind": { "apiVersion": "v1", "kind": "ConfigMap" },
        "mutations": [configuration("Object{data: {'color': params.data.color}}")],
    });
    let binding = json!({
        "paramRef": { "name": "wanted", "namespace": "default", "parameterNotFoundAction": "Deny" },
        "matchResources": { "objectSelector": { "matchLabels": { "paint": "me" } } },
    });
    bind(&rig, "p", &spec, &binding).await;
    let mut painted = map("a");
    painted["metadata"]["labels"] = json!({ "paint": "me" });
    assert_eq!(rig.ok("POST", MAPS, &painted).await["data"], json!({ "color": "blue" }));
    assert_eq!(rig.ok("POST", MAPS, &map("b")).await.get("data"), None);
}

#[tokio::test]
async fn policies_that_want_to_see_what_webhooks_change() {
    for (again, expect) in
        [("Never", json!({ "hook": "1" })), ("IfNeeded", json!({ "hook": "1", "seen": "1" }))]
    {
        let (rig, hook) = (rig().await, Hook::start().await);
        hook.register(&rig, "mutating", "a", &json!({})).await;
        hook.answer(|_| patch(&json!([{ "op": "add", "path": "/data", "value": { "hook": "1" } }])));
        let expression = "has(object.data) ? Object{data: {'seen': object.data.hook}} : Object{}";
        let spec = json!({ "mutations": [configuration(expression)], "reinvocationPolicy": again });
        bind(&rig, "p", &spec, &json!({})).await;
        assert_eq!(rig.ok("POST", MAPS, &map("a")).await["data"], expect, "{again}");
    }
}

#[tokio::test]
async fn what_does_not_compile_is_refused() {
    let rig = rig().await;
    let check = async |mutation: Value, part: &str| {
        let wrong = policy("p", &json!({ "mutations": [mutation] }));
        let message = rig.refused(422, "POST", &format!("{GROUP}/mutatingadmissionpolicies"), &wrong).await;
        assert!(message.contains(part), "{message}");
    };
    check(configuration("{'a': 1}"), "must evaluate to Object").await;
    check(configuration("Object{spec: Object.other{}}"), "unexpected type name").await;
    check(json_patch("Object{}"), "must evaluate to list(JSONPatch)").await;
    check(json_patch("[JSONPatch{op: params.op}]"), "undeclared reference to 'params'").await;
    check(json!({ "patchType": "JSONPatch" }), "spec.mutations[0].jsonPatch: Required value").await;
    check(json!({ "patchType": "Other" }), "spec.mutations[0].patchType: Unsupported value").await;
    let none = policy("p", &json!({ "mutations": [] }));
    rig.refused(422, "POST", &format!("{GROUP}/mutatingadmissionpolicies"), &none).await;
}

/// The example of upstream's page on these policies, in both of its forms. What the page has in the first one besides,
/// arguments, are an atomic list, and upstream's server refuses them there too.
#[tokio::test]
async fn a_sidecar_is_added_to_pods_that_have_none() {
    let applied = configuration(
        "Object{spec: Object.spec{initContainers: [Object.spec.initContainers{name: 'mesh-proxy', \
         image: 'mesh/proxy:v1.0.0', restartPolicy: 'Always'}]}}",
    );
    let patched = json_patch(
        "[JSONPatch{op: 'add', path: '/spec/initContainers/-', value: Object.spec.initContainers{\
         name: 'mesh-proxy', image: 'mesh/proxy:v1.0.0', args: ['proxy', 'sidecar'], restartPolicy: 'Always'}}, \
         JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('example.com/mesh'), value: 'yes'}]",
    );
    for mutation in [applied, patched] {
        let rig = rig().await;
        let rules = json!([{ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"] }]);
        let condition = r#"!object.spec.initContainers.exists(ic, ic.name == "mesh-proxy")"#;
        let spec = json!({
            "matchConstraints": { "resourceRules": rules },
            "matchConditions": [{ "name": "does-not-already-have-sidecar", "expression": condition }],
            "failurePolicy": "Fail", "reinvocationPolicy": "IfNeeded", "mutations": [mutation],
        });
        bind(&rig, "sidecar-policy.example.com", &spec, &json!({})).await;
        let mut own = pod("a");
        own["metadata"]["labels"] = json!({ "app": "a" });
        own["spec"]["initContainers"] = json!([{ "name": "first", "image": "x:1" }]);
        let made = rig.ok("POST", "/api/v1/namespaces/default/pods", &own).await;
        let containers = made["spec"]["initContainers"].as_array().unwrap();
        let mut names: Vec<&str> = containers.iter().filter_map(|it| it["name"].as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["first", "mesh-proxy"]);
        let sidecar = containers.iter().find(|it| it["name"] == "mesh-proxy").unwrap();
        assert_eq!(
            (&sidecar["restartPolicy"], &sidecar["image"]),
            (&json!("Always"), &json!("mesh/proxy:v1.0.0"))
        );
    }
}
