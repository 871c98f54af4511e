//! Create, read, change, delete.

use super::{MAPS, map, pod, rig, send};
use serde_json::{Value, json};

const PODS: &str = "/api/v1/namespaces/default/pods";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";

fn deployment(name: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": name },
        "spec": {
            "selector": { "matchLabels": { "app": name } },
            "template": {
                "metadata": { "labels": { "app": name } },
                "spec": { "containers": [{ "name": "main", "image": "x:1" }] },
            },
        },
    })
}

#[tokio::test]
async fn refusals_have_their_code_and_words() {
    let rig = rig().await;
    rig.ok("POST", MAPS, &map("a")).await;
    let other = |kind: &str| json!({ "apiVersion": "v1", "kind": kind, "metadata": { "name": "b" } });
    let elsewhere = json!({ "metadata": { "name": "b", "namespace": "x" } });
    let one = format!("{MAPS}/a");
    for (code, method, uri, body, part) in [
        (404, "GET", format!("{MAPS}/nope"), Value::Null, "configmaps \"nope\" not found"),
        (
            404,
            "GET",
            "/apis/apps/v1/namespaces/x/deployments/n".into(),
            Value::Null,
            "deployments.apps \"n\" not found",
        ),
        (404, "GET", "/api/v1/nonsense".into(), Value::Null, "could not find the requested resource"),
        (404, "GET", "/apis/apps/v0/deployments".into(), Value::Null, "could not find"),
        (404, "GET", "/nosuch".into(), Value::Null, "could not find"),
        (404, "GET", format!("{one}/nosuch"), Value::Null, "could not find"),
        (404, "POST", "/api/v1/namespaces/gone/configmaps".into(), map("a"), "namespaces \"gone\" not found"),
        (405, "POST", one.clone(), map("a"), "does not allow this method"),
        (405, "PUT", MAPS.into(), map("a"), "does not allow this method"),
        (405, "DELETE", "/api/v1/namespaces".into(), Value::Null, "does not allow this method"),
        (405, "POST", "/api/v1/configmaps".into(), map("z"), "does not allow this method"),
        (409, "POST", MAPS.into(), map("a"), "configmaps \"a\" already exists"),
        (400, "POST", MAPS.into(), other("Secret"), "does not match the expected kind"),
        (400, "POST", MAPS.into(), elsewhere, "does not match the namespace sent on the request"),
        (400, "PUT", one.clone(), map("b"), "does not match the name on the URL"),
        (422, "POST", MAPS.into(), json!({ "metadata": {} }), "name or generateName is required"),
        (422, "DELETE", format!("{one}?propagationPolicy=Sideways"), Value::Null, "propagationPolicy"),
        (409, "DELETE", one.clone(), json!({ "preconditions": { "uid": "x" } }), "Precondition failed"),
        (403, "DELETE", "/api/v1/namespaces/default".into(), Value::Null, "may not be deleted"),
        (415, "PATCH", one, json!({}), "unknown format"),
    ] {
        let message = rig.refused(code, method, &uri, &body).await;
        assert!(message.contains(part), "{method} {uri}: {message}");
    }
}

#[tokio::test]
async fn an_object_lives() {
    let rig = rig().await;
    let one = format!("{MAPS}/a");
    let made = rig.ok("POST", MAPS, &map("a")).await;
    let read = rig.ok("GET", &one, &Value::Null).await;
    assert_eq!(made, read);
    assert!(made["metadata"]["generation"].is_null() && made["metadata"]["uid"].is_string());
    // Writing what was read changes nothing; writing over what was read before a change is a conflict.
    assert_eq!(rig.ok("PUT", &one, &read).await, read);
    let patched = rig.merge(&one, &json!({ "data": { "x": "1" } })).await.json();
    assert_ne!(patched["metadata"]["resourceVersion"], read["metadata"]["resourceVersion"]);
    rig.refused(409, "PUT", &one, &read).await;
    let free = rig.ok("PUT", &one, &map("a")).await;
    assert!(free["data"].is_null());
    let gone = rig.ok("DELETE", &one, &Value::Null).await;
    assert_eq!((&gone["status"], &gone["details"]["uid"]), (&json!("Success"), &made["metadata"]["uid"]));
    rig.refused(404, "GET", &one, &Value::Null).await;
}

#[tokio::test]
async fn names_are_made() {
    let rig = rig().await;
    let made = rig.ok("POST", MAPS, &json!({ "metadata": { "generateName": "made-" } })).await;
    let name = made["metadata"]["name"].as_str().unwrap();
    assert!(name.starts_with("made-") && name.len() == 10, "{name}");
}

#[tokio::test]
async fn a_dry_run_writes_nothing() {
    let rig = rig().await;
    rig.ok("POST", &format!("{MAPS}?dryRun=All"), &map("a")).await;
    rig.refused(404, "GET", &format!("{MAPS}/a"), &Value::Null).await;
    rig.ok("POST", MAPS, &map("a")).await;
    rig.refused(409, "POST", &format!("{MAPS}?dryRun=All"), &map("a")).await;
    rig.ok("DELETE", &format!("{MAPS}/a?dryRun=All"), &Value::Null).await;
    rig.ok("GET", &format!("{MAPS}/a"), &Value::Null).await;
}

#[tokio::test]
async fn spec_and_status_are_apart() {
    let rig = rig().await;
    let made = rig.ok("POST", DEPLOYMENTS, &deployment("a")).await;
    assert_eq!(made["metadata"]["generation"], 1);
    let (one, status) = (format!("{DEPLOYMENTS}/a"), format!("{DEPLOYMENTS}/a/status"));
    let both = json!({ "status": { "replicas": 3 }, "spec": { "paused": true } });
    let changed = rig.merge(&status, &both).await.json();
    assert_eq!((&changed["status"]["replicas"], &changed["spec"]["paused"]), (&json!(3), &Value::Null));
    let both = json!({ "status": { "replicas": 9 }, "spec": { "paused": true } });
    let changed = rig.merge(&one, &both).await.json();
    assert_eq!((&changed["status"]["replicas"], &changed["spec"]["paused"]), (&json!(3), &json!(true)));
    assert_eq!(changed["metadata"]["generation"], 2);
}

#[tokio::test]
async fn a_workload_is_scaled() {
    let rig = rig().await;
    rig.ok("POST", DEPLOYMENTS, &deployment("a")).await;
    let uri = format!("{DEPLOYMENTS}/a/scale");
    let scale = rig.ok("GET", &uri, &Value::Null).await;
    assert_eq!((&scale["kind"], &scale["apiVersion"]), (&json!("Scale"), &json!("autoscaling/v1")));
    let accept = ("accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
    let table = send(&rig.admin, "GET", &uri, &[accept], "").await.json();
    let columns =
        table["columnDefinitions"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap());
    assert_eq!(columns.collect::<Vec<_>>(), ["Name", "Desired", "Available", "Age"]);
    assert_eq!(table["rows"][0]["cells"].as_array().unwrap()[..3], [json!("a"), json!(1), json!(0)]);
    let patched = rig.merge(&uri, &json!({ "spec": { "replicas": 4 } })).await.json();
    assert_eq!(patched["spec"]["replicas"], 4);
    assert_eq!(rig.ok("GET", &format!("{DEPLOYMENTS}/a"), &Value::Null).await["spec"]["replicas"], 4);
    rig.refused(409, "PUT", &uri, &scale).await;
    let negative = rig.merge(&uri, &json!({ "spec": { "replicas": -1 } })).await;
    let expect = "Scale.autoscaling \"a\" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0";
    assert_eq!((negative.status.as_u16(), negative.json()["message"].as_str()), (422, Some(expect)));
}

#[tokio::test]
async fn finalizers_hold_an_object() {
    let rig = rig().await;
    let one = format!("{MAPS}/a");
    rig.ok("POST", MAPS, &json!({ "metadata": { "name": "a", "finalizers": ["x.io/y"] } })).await;
    let marked = rig.ok("DELETE", &one, &Value::Null).await;
    assert!(marked["metadata"]["deletionTimestamp"].is_string());
    let more = rig.merge(&one, &json!({ "metadata": { "finalizers": ["x.io/y", "x.io/z"] } })).await;
    assert_eq!(more.status.as_u16(), 422, "{}", more.text);
    let kept = rig.merge(&one, &json!({ "metadata": { "deletionTimestamp": null } })).await.json();
    assert_eq!(kept["metadata"]["deletionTimestamp"], marked["metadata"]["deletionTimestamp"]);
    rig.merge(&one, &json!({ "metadata": { "finalizers": null } })).await;
    rig.refused(404, "GET", &one, &Value::Null).await;
}

#[tokio::test]
async fn a_namespace_ends_when_its_finalizers_do() {
    let rig = rig().await;
    rig.ok("POST", "/api/v1/namespaces", &json!({ "metadata": { "name": "n" } })).await;
    let ending = rig.ok("DELETE", "/api/v1/namespaces/n", &Value::Null).await;
    assert_eq!(ending["status"]["phase"], "Terminating");
    let message = rig.refused(403, "POST", "/api/v1/namespaces/n/configmaps", &map("a")).await;
    assert!(message.contains("because it is being terminated"), "{message}");
    let mut last = ending.clone();
    last["spec"] = json!({});
    rig.ok("PUT", "/api/v1/namespaces/n/finalize", &last).await;
    rig.refused(404, "GET", "/api/v1/namespaces/n", &Value::Null).await;
}

#[tokio::test]
async fn a_pod_gets_its_node_once() {
    let rig = rig().await;
    let made = rig.ok("POST", PODS, &pod("a")).await;
    assert_eq!(made["spec"]["serviceAccountName"], "default");
    assert_eq!(made["spec"]["tolerations"].as_array().map(Vec::len), Some(2));
    let binding = json!({ "metadata": { "name": "a" }, "target": { "kind": "Node", "name": "n" } });
    rig.ok("POST", &format!("{PODS}/a/binding"), &binding).await;
    let bound = rig.ok("GET", &format!("{PODS}/a"), &Value::Null).await;
    assert_eq!(bound["spec"]["nodeName"], "n");
    rig.refused(409, "POST", &format!("{PODS}/a/binding"), &binding).await;
    rig.ok("POST", PODS, &pod("b")).await;
    let binding = json!({ "metadata": { "name": "b" }, "target": { "kind": "Node", "name": "n" } });
    rig.ok("POST", "/api/v1/namespaces/default/bindings", &binding).await;
}

/// Upstream answers the object for the kinds whose registry has `ReturnDeletedObject`, and says so in OpenAPI.
#[tokio::test]
async fn who_deletes_reads_the_object_or_that_it_went_well() {
    let rig = rig().await;
    let core = rig.ok("GET", "/openapi/v3/api/v1", &Value::Null).await;
    let (settings, address) = (json!({}), json!({ "spec": { "ports": [{ "port": 80 }] } }));
    let class = json!({ "provisioner": "x.io/y" });
    for (root, plural, kind, fields, expect) in [
        ("/api/v1/namespaces/default", "pods", "Pod", pod("a"), "Pod"),
        (
            "/api/v1/namespaces/default",
            "serviceaccounts",
            "ServiceAccount",
            settings.clone(),
            "ServiceAccount",
        ),
        ("/api/v1/namespaces/default", "services", "Service", address, "Service"),
        ("/api/v1/namespaces/default", "configmaps", "ConfigMap", settings, "Status"),
        ("/apis/storage.k8s.io/v1", "storageclasses", "StorageClass", class, "StorageClass"),
    ] {
        let mut object = fields;
        object["metadata"] = json!({ "name": "a" });
        let made = rig.ok("POST", &format!("{root}/{plural}"), &object).await;
        let gone = rig.ok("DELETE", &format!("{root}/{plural}/a"), &Value::Null).await;
        assert_eq!(gone["kind"], expect, "{kind}: {gone}");
        let version =
            |it: &Value| it["metadata"]["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap();
        assert!(version(&gone) > version(&made), "{gone}");
        let path = format!("/api/v1/namespaces/{{namespace}}/{plural}/{{name}}");
        let Some(entry) = core["paths"].get(&path) else { continue };
        let answered = &entry["delete"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"];
        assert!(answered.as_str().unwrap().ends_with(&format!(".{expect}")), "{kind}: {answered}");
    }
}

#[tokio::test]
async fn a_gated_pod_waits_for_its_gates() {
    let rig = rig().await;
    let mut wanted = pod("a");
    wanted["spec"]["schedulingGates"] = json!([{ "name": "x.io/hold" }]);
    let made = rig.ok("POST", PODS, &wanted).await;
    let condition = &made["status"]["conditions"][0];
    assert_eq!((&condition["type"], &condition["status"]), (&json!("PodScheduled"), &json!("False")));
    assert_eq!(condition["reason"], "SchedulingGated");
    let (one, table) = (format!("{PODS}/a"), ("accept", "application/json;as=Table;v=v1;g=meta.k8s.io"));
    let shown = send(&rig.admin, "GET", &one, &[table], "").await.json();
    assert_eq!(shown["rows"][0]["cells"][2], "SchedulingGated");
    let binding = json!({ "metadata": { "name": "a" }, "target": { "kind": "Node", "name": "n" } });
    rig.refused(409, "POST", &format!("{one}/binding"), &binding).await;
    rig.merge(&one, &json!({ "spec": { "schedulingGates": null } })).await;
    rig.ok("POST", &format!("{one}/binding"), &binding).await;
    let bound = rig.ok("GET", &one, &Value::Null).await;
    assert_eq!(bound["status"]["conditions"].as_array().map(Vec::len), Some(1), "{bound}");
    assert_eq!(bound["status"]["conditions"][0]["status"], "True");
}

#[tokio::test]
async fn who_writes_the_status_of_a_pod_may_write_its_labels() {
    let rig = rig().await;
    rig.ok("POST", PODS, &pod("a")).await;
    let patch = json!({
        "metadata": { "labels": { "a": "b" }, "annotations": { "c": "d" },
            "ownerReferences": [{ "apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u" }] },
        "status": { "message": "x" },
    });
    let changed = rig.merge(&format!("{PODS}/a/status"), &patch).await.json();
    assert_eq!(changed["metadata"]["labels"], json!({ "a": "b" }));
    assert_eq!(changed["metadata"]["annotations"], json!({ "c": "d" }));
    assert_eq!(changed["metadata"]["ownerReferences"], Value::Null);
}

#[tokio::test]
async fn a_bound_pod_goes_gracefully() {
    let rig = rig().await;
    let mut wanted = pod("a");
    wanted["spec"]["nodeName"] = "n".into();
    rig.ok("POST", PODS, &wanted).await;
    let marked = rig.ok("DELETE", &format!("{PODS}/a?gracePeriodSeconds=7"), &Value::Null).await;
    assert_eq!(marked["metadata"]["deletionGracePeriodSeconds"], 7);
    rig.ok("DELETE", &format!("{PODS}/a?gracePeriodSeconds=0"), &Value::Null).await;
    rig.refused(404, "GET", &format!("{PODS}/a"), &Value::Null).await;
}

#[tokio::test]
async fn a_service_has_an_address_and_a_warning() {
    let rig = rig().await;
    let service = json!({ "metadata": { "name": "s" }, "spec": { "ports": [{ "port": 80 }], "selector": { "a": "b" } } });
    let answer = rig.send("POST", "/api/v1/namespaces/default/services", &service).await;
    assert_eq!(answer.json()["spec"]["clusterIP"], "10.96.1.0", "{}", answer.text);
    assert!(answer.headers["warning"].to_str().unwrap().starts_with("299 - \""), "{:?}", answer.headers);
}

#[tokio::test]
async fn events_are_one_object_in_two_groups() {
    let rig = rig().await;
    let event = json!({
        "metadata": { "name": "e" }, "involvedObject": { "name": "p", "namespace": "default" }, "reason": "R", "type": "Normal",
    });
    rig.ok("POST", "/api/v1/namespaces/default/events", &event).await;
    let uri = "/apis/events.k8s.io/v1/namespaces/default/events";
    let read = rig.ok("GET", &format!("{uri}/e"), &Value::Null).await;
    assert_eq!((&read["regarding"]["name"], &read["apiVersion"]), (&json!("p"), &json!("events.k8s.io/v1")));
    assert_eq!(rig.ok("GET", uri, &Value::Null).await["items"][0]["reason"], "R");
    rig.ok("DELETE", &format!("{uri}/e"), &Value::Null).await;
    rig.refused(404, "GET", "/api/v1/namespaces/default/events/e", &Value::Null).await;
}

#[tokio::test]
async fn empty_lists_and_maps_are_as_good_as_none() {
    let rig = rig().await;
    let made = rig.ok("POST", DEPLOYMENTS, &deployment("a")).await;
    let one = format!("{DEPLOYMENTS}/a");
    let spec = json!({ "nodeSelector": {}, "tolerations": [] });
    let merge = json!({ "metadata": { "labels": {} }, "spec": { "template": { "spec": spec } } });
    let add = json!([{ "op": "add", "path": "/spec/template/spec/nodeSelector", "value": {} }]);
    let mut applied = merge.clone();
    (applied["apiVersion"], applied["kind"]) = ("apps/v1".into(), "Deployment".into());
    for (media, patch) in [
        ("application/merge-patch+json", &merge),
        ("application/strategic-merge-patch+json", &merge),
        ("application/json-patch+json", &add),
        ("application/apply-patch+yaml", &applied),
    ] {
        let uri = format!("{one}?fieldManager=m&fieldValidation=Ignore");
        let answer = send(&rig.admin, "PATCH", &uri, &[("content-type", media)], &patch.to_string()).await;
        assert!(answer.status.is_success(), "{media} {}", answer.text);
        let changed = answer.json();
        assert_eq!(
            (&changed["spec"], &changed["metadata"]["generation"]),
            (&made["spec"], &json!(1)),
            "{media}"
        );
    }
    let mut whole = rig.ok("GET", &one, &Value::Null).await;
    let uri = format!("{one}?fieldManager=m");
    let again = [("content-type", "application/apply-patch+yaml")];
    let again = send(&rig.admin, "PATCH", &uri, &again, &applied.to_string()).await.json();
    assert_eq!(
        again["metadata"]["resourceVersion"], whole["metadata"]["resourceVersion"],
        "nothing to write"
    );
    whole["spec"]["template"]["spec"]["nodeSelector"] = json!({});
    whole["spec"]["template"]["spec"]["volumes"] = json!([{ "name": "v", "emptyDir": {} }]);
    let changed = rig.ok("PUT", &one, &whole).await;
    let pod = &changed["spec"]["template"]["spec"];
    assert_eq!((pod.get("nodeSelector"), &pod["volumes"][0]["emptyDir"]), (None, &json!({})));
    let role = json!({ "metadata": { "name": "r" }, "rules": [] });
    rig.ok("POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles", &role).await;
    let map = rig.ok("POST", MAPS, &json!({ "metadata": { "name": "m" }, "data": {} })).await;
    assert!(map.get("data").is_none(), "{map}");
}

#[tokio::test]
async fn a_status_brings_the_metadata_that_its_kind_lets_it_bring() {
    let rig = rig().await;
    let sent = json!({ "metadata": { "labels": { "x": "y" }, "annotations": { "a": "b" } } });
    rig.ok("POST", "/api/v1/nodes", &json!({ "metadata": { "name": "n" } })).await;
    rig.ok("POST", DEPLOYMENTS, &deployment("a")).await;
    for (uri, labels) in [("/api/v1/nodes/n".to_owned(), "y"), (format!("{DEPLOYMENTS}/a"), "")] {
        let changed = rig.merge(&format!("{uri}/status"), &sent).await.json();
        let text = |field: &str, key: &str| changed["metadata"][field][key].as_str().unwrap_or_default();
        assert_eq!((text("labels", "x"), text("annotations", "a")), (labels, "b"), "{uri}");
    }
    let wrong = json!({ "status": { "replicas": 1, "readyReplicas": 2 } });
    let answer = rig.merge(&format!("{DEPLOYMENTS}/a/status"), &wrong).await;
    assert_eq!(answer.status.as_u16(), 422, "{}", answer.text);
    assert!(answer.text.contains("cannot be greater than status.replicas"), "{}", answer.text);
}

#[tokio::test]
async fn what_etcd_would_not_take_is_refused_in_its_words() {
    let rig = rig().await;
    let webhook = |size: usize| {
        let client = json!({ "url": format!("https://x/{}", "y".repeat(size)) });
        let hook = json!({
            "name": "a.b.c", "clientConfig": client, "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "rules": [{ "operations": ["CREATE"], "apiGroups": ["none"], "apiVersions": ["v1"], "resources": ["x"] }],
        });
        json!({ "metadata": { "generateName": "w-" }, "webhooks": [hook] })
    };
    let uri = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
    rig.ok("POST", uri, &webhook(1_500_000)).await;
    let message = rig.refused(500, "POST", uri, &webhook(1_600_000)).await;
    assert_eq!(message, "etcdserver: request is too large");
}

#[tokio::test]
async fn some_kinds_come_into_being_by_being_replaced() {
    let rig = rig().await;
    let uri = "/apis/coordination.k8s.io/v1/namespaces/default/leases/a";
    let lease = json!({ "metadata": { "name": "a" }, "spec": { "holderIdentity": "me" } });
    assert_eq!(rig.send("PUT", uri, &lease).await.status.as_u16(), 201);
    assert_eq!(rig.send("PUT", uri, &lease).await.status.as_u16(), 200);
    rig.refused(404, "PUT", &format!("{MAPS}/a"), &map("a")).await;
    let mut of_before = lease.clone();
    of_before["metadata"] = json!({ "name": "b", "resourceVersion": "5" });
    rig.refused(404, "PUT", &uri.replace("/a", "/b"), &of_before).await;
}

#[tokio::test]
async fn options_are_checked_and_named() {
    let rig = rig().await;
    let told = rig.refused(422, "POST", &format!("{MAPS}?fieldValidation=Foo"), &map("a")).await;
    assert_eq!(
        told,
        r#"CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "Foo": supported values: "", "Ignore", "Strict", "Warn""#
    );
    rig.ok("POST", MAPS, &map("a")).await;
    rig.refused(400, "DELETE", &format!("{MAPS}/a"), &json!({ "apiVersion": "v1", "kind": "ConfigMap" }))
        .await;
    rig.refused(400, "GET", &format!("{MAPS}?timeoutSeconds=x"), &Value::Null).await;
    let mut unversioned = map("a");
    unversioned["metadata"]["resourceVersion"] = "0".into();
    rig.ok("PUT", &format!("{MAPS}/a"), &unversioned).await;
}
