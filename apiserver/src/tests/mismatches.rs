//! Requests whose body names another object than their URL, or asks nothing.

use super::{Rig, pod, rig};
use serde_json::{Value, json};

const PODS: &str = "/api/v1/namespaces/default/pods";

fn named(name: &str, rest: Value) -> Value {
    let mut object = rest;
    object["metadata"]["name"] = name.into();
    object
}

#[tokio::test]
async fn what_is_sent_must_be_about_what_the_url_names() {
    let rig = rig().await;
    rig.ok("POST", PODS, &pod("a")).await;
    deployment(&rig).await;
    let accounts = "/api/v1/namespaces/default/serviceaccounts/default/token";
    let reviews = "/apis/authentication.k8s.io/v1/tokenreviews";
    let rules = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
    let scale = "/apis/apps/v1/namespaces/default/deployments/web/scale";
    let bind = format!("{PODS}/a/binding");
    let evict = format!("{PODS}/a/eviction");
    let target = json!({ "target": { "kind": "Pod", "name": "n" } });
    let rows: Vec<(u16, &str, &str, Value, &str)> = vec![
        (400, "POST", &evict, named("b", json!({})), "name in URL does not match name in Eviction object"),
        (400, "POST", &evict, json!({}), "name in URL does not match name in Eviction object"),
        (
            500,
            "POST",
            &bind,
            named("a", target),
            r#"target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>""#,
        ),
        (
            400,
            "PUT",
            scale,
            named("other", json!({ "spec": { "replicas": 3 } })),
            "the name of the object (other) does not match the name on the URL (web)",
        ),
        (
            422,
            "POST",
            accounts,
            named("other", json!({})),
            r#"TokenRequest.authentication.k8s.io "default" is invalid: metadata.name: Invalid value: "other": must match the service account name if specified"#,
        ),
        (400, "POST", reviews, json!({ "spec": {} }), "token is required for TokenReview in authentication"),
        (400, "POST", rules, json!({ "spec": {} }), "no namespace on request"),
    ];
    for (code, method, uri, body, why) in rows {
        assert_eq!(rig.refused(code, method, uri, &body).await, why, "{uri} {body}");
    }
    rig.ok("GET", &format!("{PODS}/a"), &Value::Null).await;
    rig.ok("POST", &evict, &named("a", json!({}))).await;
}

async fn deployment(rig: &Rig) {
    let labels = json!({ "app": "web" });
    let spec = pod("x")["spec"].clone();
    let template = json!({ "metadata": { "labels": labels }, "spec": spec });
    let body = json!({ "spec": { "selector": { "matchLabels": labels }, "template": template } });
    rig.ok("POST", "/apis/apps/v1/namespaces/default/deployments", &named("web", body)).await;
}
