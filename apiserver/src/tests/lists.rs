//! Lists: selectors, pages, versions, shapes, whole collections.

use super::{MAPS, Rig, labelled, map, names, rig, send};
use serde_json::{Value, json};

async fn filled() -> Rig {
    let rig = rig().await;
    for (name, app) in [("a", "web"), ("b", "web"), ("c", "db"), ("d", "db")] {
        rig.ok("POST", MAPS, &labelled(name, "app", app)).await;
    }
    rig
}

#[tokio::test]
async fn selectors_pick() {
    let rig = filled().await;
    for (query, expect) in [
        ("", "abcd"),
        ("labelSelector=app%3Dweb", "ab"),
        ("labelSelector=app%21%3Dweb", "cd"),
        ("labelSelector=app%20in%20(web,db)&fieldSelector=metadata.name%21%3Da", "bcd"),
        ("fieldSelector=metadata.name=c", "c"),
        ("fieldSelector=metadata.namespace=x", ""),
    ] {
        let list = rig.ok("GET", &format!("{MAPS}?{query}"), &Value::Null).await;
        assert_eq!(names(&list).concat(), expect, "{query}");
        assert_eq!((&list["kind"], &list["apiVersion"]), (&json!("ConfigMapList"), &json!("v1")));
    }
    let message = rig.refused(400, "GET", &format!("{MAPS}?fieldSelector=data.x=1"), &Value::Null).await;
    assert_eq!(message, "field label not supported: data.x");
    rig.refused(400, "GET", &format!("{MAPS}?labelSelector=a%20b"), &Value::Null).await;
}

#[tokio::test]
async fn events_are_selected_by_the_names_that_their_group_has() {
    let rig = rig().await;
    let about = |name: &str, pod: &str| {
        json!({ "metadata": { "name": name, "namespace": "default" }, "reason": "R", "type": "Normal",
            "involvedObject": { "kind": "Pod", "namespace": "default", "name": pod }, "reportingComponent": "x.io/c",
            "reportingInstance": "i", "action": "A", "eventTime": "2026-01-01T00:00:00.000000Z" })
    };
    let (core, new) =
        ("/api/v1/namespaces/default/events", "/apis/events.k8s.io/v1/namespaces/default/events");
    for (name, pod) in [("a", "one"), ("b", "two")] {
        rig.ok("POST", core, &about(name, pod)).await;
    }
    for (uri, selector, expect) in [
        (core, "involvedObject.name=one", "a"),
        (new, "regarding.name=one", "a"),
        (new, "regarding.kind=Pod,regarding.name!=one", "b"),
        (new, "reportingController=x.io/c,reason=R", "ab"),
        (new, "reportingController=other", ""),
    ] {
        let list = rig.ok("GET", &format!("{uri}?fieldSelector={selector}"), &Value::Null).await;
        assert_eq!(names(&list).concat(), expect, "{uri} {selector}");
    }
    for (uri, selector) in [(new, "involvedObject.name=one"), (core, "regarding.name=one")] {
        rig.refused(400, "GET", &format!("{uri}?fieldSelector={selector}"), &Value::Null).await;
    }
    let pods = "/api/v1/namespaces/default/pods?fieldSelector=status.podIPs=10.0.0.1";
    assert_eq!(names(&rig.ok("GET", pods, &Value::Null).await).concat(), "");
}

#[tokio::test]
async fn pages_show_one_snapshot() {
    let rig = filled().await;
    let first = rig.ok("GET", &format!("{MAPS}?limit=2"), &Value::Null).await;
    assert_eq!(
        (names(&first).concat().as_str(), &first["metadata"]["remainingItemCount"]),
        ("ab", &json!(2))
    );
    rig.ok("DELETE", &format!("{MAPS}/d"), &Value::Null).await;
    rig.ok("POST", MAPS, &map("e")).await;
    let token = first["metadata"]["continue"].as_str().unwrap();
    let rest = rig.ok("GET", &format!("{MAPS}?limit=9&continue={token}"), &Value::Null).await;
    assert_eq!(names(&rest).concat(), "cd");
    assert_eq!(rest["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
    assert!(rest["metadata"]["continue"].is_null());
    rig.refused(400, "GET", &format!("{MAPS}?continue=nonsense"), &Value::Null).await;
}

#[tokio::test]
async fn the_past_can_be_listed() {
    let rig = filled().await;
    let then =
        rig.ok("GET", MAPS, &Value::Null).await["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    rig.ok("DELETE", &format!("{MAPS}/a"), &Value::Null).await;
    let exact = format!("{MAPS}?resourceVersion={then}&resourceVersionMatch=Exact");
    let list = rig.ok("GET", &exact, &Value::Null).await;
    assert_eq!(
        (names(&list).concat().as_str(), &list["metadata"]["resourceVersion"]),
        ("abcd", &json!(then))
    );
    let newer = format!("{MAPS}?resourceVersion={then}&resourceVersionMatch=NotOlderThan");
    assert_eq!(names(&rig.ok("GET", &newer, &Value::Null).await).concat(), "bcd");
}

#[tokio::test]
async fn lists_have_other_shapes() {
    let rig = filled().await;
    let asked = async |accept: &str| send(&rig.admin, "GET", MAPS, &[("accept", accept)], "").await;
    let table = asked("application/json;as=Table;v=v1;g=meta.k8s.io").await.json();
    assert_eq!((&table["kind"], &table["rows"][0]["cells"][0]), (&json!("Table"), &json!("a")));
    assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
    assert_eq!(table["columnDefinitions"][0]["name"], "Name");
    let old = asked("application/json;as=Table;v=v1beta1;g=meta.k8s.io").await.json();
    assert_eq!(
        (&table["apiVersion"], &old["apiVersion"]),
        (&json!("meta.k8s.io/v1"), &json!("meta.k8s.io/v1beta1"))
    );
    assert_eq!(old["rows"][0]["object"]["apiVersion"], "meta.k8s.io/v1beta1");
    let metadata = asked("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io").await.json();
    assert_eq!(metadata["kind"], "PartialObjectMetadataList");
    assert_eq!(metadata["items"][0].as_object().map(serde_json::Map::len), Some(3));
    assert!(asked("application/yaml").await.text.contains("kind: ConfigMapList"));
    assert_eq!(asked("application/vnd.kubernetes.protobuf").await.status.as_u16(), 406);
}

#[tokio::test]
async fn collections_are_deleted_by_selector() {
    let rig = filled().await;
    let deleted = rig.ok("DELETE", &format!("{MAPS}?labelSelector=app%3Dweb"), &Value::Null).await;
    assert_eq!(names(&deleted).concat(), "ab");
    assert_eq!(names(&rig.ok("GET", MAPS, &Value::Null).await).concat(), "cd");
}
