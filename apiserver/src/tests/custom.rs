//! Custom kinds: from the definition to the last object, through the same handlers as every kind.

use super::{Rig, rig, send};
use serde_json::{Value, json};

pub(super) const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const WIDGETS: &str = "/apis/x.io/v1/namespaces/default/widgets";

fn definition() -> Value {
    let spec = json!({
        "type": "object", "required": ["size"],
        "properties": {
            "size": { "type": "integer", "minimum": 1 },
            "replicas": { "type": "integer", "default": 2 },
            "ports": {
                "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                "items": {
                    "type": "object", "required": ["name"],
                    "properties": { "name": { "type": "string" }, "number": { "type": "integer" } },
                },
            },
        },
    });
    let status = json!({ "type": "object", "properties": { "replicas": { "type": "integer" } } });
    let schema = json!({ "type": "object", "properties": { "spec": spec, "status": status } });
    let scale = json!({ "specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas" });
    let version = |name: &str, storage: bool| {
        json!({
            "name": name, "served": true, "storage": storage, "schema": { "openAPIV3Schema": schema },
            "subresources": { "status": {}, "scale": scale },
            "additionalPrinterColumns": [{ "name": "Size", "type": "integer", "jsonPath": ".spec.size" }],
        })
    };
    json!({
        "metadata": { "name": "widgets.x.io" },
        "spec": {
            "group": "x.io", "scope": "Namespaced", "names": { "plural": "widgets", "kind": "Widget" },
            "versions": [version("v1", true), version("v1beta1", false)],
        },
    })
}

fn widget(name: &str, spec: &Value) -> Value {
    json!({ "apiVersion": "x.io/v1", "kind": "Widget", "metadata": { "name": name }, "spec": spec })
}

/// Waits until a request is answered with this code: definitions are followed by a task.
pub(super) async fn until(rig: &Rig, method: &str, uri: &str, code: u16) -> Value {
    for _ in 0..500 {
        let answer = rig.send(method, uri, &Value::Null).await;
        if answer.status.as_u16() == code {
            return serde_json::from_str(&answer.text).unwrap_or_default();
        }
        tokio::task::yield_now().await;
        daemon::clock::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("{method} {uri} is never answered with {code}");
}

#[tokio::test]
async fn a_definition_serves_its_kind_until_it_is_deleted() {
    let rig = rig().await;
    assert_eq!(rig.send("GET", WIDGETS, &Value::Null).await.status.as_u16(), 404);
    rig.ok("POST", DEFINITIONS, &definition()).await;
    until(&rig, "GET", WIDGETS, 200).await;
    let made = rig.ok("POST", WIDGETS, &widget("a", &json!({ "size": 3 }))).await;
    assert_eq!((&made["spec"]["replicas"], &made["metadata"]["generation"]), (&json!(2), &json!(1)));

    let other = rig.ok("GET", "/apis/x.io/v1beta1/namespaces/default/widgets/a", &Value::Null).await;
    assert_eq!(
        (&other["apiVersion"], &other["metadata"]["uid"]),
        (&json!("x.io/v1beta1"), &made["metadata"]["uid"])
    );

    let scale = format!("{WIDGETS}/a/scale");
    let wanted = json!({ "metadata": { "name": "a" }, "spec": { "replicas": 5 } });
    assert_eq!(rig.ok("PUT", &scale, &wanted).await["spec"]["replicas"], 5);
    let status = format!("{WIDGETS}/a/status");
    let mut changed = rig.ok("GET", &status, &Value::Null).await;
    (changed["status"], changed["spec"]["size"]) = (json!({ "replicas": 4 }), json!(9));
    let changed = rig.ok("PUT", &status, &changed).await;
    assert_eq!((&changed["status"]["replicas"], &changed["spec"]["size"]), (&json!(4), &json!(3)));
    assert_eq!(changed["metadata"]["generation"], 2);

    rig.ok("DELETE", &format!("{DEFINITIONS}/widgets.x.io"), &Value::Null).await;
    until(&rig, "GET", &format!("{DEFINITIONS}/widgets.x.io"), 404).await;
    until(&rig, "GET", WIDGETS, 404).await;
    rig.ok("POST", DEFINITIONS, &definition()).await;
    assert_eq!(until(&rig, "GET", WIDGETS, 200).await["items"], json!([]));
}

#[tokio::test]
async fn a_schema_is_kept_to() {
    let rig = rig().await;
    rig.ok("POST", DEFINITIONS, &definition()).await;
    until(&rig, "GET", WIDGETS, 200).await;
    for (spec, code, part) in [
        (json!({ "size": 0 }), 422, "should be greater than or equal to 1"),
        (json!({ "size": "x" }), 422, "must be of type integer"),
        (json!({}), 422, "spec.size: Required value"),
        (json!({ "size": 1, "more": 1 }), 201, "spec"),
    ] {
        let answer = rig.send("POST", WIDGETS, &widget("a", &spec)).await;
        assert_eq!(answer.status.as_u16(), code, "{}", answer.text);
        assert!(answer.text.contains(part), "{}", answer.text);
    }
    let kept = rig.ok("GET", &format!("{WIDGETS}/a"), &Value::Null).await;
    assert!(kept["spec"].get("more").is_none(), "unknown fields are pruned: {kept}");
}

#[tokio::test]
async fn objects_say_what_they_are() {
    let rig = rig().await;
    rig.ok("POST", DEFINITIONS, &definition()).await;
    until(&rig, "GET", WIDGETS, 200).await;
    let good = widget("a", &json!({ "size": 1 }));
    let without = |field: &str| {
        let mut object = good.clone();
        object.as_object_mut().map(|it| it.remove(field));
        object
    };
    let one = format!("{WIDGETS}/a");
    for (field, part) in
        [("kind", "Object 'Kind' is missing in"), ("apiVersion", "the API version in the data ()")]
    {
        assert!(rig.refused(400, "POST", WIDGETS, &without(field)).await.contains(part), "{field}");
        rig.ok("POST", WIDGETS, &good).await;
        assert!(rig.refused(400, "PUT", &one, &without(field)).await.contains(part), "{field}");
        assert_eq!(rig.merge(&one, &json!({ field: null })).await.status.as_u16(), 422, "{field}");
        let apply = [("content-type", "application/apply-patch+yaml")];
        let uri = format!("{one}?fieldManager=m");
        let answer = send(&rig.admin, "PATCH", &uri, &apply, &without(field).to_string()).await;
        assert_eq!(answer.status.as_u16(), 400, "{field}: {}", answer.text);
        rig.ok("DELETE", &one, &Value::Null).await;
    }
    let mut labelled = good.clone();
    labelled["metadata"]["labels"] = json!({});
    labelled["status"] = json!({});
    let made = rig.ok("POST", WIDGETS, &labelled).await;
    assert!(made["metadata"].get("labels").is_none(), "{made}");
}
