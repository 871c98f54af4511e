//! Server-side apply: who owns what, and what happens when two want the same.

use super::{MAPS, Rig, map, rig, send};
use serde_json::{Value, json};

const APPLY: &[(&str, &str)] = &[("content-type", "application/apply-patch+yaml")];

async fn apply(rig: &Rig, manager: &str, config: &Value, expect: u16) -> Value {
    let uri = format!("{MAPS}/a?fieldManager={manager}");
    let answer = send(&rig.admin, "PATCH", &uri, APPLY, &config.to_string()).await;
    assert_eq!(answer.status.as_u16(), expect, "{}", answer.text);
    serde_json::from_str(&answer.text).expect("JSON")
}

fn config(data: &Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" }, "data": data })
}

fn managers(object: &Value) -> Vec<String> {
    let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let text = |it: &Value, name: &str| it[name].as_str().unwrap_or_default().to_owned();
    entries.iter().map(|it| format!("{} {}", text(it, "manager"), text(it, "operation"))).collect()
}

#[tokio::test]
async fn what_is_applied_is_owned_and_what_is_no_longer_applied_goes() {
    let rig = rig().await;
    let made = apply(&rig, "one", &config(&json!({ "x": "1", "y": "1" })), 201).await;
    assert_eq!(managers(&made), ["one Apply"]);
    let again = apply(&rig, "one", &config(&json!({ "x": "1", "y": "1" })), 200).await;
    assert_eq!(again["metadata"]["resourceVersion"], made["metadata"]["resourceVersion"], "nothing to write");
    let less = apply(&rig, "one", &config(&json!({ "x": "1" })), 200).await;
    assert_eq!(less["data"], json!({ "x": "1" }));
    let both = apply(&rig, "two", &config(&json!({ "z": "2" })), 200).await;
    assert_eq!(both["data"], json!({ "x": "1", "z": "2" }));
    assert_eq!(managers(&both), ["one Apply", "two Apply"]);
}

#[tokio::test]
async fn the_name_is_the_urls() {
    let rig = rig().await;
    let other = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "b" } });
    let refused = apply(&rig, "one", &other, 400).await;
    assert_eq!(refused["message"], "the name of the object (b) does not match the name on the URL (a)");
    rig.refused(404, "GET", &format!("{MAPS}/b"), &Value::Null).await;
    apply(&rig, "one", &json!({ "apiVersion": "v1", "kind": "ConfigMap" }), 201).await;
    apply(&rig, "one", &other, 400).await;
}

#[tokio::test]
async fn a_quantity_that_is_only_written_otherwise_is_no_change() {
    let rig = rig().await;
    let limits = json!([{ "type": "Container", "max": { "memory": "1024Mi", "cpu": "0.5" } }]);
    let range = json!({ "apiVersion": "v1", "kind": "LimitRange", "metadata": { "name": "r" }, "spec": { "limits": limits } });
    let uri = "/api/v1/namespaces/default/limitranges/r?fieldManager=one";
    let first = send(&rig.admin, "PATCH", uri, APPLY, &range.to_string()).await.json();
    // Times of owners have whole seconds: without one in between, nothing could differ.
    daemon::clock::sleep(std::time::Duration::from_millis(1100)).await;
    let again = send(&rig.admin, "PATCH", uri, APPLY, &range.to_string()).await.json();
    assert_eq!(first["spec"]["limits"][0]["max"]["memory"], "1Gi");
    assert_eq!(again["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
}

#[tokio::test]
async fn a_field_of_another_manager_is_a_conflict_unless_it_is_forced() {
    let rig = rig().await;
    let mut made = map("a");
    made["data"] = json!({ "x": "1" });
    rig.ok("POST", &format!("{MAPS}?fieldManager=first"), &made).await;
    let refused = apply(&rig, "two", &config(&json!({ "x": "2" })), 409).await;
    let message = refused["message"].as_str().unwrap_or_default();
    assert!(message.contains(r#"conflict with "first" using v1: .data.x"#), "{message}");
    assert_eq!(refused["details"]["causes"][0]["reason"], "FieldManagerConflict");
    let forced = apply(&rig, "two&force=true", &config(&json!({ "x": "2" })), 200).await;
    assert_eq!(forced["data"], json!({ "x": "2" }));
    // An update by somebody else takes the field from who applied it.
    let mut changed = forced;
    changed["data"] = json!({ "x": "3" });
    let changed = rig.ok("PUT", &format!("{MAPS}/a?fieldManager=third"), &changed).await;
    assert!(managers(&changed).contains(&"third Update".to_owned()), "{changed}");
}

#[tokio::test]
async fn a_configuration_that_makes_no_sense_changes_nothing() {
    let rig = rig().await;
    let uri = format!("{MAPS}/a");
    let answer = send(&rig.admin, "PATCH", &uri, APPLY, &config(&json!({})).to_string()).await;
    assert_eq!(answer.status.as_u16(), 422, "a manager is needed: {}", answer.text);
    let mut other = config(&json!({}));
    other["kind"] = json!("Secret");
    apply(&rig, "one", &other, 400).await;
    apply(&rig, "one", &json!([]), 400).await;
    let mut owned = config(&json!({}));
    owned["metadata"]["managedFields"] = json!([{ "manager": "x" }]);
    apply(&rig, "one", &owned, 400).await;
    assert_eq!(rig.send("GET", &uri, &Value::Null).await.status.as_u16(), 404);
}

#[tokio::test]
async fn who_applies_a_status_owns_no_spec() {
    let rig = rig().await;
    let uri = "/apis/batch/v1/namespaces/default/jobs/j";
    let spec = json!({ "template": { "spec": { "restartPolicy": "Never", "containers": [{ "name": "c", "image": "i" }] } } });
    let job = json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "j" }, "spec": spec });
    let mut told = job.clone();
    (told["spec"], told["status"]) = (json!({ "suspend": true }), json!({ "active": 1 }));
    let owner = format!("{uri}?fieldManager=one");
    send(&rig.admin, "PATCH", &owner, APPLY, &job.to_string()).await;
    let answer =
        send(&rig.admin, "PATCH", &format!("{uri}/status?fieldManager=two"), APPLY, &told.to_string()).await;
    assert!(answer.status.is_success(), "{}", answer.text);
    let (now, entries) = (answer.json(), answer.json()["metadata"]["managedFields"].clone());
    assert_eq!((&now["status"]["active"], &now["spec"]["suspend"]), (&json!(1), &json!(false)));
    let two = entries.as_array().into_iter().flatten().find(|it| it["manager"] == "two");
    assert_eq!(two.map(|it| &it["fieldsV1"]), Some(&json!({ "f:status": { "f:active": {} } })));
}

#[tokio::test]
async fn replicas_are_taken_over_through_the_scale() {
    let rig = rig().await;
    let uri = "/apis/apps/v1/namespaces/default/deployments/d";
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "d" },
        "spec": {
            "replicas": 1, "selector": { "matchLabels": { "a": "b" } },
            "template": {
                "metadata": { "labels": { "a": "b" } }, "spec": { "containers": [{ "name": "c", "image": "i" }] },
            },
        },
    });
    let scale = |replicas: u32| {
        let spec = json!({ "replicas": replicas });
        json!({ "apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": { "name": "d" }, "spec": spec })
    };
    let apply = async |uri: &str, query: &str, config: &Value, expect: u16| {
        let answer = send(&rig.admin, "PATCH", &format!("{uri}?{query}"), APPLY, &config.to_string()).await;
        assert_eq!(answer.status.as_u16(), expect, "{query}: {}", answer.text);
        answer.json()
    };
    let of_scale = format!("{uri}/scale");
    apply(&of_scale, "fieldManager=h", &scale(3), 404).await;
    apply(uri, "fieldManager=one", &deployment, 201).await;
    apply(&of_scale, "", &scale(3), 422).await;
    let refused = apply(&of_scale, "fieldManager=h", &scale(3), 409).await;
    assert_eq!(refused["details"]["causes"][0]["field"], ".spec.replicas");
    let scaled = apply(&of_scale, "fieldManager=h&force=true", &scale(3), 200).await;
    assert_eq!((&scaled["kind"], &scaled["spec"]["replicas"]), (&json!("Scale"), &json!(3)));

    let owned = rig.ok("GET", uri, &Value::Null).await;
    assert_eq!(
        (&owned["spec"]["replicas"], managers(&owned)),
        (&json!(3), vec!["h Apply".into(), "one Apply".into()])
    );
    let taker = &owned["metadata"]["managedFields"][0];
    assert_eq!(
        (&taker["subresource"], &taker["apiVersion"], &taker["fieldsV1"]),
        (&json!("scale"), &json!("apps/v1"), &json!({ "f:spec": { "f:replicas": {} } }))
    );
    apply(uri, "fieldManager=one", &deployment, 409).await;
    let again = apply(&of_scale, "fieldManager=h", &scale(3), 200).await;
    assert_eq!(
        again["metadata"]["resourceVersion"], owned["metadata"]["resourceVersion"],
        "nothing to write"
    );
    apply(&of_scale, "fieldManager=h", &json!({ "apiVersion": "v1", "kind": "Scale" }), 400).await;
}
