//! Custom kinds whose versions differ, converted by a webhook that really is asked.

use super::custom::{DEFINITIONS, until};
use super::webhooks::Hook;
use super::{Rig, rig, send};
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};

const V1: &str = "/apis/x.io/v1/namespaces/default/widgets";
const V2: &str = "/apis/x.io/v2/namespaces/default/widgets";

/// Version 1 has `spec.size`, version 2 `spec.width`.
fn definition(hook: &Hook, storage: &str) -> Value {
    let version = |name: &str, field: &str| {
        let properties = json!({ field: { "type": "integer" }, "replicas": { "type": "integer" } });
        let spec = json!({ "type": "object", "properties": properties });
        let status = json!({ "type": "object", "properties": { "replicas": { "type": "integer" } } });
        json!({
            "name": name, "served": true, "storage": name == storage,
            "schema": { "openAPIV3Schema": { "type": "object", "properties": { "spec": spec, "status": status } } },
            "subresources": {
                "status": {},
                "scale": { "specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas" },
            },
            "selectableFields": [{ "jsonPath": format!(".spec.{field}") }],
            "additionalPrinterColumns": [{ "name": field, "type": "integer", "jsonPath": format!(".spec.{field}") }],
        })
    };
    let client =
        json!({ "url": format!("https://127.0.0.1:{}/convert", hook.port), "caBundle": hook.bundle });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "widgets.x.io" },
        "spec": {
            "group": "x.io", "scope": "Namespaced", "names": { "plural": "widgets", "kind": "Widget" },
            "versions": [version("v1", "size"), version("v2", "width")],
            "conversion": {
                "strategy": "Webhook",
                "webhook": { "clientConfig": client, "conversionReviewVersions": ["v1"] },
            },
        },
    })
}

/// What a good webhook answers.
fn convert(request: &Value) -> Value {
    let wanted = request["desiredAPIVersion"].as_str().unwrap();
    let (from, to) = if wanted == "x.io/v2" { ("size", "width") } else { ("width", "size") };
    let objects = request["objects"].as_array().unwrap().iter().map(|it| {
        let mut it = it.clone();
        it["apiVersion"] = wanted.into();
        if let Some(value) = it["spec"].as_object_mut().and_then(|it| it.remove(from)) {
            it["spec"][to] = value;
        }
        it
    });
    let objects: Vec<Value> = objects.collect();
    json!({ "convertedObjects": objects, "result": { "status": "Success" } })
}

fn widget(version: &str, name: &str, spec: &Value) -> Value {
    json!({ "apiVersion": format!("x.io/{version}"), "kind": "Widget", "metadata": { "name": name }, "spec": spec })
}

async fn converting() -> (Rig, Hook) {
    let (rig, hook) = (rig().await, Hook::start().await);
    hook.answer(convert);
    rig.ok("POST", DEFINITIONS, &definition(&hook, "v1")).await;
    until(&rig, "GET", V2, 200).await;
    (rig, hook)
}

#[tokio::test]
async fn objects_are_what_each_version_says_they_are() {
    let (rig, hook) = converting().await;
    let made = rig.ok("POST", V2, &widget("v2", "a", &json!({ "width": 3, "replicas": 1 }))).await;
    assert_eq!((&made["apiVersion"], &made["spec"]["width"]), (&json!("x.io/v2"), &json!(3)));
    let stored = rig.ok("GET", &format!("{V1}/a"), &Value::Null).await;
    assert_eq!((&stored["apiVersion"], &stored["spec"]["size"]), (&json!("x.io/v1"), &json!(3)));
    assert_eq!(stored["metadata"]["resourceVersion"], made["metadata"]["resourceVersion"]);
    hook.seen();
    for uri in [format!("{V2}/a"), V2.to_owned(), format!("{V2}/a/status")] {
        rig.ok("GET", &uri, &Value::Null).await;
    }
    assert_eq!(hook.seen().len(), 0, "what the write was answered with is remembered");

    let patched = rig.merge(&format!("{V2}/a"), &json!({ "spec": { "width": 5 } })).await.json();
    assert_eq!(
        (&patched["spec"], &patched["metadata"]["generation"]),
        (&json!({ "width": 5, "replicas": 1 }), &json!(2))
    );
    let status = rig.merge(&format!("{V2}/a/status"), &json!({ "status": { "replicas": 7 } })).await.json();
    assert_eq!((&status["status"]["replicas"], &status["spec"]["width"]), (&json!(7), &json!(5)));
    let scale = rig.merge(&format!("{V2}/a/scale"), &json!({ "spec": { "replicas": 9 } })).await.json();
    assert_eq!((&scale["spec"]["replicas"], &scale["status"]["replicas"]), (&json!(9), &json!(7)));
    let mut read = rig.ok("GET", &format!("{V2}/a"), &Value::Null).await;
    read["spec"]["width"] = json!(6);
    rig.ok("PUT", &format!("{V2}/a"), &read).await;
    let stored = rig.ok("GET", &format!("{V1}/a"), &Value::Null).await;
    assert_eq!(stored["spec"], json!({ "size": 6, "replicas": 9 }));

    let headers = [("accept", "application/json;as=Table;v=v1;g=meta.k8s.io")];
    let table = send(&rig.admin, "GET", V2, &headers, "").await.json();
    assert_eq!(table["rows"][0]["cells"], json!(["a", 6]));
}

#[tokio::test]
async fn lists_ask_once_and_selectors_read_the_version_at_hand() {
    let (rig, hook) = converting().await;
    for (name, size) in [("a", 1), ("b", 2), ("c", 2)] {
        rig.ok("POST", V1, &widget("v1", name, &json!({ "size": size }))).await;
    }
    hook.seen();
    let list = rig.ok("GET", V2, &Value::Null).await;
    assert_eq!((&list["kind"], &list["apiVersion"]), (&json!("WidgetList"), &json!("x.io/v2")));
    assert_eq!(list["items"][1]["spec"]["width"], 2);
    let asked = hook.seen();
    assert_eq!((asked.len(), asked[0]["objects"].as_array().unwrap().len()), (1, 3));
    let chosen = rig.ok("GET", &format!("{V2}?fieldSelector=spec.width%3D2"), &Value::Null).await;
    assert_eq!(super::names(&chosen), ["b", "c"]);
    assert_eq!(hook.seen().len(), 0);

    hook.answer(|request| {
        let mut response = convert(request);
        for it in response["convertedObjects"].as_array_mut().unwrap() {
            it["metadata"]["labels"] = json!({ "width": it["spec"]["width"].to_string() });
        }
        response
    });
    rig.merge(&format!("{V1}/a"), &json!({ "spec": { "size": 8 } })).await;
    let chosen = rig.ok("GET", &format!("{V2}?labelSelector=width%3D8"), &Value::Null).await;
    assert_eq!(super::names(&chosen), ["a"]);
}

#[tokio::test]
async fn a_webhook_that_fails_loses_nothing() {
    let (rig, hook) = converting().await;
    rig.ok("POST", V1, &widget("v1", "a", &json!({ "size": 1 }))).await;
    rig.ok("POST", V1, &widget("v1", "b", &json!({ "size": 1 }))).await;
    rig.merge(&format!("{V2}/a"), &json!({ "metadata": { "annotations": { "a": "b" } } })).await;
    rig.merge(&format!("{V1}/a"), &json!({ "metadata": { "annotations": { "c": "d" } } })).await;
    hook.answer(|_| json!({ "result": { "status": "Failure", "message": "cannot" } }));
    let expect = "conversion webhook for x.io/v1, Kind=Widget failed: cannot";
    for uri in [V2.to_owned(), format!("{V2}/a")] {
        assert_eq!(rig.refused(500, "GET", &uri, &Value::Null).await, expect);
    }
    let refused = rig.refused(500, "POST", V2, &widget("v2", "c", &json!({ "width": 1 }))).await;
    assert_eq!(refused, "conversion webhook for x.io/v2, Kind=Widget failed: cannot");
    rig.refused(404, "GET", &format!("{V1}/c"), &Value::Null).await;
    let answer = rig.merge(&format!("{V2}/a"), &json!({ "spec": { "width": 4 } })).await;
    assert_eq!(answer.status, 500);
    assert_eq!(rig.ok("GET", &format!("{V1}/a"), &Value::Null).await["spec"]["size"], 1);
    // The stored version can be written all the same, whoever wrote another one before.
    let answer = rig.merge(&format!("{V1}/a"), &json!({ "spec": { "replicas": 3 } })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    hook.answer(|request| {
        let mut response = convert(request);
        response["convertedObjects"].as_array_mut().unwrap().pop();
        response
    });
    let message = rig.refused(500, "GET", V2, &Value::Null).await;
    assert_eq!(message, "conversion webhook for x.io/v1, Kind=Widget returned 1 objects, expected 2");
    hook.answer(convert);
    assert_eq!(rig.ok("GET", V2, &Value::Null).await["items"].as_array().unwrap().len(), 2);
}

/// Reads a watch until it has told so many objects.
async fn told(rig: &Rig, uri: &str, count: usize) -> Vec<(String, Value)> {
    let request = Request::builder().uri(uri).body(Body::empty()).unwrap();
    let mut body = rig.admin.call(request).await.into_body();
    let mut text = String::new();
    while text.lines().filter(|it| it.ends_with('}')).count() < count {
        let Some(frame) = body.frame().await else { break };
        text.push_str(std::str::from_utf8(&frame.unwrap().into_data().unwrap()).unwrap());
    }
    let events = text.lines().map(|it| serde_json::from_str::<Value>(it).unwrap());
    events.map(|mut it| (it["type"].as_str().unwrap().to_owned(), it["object"].take())).collect()
}

#[tokio::test]
async fn watches_tell_the_version_that_they_were_asked_for() {
    let (rig, hook) = converting().await;
    let first = rig.ok("POST", V1, &widget("v1", "a", &json!({ "size": 1 }))).await;
    rig.ok("POST", V1, &widget("v1", "b", &json!({ "size": 2 }))).await;
    let revision = first["metadata"]["resourceVersion"].as_str().unwrap();
    rig.merge(&format!("{V1}/a"), &json!({ "spec": { "size": 2 } })).await;
    rig.ok("DELETE", &format!("{V1}/b"), &Value::Null).await;
    // Once a read has seen it, a watch tells it all at once.
    rig.ok("GET", V1, &Value::Null).await;
    hook.seen();
    let uri = format!("{V2}?watch=1&resourceVersion={revision}");
    let events = told(&rig, &uri, 3).await;
    let got: Vec<_> =
        events.iter().map(|(it, object)| (it.as_str(), object["spec"]["width"].clone())).collect();
    assert_eq!(got, [("ADDED", json!(2)), ("MODIFIED", json!(2)), ("DELETED", json!(2))]);
    assert_eq!(hook.seen().len(), 1);
    told(&rig, &uri, 3).await;
    assert_eq!(hook.seen().len(), 0, "every watcher gets the same bytes");
    // An object that leaves the selector is told as it was, at the revision at which it left.
    let events = told(&rig, &format!("{uri}&fieldSelector=spec.width%3D1"), 1).await;
    assert_eq!((events[0].0.as_str(), &events[0].1["spec"]["width"]), ("DELETED", &json!(1)));
    assert_ne!(events[0].1["metadata"]["resourceVersion"], revision);

    hook.answer(|_| json!({ "result": { "status": "Failure", "message": "cannot" } }));
    rig.ok("POST", V1, &widget("v1", "c", &json!({ "size": 9 }))).await;
    let events = told(&rig, V2_WATCH, 2).await;
    let (kind, object) = events.last().unwrap();
    assert_eq!((kind.as_str(), &object["code"]), ("ERROR", &json!(500)));
}

const V2_WATCH: &str = "/apis/x.io/v2/namespaces/default/widgets?watch=1";

#[tokio::test]
async fn what_was_stored_in_another_version_is_converted_where_it_is_read() {
    let (rig, hook) = converting().await;
    rig.ok("POST", V1, &widget("v1", "a", &json!({ "size": 1 }))).await;
    let mut changed = definition(&hook, "v2");
    changed["metadata"]["annotations"] = json!({ "x": "y" });
    let uri = format!("{DEFINITIONS}/widgets.x.io");
    let revision = rig.ok("GET", &uri, &Value::Null).await["metadata"]["resourceVersion"].clone();
    changed["metadata"]["resourceVersion"] = revision;
    let changed = rig.ok("PUT", &uri, &changed).await;
    assert_eq!(changed["status"]["storedVersions"], json!(["v1", "v2"]));
    // The write is answered before the definition has been followed, so some of these may still read the old one.
    rig.ok("POST", V2, &widget("v2", "b", &json!({ "width": 2 }))).await;
    for (uri, field) in [(V1, "size"), (V2, "width")] {
        let list = rig.ok("GET", uri, &Value::Null).await;
        let values: Vec<_> =
            list["items"].as_array().unwrap().iter().map(|it| it["spec"][field].clone()).collect();
        assert_eq!(values, [json!(1), json!(2)], "{uri}");
    }
    hook.seen();
    rig.merge(&format!("{V2}/a"), &json!({ "spec": { "width": 4 } })).await;
    assert_eq!(rig.ok("GET", &format!("{V2}/a"), &Value::Null).await["spec"]["width"], 4);
}

#[tokio::test]
async fn conversions_that_make_no_sense_are_refused() {
    let (rig, hook) = (rig().await, Hook::start().await);
    let check = async |change: &dyn Fn(&mut Value), expect: &str| {
        let mut definition = definition(&hook, "v1");
        change(&mut definition["spec"]["conversion"]);
        let message = rig.refused(422, "POST", DEFINITIONS, &definition).await;
        assert!(message.contains(expect), "{message:?} has no {expect:?}");
    };
    check(&|it| it["strategy"] = "Other".into(), "spec.conversion.strategy: Unsupported value: \"Other\"")
        .await;
    let set = "should not be set when strategy is not set to Webhook";
    check(&|it| it["strategy"] = "None".into(), set).await;
    check(
        &|it| drop(it.as_object_mut().unwrap().remove("webhook")),
        "required when strategy is set to Webhook",
    )
    .await;
    let versions = |it: &mut Value, versions: Value| it["webhook"]["conversionReviewVersions"] = versions;
    check(&|it| versions(it, json!(["v1beta1"])), "must include at least one of v1").await;
    check(&|it| versions(it, json!(["v1", "v1"])), "duplicate version").await;
    let url = |it: &mut Value| it["webhook"]["clientConfig"]["url"] = "http://x".into();
    check(&url, "'https' is the only allowed URL scheme").await;
    check(&|it| it["webhook"]["clientConfig"] = json!({}), "exactly one of url or service is required").await;
}
