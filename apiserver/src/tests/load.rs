//! Too many requests, requests that take too long, and paths that try to be cleverer than the server.

use super::{MAPS, map, rig, rig_with, send};
use crate::UserInfo;
use daemon::clock;
use futures::future::join_all;
use serde_json::{Value, json};
use std::time::Duration;

/// Waits a few seconds for a revision that does not come.
const SLOW: &str = "/api/v1/namespaces/default/configmaps?resourceVersion=999999";

#[tokio::test]
async fn one_user_cannot_take_every_seat() {
    let rig = rig_with(|config| config.max_requests_in_flight = 2).await;
    for user in ["jane", "joe"] {
        let binding = json!({
            "metadata": { "name": user },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view" },
            "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user }],
        });
        rig.ok("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding).await;
    }
    // A read is as fresh as the last write, and so are rights then.
    rig.ok("GET", MAPS, &Value::Null).await;
    let jane = rig.acting(UserInfo::authenticated("jane", []));
    let flood = join_all((0..4).map(|_| send(&jane, "GET", SLOW, &[], "")));
    let other = async {
        let joe = rig.acting(UserInfo::authenticated("joe", []));
        send(&joe, "GET", MAPS, &[], "").await
    };
    // One sits, two wait, and the fourth is sent away; the other user is served at once.
    let (flood, other) = tokio::join!(flood, other);
    let codes: Vec<u16> = flood.iter().map(|it| it.status.as_u16()).collect();
    assert_eq!((codes, other.status.as_u16()), (vec![504, 504, 504, 429], 200));
    let refused = &flood[3];
    assert_eq!(refused.headers["retry-after"], "1");
    assert_eq!(refused.json()["reason"], "TooManyRequests");
    let health = send(&jane, "GET", "/readyz", &[], "").await;
    assert_eq!(health.text, "ok");
}

#[tokio::test]
async fn a_request_takes_no_longer_than_it_may() {
    let rig = rig().await;
    let message = rig.refused(504, "GET", &format!("{SLOW}&timeout=50ms"), &Value::Null).await;
    assert_eq!(message, "Timeout: request did not complete within the allotted timeout");
    let message = rig.refused(400, "GET", &format!("{MAPS}?timeout=soon"), &Value::Null).await;
    assert!(message.contains("invalid timeout specified in the request URL"), "{message}");
    rig.ok("GET", &format!("{MAPS}?timeout=1m30s"), &Value::Null).await;
}

#[tokio::test]
async fn what_cannot_be_read_again_is_not_stored() {
    let rig = rig().await;
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let schema = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    let version =
        json!({ "name": "v1", "served": true, "storage": true, "schema": { "openAPIV3Schema": schema } });
    let definition = json!({
        "metadata": { "name": "frees.x.io" },
        "spec": {
            "group": "x.io", "scope": "Namespaced", "versions": [version],
            "names": { "plural": "frees", "kind": "Free" },
        },
    });
    rig.ok("POST", definitions, &definition).await;
    let frees = "/apis/x.io/v1/namespaces/default/frees";
    while rig.send("GET", frees, &Value::Null).await.status != 200 {
        clock::sleep(Duration::from_millis(10)).await;
    }
    let free = |name: &str, depth: usize| {
        let spec = format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
        let spec: Value = serde_json::from_str(&spec).unwrap();
        json!({ "apiVersion": "x.io/v1", "kind": "Free", "metadata": { "name": name }, "spec": spec })
    };
    for depth in [100, 110, 122] {
        let message = rig.refused(400, "POST", frees, &free("deep", depth)).await;
        assert!(message.contains("can be stored") || message.contains("recursion limit"), "{message}");
    }
    rig.ok("POST", frees, &free("a", 80)).await;
    let patched = rig.merge(&format!("{frees}/a"), &json!({ "spec": free("a", 110)["spec"] })).await;
    assert_eq!(patched.status, 400, "{}", patched.text);
    let patched = rig.merge(&format!("{frees}/a"), &json!({ "metadata": { "labels": { "a": "b" } } })).await;
    assert_eq!(patched.status, 200, "{}", patched.text);
    rig.ok("DELETE", &format!("{frees}/a"), &Value::Null).await;
}

#[tokio::test]
async fn an_update_names_its_object() {
    let rig = rig().await;
    let mut wanted = map("a");
    wanted["data"] = json!({ "a": "1" });
    rig.ok("POST", MAPS, &wanted).await;
    let message = rig.refused(400, "PUT", &format!("{MAPS}/a"), &json!({})).await;
    assert_eq!(message, "the name of the object (a based on URL) was undeterminable: name must be provided");
    assert_eq!(rig.ok("GET", &format!("{MAPS}/a"), &Value::Null).await["data"], json!({ "a": "1" }));
}

#[tokio::test]
async fn an_escaped_slash_is_no_way_around() {
    let rig = rig().await;
    rig.ok("POST", MAPS, &map("a")).await;
    for path in [
        "/api/v1/configmaps/default%2Fa",
        "/api/v1/namespaces/default%2Fconfigmaps%2Fa",
        "/api/v1/configmaps/a",
    ] {
        for method in ["GET", "DELETE", "PATCH", "PUT"] {
            let answer = rig.send(method, path, &Value::Null).await;
            assert!(answer.status.is_client_error(), "{method} {path}: {} {}", answer.status, answer.text);
        }
    }
    rig.ok("GET", &format!("{MAPS}/a"), &Value::Null).await;
    rig.ok("GET", &format!("{MAPS}/%61"), &Value::Null).await;
}
