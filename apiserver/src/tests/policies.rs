//! Quotas, limit ranges and Pod Security, as their namespaces' users meet them.

use super::{MAPS, Rig, map, pod, rig};
use serde_json::{Value, json};

const PODS: &str = "/api/v1/namespaces/default/pods";
const QUOTAS: &str = "/api/v1/namespaces/default/resourcequotas";
const DEFAULT: &str = "/api/v1/namespaces/default";

/// Makes a quota and does what its controller does next.
async fn quota(rig: &Rig, hard: Value) {
    let quota = json!({ "metadata": { "name": "q" }, "spec": { "hard": hard } });
    rig.ok("POST", QUOTAS, &quota).await;
    let status = rig.merge(&format!("{QUOTAS}/q/status"), &json!({ "status": { "hard": hard } })).await;
    assert!(status.status.is_success(), "{}", status.text);
}

async fn used(rig: &Rig) -> Value {
    rig.ok("GET", &format!("{QUOTAS}/q"), &Value::Null).await["status"]["used"].clone()
}

#[tokio::test]
async fn a_quota_is_spent_and_nothing_fits_beyond_it() {
    let rig = rig().await;
    rig.ok("POST", MAPS, &map("early")).await;
    quota(&rig, json!({ "configmaps": "2" })).await;
    assert_eq!(used(&rig).await, json!({ "configmaps": "1" }));
    let created = rig.ok("POST", MAPS, &map("a")).await;
    let read = rig.ok("GET", &format!("{MAPS}/a"), &Value::Null).await;
    assert_eq!(created["metadata"]["resourceVersion"], read["metadata"]["resourceVersion"]);
    let message = rig.refused(403, "POST", MAPS, &map("b")).await;
    assert_eq!(
        message,
        "configmaps \"b\" is forbidden: exceeded quota: q, requested: configmaps=1, used: configmaps=2, limited: \
         configmaps=2"
    );
    rig.refused(403, "POST", &format!("{MAPS}?dryRun=All"), &map("b")).await;
    assert_eq!(used(&rig).await, json!({ "configmaps": "2" }));
}

#[tokio::test]
async fn a_dry_run_and_a_taken_name_cost_nothing() {
    let rig = rig().await;
    rig.ok("POST", MAPS, &map("a")).await;
    quota(&rig, json!({ "configmaps": "2" })).await;
    rig.ok("POST", &format!("{MAPS}?dryRun=All"), &map("b")).await;
    rig.refused(409, "POST", MAPS, &map("a")).await;
    assert_eq!(used(&rig).await, json!({ "configmaps": "1" }));
}

#[tokio::test]
async fn many_at_once_take_no_place_twice() {
    let rig = rig().await;
    quota(&rig, json!({ "configmaps": "10", "count/configmaps": "15" })).await;
    let names: Vec<String> = (0..40).map(|it| format!("m{it}")).collect();
    let bodies: Vec<Value> = names.iter().map(|it| map(it)).collect();
    let answers = futures::future::join_all(bodies.iter().map(|it| rig.send("POST", MAPS, it))).await;
    let made = answers.iter().filter(|it| it.status == 201).count();
    let refused = answers.iter().filter(|it| it.status == 403).count();
    assert_eq!((made, refused), (10, 30));
    assert_eq!(used(&rig).await, json!({ "configmaps": "10", "count/configmaps": "10" }));
}

#[tokio::test]
async fn what_a_status_says_to_be_used_is_counted() {
    let rig = rig().await;
    quota(&rig, json!({ "configmaps": "10" })).await;
    rig.ok("POST", MAPS, &map("a")).await;
    let lie = json!({ "status": { "used": { "configmaps": "0" } } });
    rig.merge(&format!("{QUOTAS}/q/status"), &lie).await;
    assert_eq!(used(&rig).await, json!({ "configmaps": "1" }));
}

#[tokio::test]
async fn custom_kinds_are_counted() {
    let rig = rig().await;
    let schema = json!({ "openAPIV3Schema": { "type": "object" } });
    let definition = json!({ "metadata": { "name": "widgets.example.com" }, "spec": {
        "group": "example.com", "scope": "Namespaced",
        "names": { "plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList" },
        "versions": [{ "name": "v1", "served": true, "storage": true, "schema": schema }] } });
    rig.ok("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition).await;
    let widgets = "/apis/example.com/v1/namespaces/default/widgets";
    while rig.send("GET", widgets, &Value::Null).await.status != 200 {
        tokio::task::yield_now().await;
    }
    let widget = |name: &str| json!({ "apiVersion": "example.com/v1", "kind": "Widget", "metadata": { "name": name } });
    rig.ok("POST", widgets, &widget("a")).await;
    quota(&rig, json!({ "count/widgets.example.com": "2" })).await;
    rig.ok("POST", widgets, &widget("b")).await;
    rig.refused(403, "POST", widgets, &widget("c")).await;
    assert_eq!(used(&rig).await, json!({ "count/widgets.example.com": "2" }));
    rig.ok("DELETE", &format!("{widgets}/a"), &Value::Null).await;
    rig.ok("POST", widgets, &widget("c")).await;
}

#[tokio::test]
async fn an_update_is_charged_for_what_it_adds() {
    let rig = rig().await;
    let services = "/api/v1/namespaces/default/services";
    quota(&rig, json!({ "services.nodeports": "1" })).await;
    let service = |name: &str| json!({ "metadata": { "name": name }, "spec": { "ports": [{ "port": 80 }], "selector": { "a": "b" } } });
    rig.ok("POST", services, &service("a")).await;
    rig.ok("POST", services, &service("b")).await;
    let wider = json!({ "spec": { "type": "NodePort" } });
    assert!(rig.merge(&format!("{services}/a"), &wider).await.status.is_success());
    assert_eq!(used(&rig).await, json!({ "services.nodeports": "1" }));
    let answer = rig.merge(&format!("{services}/b"), &wider).await;
    assert_eq!(answer.status, 403, "{}", answer.text);
    assert!(answer.text.contains("exceeded quota: q, requested: services.nodeports=1"), "{}", answer.text);
}

#[tokio::test]
async fn containers_must_name_what_a_quota_limits() {
    let rig = rig().await;
    quota(&rig, json!({ "requests.cpu": "1" })).await;
    let message = rig.refused(403, "POST", PODS, &pod("a")).await;
    assert!(message.ends_with("failed quota: q: must specify requests.cpu for: main"), "{message}");
    let range = json!({ "metadata": { "name": "l" },
        "spec": { "limits": [{ "type": "Container", "defaultRequest": { "cpu": "600m" } }] } });
    rig.ok("POST", "/api/v1/namespaces/default/limitranges", &range).await;
    let made = rig.ok("POST", PODS, &pod("a")).await;
    assert_eq!(made["spec"]["containers"][0]["resources"]["requests"], json!({ "cpu": "600m" }));
    assert_eq!(
        made["metadata"]["annotations"]["kubernetes.io/limit-ranger"],
        "LimitRanger plugin set: cpu request for container main"
    );
    let message = rig.refused(403, "POST", PODS, &pod("b")).await;
    let part = "requested: requests.cpu=600m, used: requests.cpu=600m, limited: requests.cpu=1";
    assert!(message.ends_with(part), "{message}");
}

#[tokio::test]
async fn limit_ranges_refuse() {
    let rig = rig().await;
    let range = json!({ "metadata": { "name": "l" },
        "spec": { "limits": [{ "type": "Container", "max": { "cpu": "2" }, "min": { "cpu": "200m" } }] } });
    rig.ok("POST", "/api/v1/namespaces/default/limitranges", &range).await;
    let mut greedy = pod("a");
    greedy["spec"]["containers"][0]["resources"] = json!({ "limits": { "cpu": "3" } });
    let message = rig.refused(403, "POST", PODS, &greedy).await;
    let part = "pods \"a\" is forbidden: maximum cpu usage per Container is 2, but limit is 3";
    assert!(message.starts_with(part), "{message}");
    rig.ok("POST", PODS, &pod("b")).await;
}

async fn label(rig: &Rig, labels: Value) -> super::Answer {
    rig.merge(DEFAULT, &json!({ "metadata": { "labels": labels } })).await
}

#[tokio::test]
async fn pod_security_refuses_and_warns() {
    let rig = rig().await;
    let mut bad = pod("bad");
    bad["spec"]["hostNetwork"] = json!(true);
    rig.ok("POST", PODS, &bad).await;
    let answer = label(&rig, json!({ "pod-security.kubernetes.io/enforce": "baseline" })).await;
    let warnings: Vec<&str> =
        answer.headers.get_all("warning").iter().map(|it| it.to_str().unwrap()).collect();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("violate the new PodSecurity enforce level"), "{warnings:?}");
    assert!(warnings[1].contains("bad: host namespaces"), "{warnings:?}");

    bad["metadata"]["name"] = json!("worse");
    let message = rig.refused(403, "POST", PODS, &bad).await;
    assert_eq!(
        message,
        "pods \"worse\" is forbidden: violates PodSecurity \"baseline:latest\": host namespaces (hostNetwork=true)"
    );
    // What changes nothing that the level is about may go on.
    let relabelled = json!({ "metadata": { "labels": { "a": "b" } } });
    assert!(rig.merge(&format!("{PODS}/bad"), &relabelled).await.status.is_success());

    label(&rig, json!({ "pod-security.kubernetes.io/warn": "restricted" })).await;
    let answer = rig.send("POST", PODS, &pod("plain")).await;
    assert_eq!(answer.status, 201);
    let warning = answer.headers.get("warning").unwrap().to_str().unwrap();
    assert!(warning.contains("would violate PodSecurity \\\"restricted:latest\\\""), "{warning}");
    let deployment = json!({ "metadata": { "name": "d" }, "spec": {
        "selector": { "matchLabels": { "a": "b" } },
        "template": { "metadata": { "labels": { "a": "b" } }, "spec": bad["spec"] } } });
    let answer = rig.send("POST", "/apis/apps/v1/namespaces/default/deployments", &deployment).await;
    assert_eq!(answer.status, 201);
    assert!(answer.headers.get("warning").unwrap().to_str().unwrap().contains("host namespaces"));
}

#[tokio::test]
async fn levels_that_do_not_exist_are_refused() {
    let rig = rig().await;
    let answer = label(&rig, json!({ "pod-security.kubernetes.io/enforce": "strict" })).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text.contains("must be one of privileged, baseline, restricted"), "{}", answer.text);
}
