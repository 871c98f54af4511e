//! What admission adds to objects, and what it refuses, besides the plugins that have tests of their own.

use super::{pod, rig};
use serde_json::{Value, json};

const PODS: &str = "/api/v1/namespaces/default/pods";

fn named(name: &str, rest: Value) -> Value {
    let mut object = rest;
    object["metadata"]["name"] = name.into();
    object
}

fn with(name: &str, spec: Value) -> Value {
    let mut pod = pod(name);
    for (key, value) in spec.as_object().unwrap() {
        pod["spec"][key] = value.clone();
    }
    pod
}

#[tokio::test]
async fn a_pod_takes_over_what_its_runtime_class_says() {
    let rig = rig().await;
    let classes = "/apis/node.k8s.io/v1/runtimeclasses";
    let tolerations = json!([{ "key": "vm", "operator": "Exists" }]);
    let vm = json!({
        "handler": "vm", "overhead": { "podFixed": { "memory": "64Mi" } },
        "scheduling": { "nodeSelector": { "vm": "yes" }, "tolerations": tolerations },
    });
    rig.ok("POST", classes, &named("vm", vm)).await;
    rig.ok("POST", classes, &named("plain", json!({ "handler": "runc" }))).await;
    let made = rig.ok("POST", PODS, &with("a", json!({ "runtimeClassName": "vm" }))).await;
    assert_eq!(made["spec"]["overhead"], json!({ "memory": "64Mi" }));
    assert_eq!(made["spec"]["nodeSelector"], json!({ "vm": "yes" }));
    assert!(made["spec"]["tolerations"].as_array().unwrap().contains(&tolerations[0]));
    rig.ok("POST", PODS, &with("b", json!({ "runtimeClassName": "plain" }))).await;
    let refused = [
        (json!({ "runtimeClassName": "nope" }), r#"pod rejected: RuntimeClass "nope" not found"#),
        (
            json!({ "runtimeClassName": "vm", "overhead": { "memory": "1Mi" } }),
            "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
        ),
        (
            json!({ "runtimeClassName": "plain", "overhead": { "memory": "1Mi" } }),
            "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead",
        ),
        (
            json!({ "runtimeClassName": "vm", "nodeSelector": { "vm": "no" } }),
            "conflict: runtimeClass.scheduling.nodeSelector[vm] = yes; pod.spec.nodeSelector[vm] = no",
        ),
    ];
    for (spec, why) in refused {
        let message = rig.refused(403, "POST", PODS, &with("c", spec)).await;
        assert_eq!(message, format!(r#"pods "c" is forbidden: {why}"#));
    }
}

#[tokio::test]
async fn an_ingress_gets_the_default_class() {
    let rig = rig().await;
    let (ingresses, classes) = (
        "/apis/networking.k8s.io/v1/namespaces/default/ingresses",
        "/apis/networking.k8s.io/v1/ingressclasses",
    );
    let backend = json!({ "service": { "name": "web", "port": { "number": 80 } } });
    let ingress = |name: &str| named(name, json!({ "spec": { "defaultBackend": backend } }));
    let made = rig.ok("POST", ingresses, &ingress("a")).await;
    assert_eq!(made["spec"]["ingressClassName"], Value::Null);
    let default = json!({ "ingressclass.kubernetes.io/is-default-class": "true" });
    let class = json!({ "metadata": { "annotations": default }, "spec": { "controller": "x.io/y" } });
    rig.ok("POST", classes, &named("nginx", class)).await;
    let made = rig.ok("POST", ingresses, &ingress("b")).await;
    assert_eq!(made["spec"]["ingressClassName"], "nginx");
    let mut old = ingress("c");
    old["metadata"]["annotations"] = json!({ "kubernetes.io/ingress.class": "traefik" });
    assert_eq!(rig.ok("POST", ingresses, &old).await["spec"]["ingressClassName"], Value::Null);
}

#[tokio::test]
async fn storage_is_kept_while_in_use_and_new_nodes_take_no_pods() {
    let rig = rig().await;
    let resources = json!({ "requests": { "storage": "1Gi" } });
    let claim = json!({ "spec": { "accessModes": ["ReadWriteOnce"], "resources": resources } });
    let uri = "/api/v1/namespaces/default/persistentvolumeclaims";
    let made = rig.ok("POST", uri, &named("data", claim)).await;
    assert_eq!(made["metadata"]["finalizers"], json!(["kubernetes.io/pvc-protection"]));
    let marked = rig.ok("DELETE", &format!("{uri}/data"), &Value::Null).await;
    assert!(marked["metadata"]["deletionTimestamp"].is_string());
    let none = rig.merge(&format!("{uri}/data"), &json!({ "metadata": { "finalizers": null } })).await;
    assert_eq!(none.status.as_u16(), 200);
    rig.refused(404, "GET", &format!("{uri}/data"), &Value::Null).await;
    let node = rig.ok("POST", "/api/v1/nodes", &named("n", json!({}))).await;
    let taint = json!({ "key": "node.kubernetes.io/not-ready", "effect": "NoSchedule" });
    assert_eq!(node["spec"]["taints"], json!([taint]));
}

#[tokio::test]
async fn a_pod_has_the_preemption_policy_of_its_class_and_one_class_is_the_default() {
    let rig = rig().await;
    let classes = "/apis/scheduling.k8s.io/v1/priorityclasses";
    let shy = json!({ "value": 5, "preemptionPolicy": "Never", "globalDefault": true });
    rig.ok("POST", classes, &named("shy", shy.clone())).await;
    let made = rig.ok("POST", PODS, &pod("a")).await;
    assert_eq!(made["spec"]["preemptionPolicy"], "Never");
    rig.ok("POST", PODS, &with("b", json!({ "preemptionPolicy": "Never" }))).await;
    let bold = with("c", json!({ "preemptionPolicy": "PreemptLowerPriority" }));
    let why = rig.refused(403, "POST", PODS, &bold).await;
    assert!(why.contains("PreemptionPolicy (PreemptLowerPriority) must not be provided"), "{why}");
    let why = rig.refused(403, "POST", classes, &named("other", shy.clone())).await;
    assert!(
        why.ends_with("PriorityClass shy is already marked as default. Only one default can exist"),
        "{why}"
    );
    rig.ok("PUT", &format!("{classes}/shy"), &named("shy", shy)).await;
}

#[tokio::test]
async fn a_claim_grows_when_its_class_allows_it() {
    let rig = rig().await;
    let classes = "/apis/storage.k8s.io/v1/storageclasses";
    for (name, grows) in [("fixed", false), ("grows", true)] {
        let class = json!({ "provisioner": "x.io/y", "allowVolumeExpansion": grows });
        rig.ok("POST", classes, &named(name, class)).await;
    }
    let uri = "/api/v1/namespaces/default/persistentvolumeclaims";
    let size = |size: &str| json!({ "resources": { "requests": { "storage": size } } });
    let check = async |class: &str, phase: &str, expect: Option<&str>| {
        let mut spec = size("1Gi");
        spec["accessModes"] = json!(["ReadWriteOnce"]);
        spec["storageClassName"] = class.into();
        let name = format!("{class}-{}", phase.to_lowercase());
        rig.ok("POST", uri, &named(&name, json!({ "spec": spec }))).await;
        let status = json!({ "metadata": { "name": name }, "spec": spec, "status": { "phase": phase } });
        rig.ok("PUT", &format!("{uri}/{name}/status"), &status).await;
        let answer = rig.merge(&format!("{uri}/{name}"), &json!({ "spec": size("2Gi") })).await;
        match expect {
            None => assert_eq!(answer.status.as_u16(), 200, "{}", answer.text),
            Some(why) => assert!(answer.status == 403 && answer.text.contains(why), "{}", answer.text),
        }
    };
    check("grows", "Bound", None).await;
    check("fixed", "Bound", Some("the storageclass that provisions the pvc must support resize")).await;
}
