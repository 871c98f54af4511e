//! Objects about the server itself, and kinds that are stored without anything behind them.

use super::{Rig, rig, send};
use daemon::clock;
use serde_json::{Value, json};
use std::time::Duration;

const SERVICES: &str = "/apis/apiregistration.k8s.io/v1/apiservices";
const FLOW: &str = "/apis/flowcontrol.apiserver.k8s.io/v1";

async fn rows(rig: &Rig, uri: &str) -> Vec<Vec<Value>> {
    let accept = [("accept", "application/json;as=Table;v=v1;g=meta.k8s.io")];
    let table = send(&rig.admin, "GET", uri, &accept, "").await.json();
    let cells = |row: &Value| row["cells"].as_array().unwrap().clone();
    table["rows"].as_array().unwrap().iter().map(cells).collect()
}

/// Waits until the row of this name begins so; `None` for there being none.
async fn wait_for(rig: &Rig, uri: &str, name: &str, expect: Option<&[&str]>) {
    for _ in 0..500 {
        let found = rows(rig, uri).await.into_iter().find(|it| it[0] == name);
        match (&found, expect) {
            (None, None) => return,
            (Some(row), Some(expect)) if row[1..].iter().zip(expect).all(|(it, wanted)| it == wanted) => {
                return;
            }
            _ => clock::sleep(Duration::from_millis(10)).await,
        }
    }
    panic!("{name}: {:?} instead of {expect:?}", rows(rig, uri).await);
}

#[tokio::test]
async fn every_group_version_has_an_api_service() {
    let rig = rig().await;
    let groups = rig.ok("GET", "/apis", &Value::Null).await;
    let versions =
        groups["groups"].as_array().unwrap().iter().flat_map(|it| it["versions"].as_array().unwrap());
    for version in versions.filter(|it| it["groupVersion"] != "apiregistration.k8s.io/v1") {
        let (group, version) = version["groupVersion"].as_str().unwrap().split_once('/').unwrap();
        let service = rig.ok("GET", &format!("{SERVICES}/{version}.{group}"), &Value::Null).await;
        let available = &service["status"]["conditions"][0];
        assert_eq!(
            (&available["type"], &available["status"]),
            (&json!("Available"), &json!("True")),
            "{group}"
        );
    }
    wait_for(&rig, SERVICES, "v1.", Some(&["Local", "True"])).await;
    rig.ok("DELETE", &format!("{SERVICES}/v1.apps"), &Value::Null).await;
    wait_for(&rig, SERVICES, "v1.apps", Some(&["Local", "True"])).await;
}

#[tokio::test]
async fn services_of_others_are_told_that_nobody_asks_them() {
    let rig = rig().await;
    let metrics = json!({
        "metadata": { "name": "v1beta1.metrics.k8s.io" },
        "spec": {
            "group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
            "insecureSkipTLSVerify": true, "service": { "name": "metrics-server", "namespace": "kube-system" },
        },
        "status": { "conditions": [{ "type": "Available", "status": "True" }] },
    });
    let made = rig.ok("POST", SERVICES, &metrics).await;
    assert_eq!(made["spec"]["service"]["port"], 443);
    let expect = ["kube-system/metrics-server", "False (AggregationNotSupported)"];
    wait_for(&rig, SERVICES, "v1beta1.metrics.k8s.io", Some(&expect)).await;
    let mut wrong = metrics.clone();
    wrong["metadata"]["name"] = "x".into();
    wrong["spec"]["versionPriority"] = 1001.into();
    let message = rig.refused(422, "POST", SERVICES, &wrong).await;
    assert!(message.contains("metadata.name") && message.contains("spec.versionPriority"), "{message}");
}

#[tokio::test]
async fn custom_groups_come_and_go() {
    let rig = rig().await;
    let schema = json!({ "openAPIV3Schema": { "type": "object" } });
    let definition = json!({
        "metadata": { "name": "bears.zoo.example.com" },
        "spec": {
            "group": "zoo.example.com", "scope": "Namespaced", "names": { "plural": "bears", "kind": "Bear" },
            "versions": [{ "name": "v1", "served": true, "storage": true, "schema": schema }],
        },
    });
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    rig.ok("POST", definitions, &definition).await;
    wait_for(&rig, SERVICES, "v1.zoo.example.com", Some(&["Local", "True"])).await;
    rig.ok("DELETE", &format!("{definitions}/bears.zoo.example.com"), &Value::Null).await;
    wait_for(&rig, SERVICES, "v1.zoo.example.com", None).await;
}

#[tokio::test]
async fn flow_schemas_say_whether_their_level_exists() {
    let rig = rig().await;
    let schemas = format!("{FLOW}/flowschemas");
    wait_for(&rig, &schemas, "exempt", Some(&["exempt"])).await;
    let found = rows(&rig, &schemas).await;
    let last = |name: &str| found.iter().find(|it| it[0] == name).unwrap().last().unwrap().clone();
    assert_eq!((last("exempt"), last("catch-all")), (json!("False"), json!("False")));
    let rule = json!({
        "subjects": [{ "kind": "User", "user": { "name": "jane" } }],
        "nonResourceRules": [{ "verbs": ["*"], "nonResourceURLs": ["*"] }],
    });
    let schema = json!({
        "metadata": { "name": "a" },
        "spec": { "priorityLevelConfiguration": { "name": "slow" }, "rules": [rule] },
    });
    let made = rig.ok("POST", &schemas, &schema).await;
    assert_eq!(made["spec"]["matchingPrecedence"], 1000);
    let missing = async |expect: &str| {
        for _ in 0..500 {
            let found = rows(&rig, &schemas).await;
            if found.iter().any(|it| it[0] == "a" && it[5] == expect) {
                return;
            }
            clock::sleep(Duration::from_millis(10)).await;
        }
        panic!("it is not {expect}");
    };
    missing("True").await;
    let limited = json!({ "limitResponse": { "type": "Queue", "queuing": {} } });
    let level = json!({ "metadata": { "name": "slow" }, "spec": { "type": "Limited", "limited": limited } });
    let made = rig.ok("POST", &format!("{FLOW}/prioritylevelconfigurations"), &level).await;
    assert_eq!(made["spec"]["limited"]["limitResponse"]["queuing"]["queues"], 64);
    missing("False").await;
    let level = json!({ "metadata": { "name": "free" }, "spec": { "type": "Exempt" } });
    rig.refused(422, "POST", &format!("{FLOW}/prioritylevelconfigurations"), &level).await;
}

#[tokio::test]
async fn claims_and_slices_are_stored() {
    let rig = rig().await;
    let group = "/apis/resource.k8s.io/v1";
    let claims = format!("{group}/namespaces/default/resourceclaims");
    let request = json!({ "name": "gpu", "exactly": { "deviceClassName": "gpu.example.com" } });
    let spec = json!({ "devices": { "requests": [request] } });
    let made = rig.ok("POST", &claims, &json!({ "metadata": { "name": "a" }, "spec": spec })).await;
    let exactly = &made["spec"]["devices"]["requests"][0]["exactly"];
    assert_eq!((&exactly["allocationMode"], &exactly["count"]), (&json!("ExactCount"), &json!(1)));
    assert_eq!(rows(&rig, &claims).await[0][1], "pending");
    let wrong =
        json!({ "metadata": { "name": "b" }, "spec": { "devices": { "requests": [{ "name": "gpu" }] } } });
    rig.refused(422, "POST", &claims, &wrong).await;
    let changed =
        rig.merge(&format!("{claims}/a"), &json!({ "spec": { "devices": { "requests": [] } } })).await;
    assert_eq!(changed.status, 422, "{}", changed.text);
    let slice = json!({
        "metadata": { "name": "a" },
        "spec": {
            "driver": "gpu.example.com", "nodeName": "one",
            "pool": { "name": "one", "generation": 1, "resourceSliceCount": 1 },
            "devices": [{ "name": "gpu-0", "capacity": { "memory": { "value": "8192Mi" } } }],
        },
    });
    let made = rig.ok("POST", &format!("{group}/resourceslices"), &slice).await;
    assert_eq!(made["spec"]["devices"][0]["capacity"]["memory"]["value"], "8Gi");
    let listed = rows(&rig, &format!("{group}/resourceslices?fieldSelector=spec.nodeName%3Done")).await;
    assert_eq!(listed[0][..4], [json!("a"), json!("one"), json!("gpu.example.com"), json!("one")]);
}

#[tokio::test]
async fn every_cluster_knows_its_server_its_range_and_whom_it_trusts() {
    let rig = super::rig_with(|it| it.advertise = Some("10.0.0.1:6443".parse().unwrap())).await;
    let map = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication";
    let map = rig.ok("GET", map, &Value::Null).await;
    assert_eq!(map["data"], json!({ "client-ca-file": rig.ca_pem }));
    let slice = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes";
    let slice = rig.ok("GET", slice, &Value::Null).await;
    assert_eq!(slice["endpoints"], json!([{ "addresses": ["10.0.0.1"], "conditions": { "ready": true } }]));
    assert_eq!(slice["ports"], json!([{ "name": "https", "port": 6443, "protocol": "TCP" }]));
    assert_eq!(slice["metadata"]["labels"], json!({ "kubernetes.io/service-name": "kubernetes" }));
    let ranges = "/apis/networking.k8s.io/v1/servicecidrs";
    wait_for(&rig, ranges, "kubernetes", Some(&["10.96.0.0/16"])).await;
    for _ in 0..500 {
        let range = rig.ok("GET", &format!("{ranges}/kubernetes"), &Value::Null).await;
        if range["status"]["conditions"][0]["status"] == "True" {
            return;
        }
        clock::sleep(Duration::from_millis(10)).await;
    }
    panic!("the range is never ready");
}

#[tokio::test]
async fn kinds_that_end_say_so_on_every_request() {
    let rig = rig().await;
    let endpoints = "/api/v1/namespaces/default/endpoints";
    let ends = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice";
    let components = "/api/v1/componentstatuses";
    for (uri, expect) in [(endpoints, ends), (components, "v1 ComponentStatus is deprecated in v1.19+")] {
        let answer = rig.send("GET", uri, &Value::Null).await;
        assert_eq!(answer.headers["warning"], format!("299 - \"{expect}\""), "{uri}");
    }
    rig.refused(405, "POST", components, &json!({ "metadata": { "name": "a" } })).await;
    rig.refused(405, "GET", &format!("{components}?watch=1"), &Value::Null).await;
}
