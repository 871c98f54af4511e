//! Watches: order, resuming, selectors, bookmarks, and the shared objects of callers within the process.

use super::{MAPS, Rig, labelled, map, rig, send};
use client::frames::Frame;
use client::{Client, ListParams, WatchParams};
use futures::StreamExt;
use serde_json::{Value, json};

/// The events of a watch that ends by itself, as `TYPE name`.
async fn events(rig: &Rig, query: &str) -> Vec<String> {
    let uri = format!("{MAPS}?watch=1&timeoutSeconds=1&{query}");
    let answer = send(&rig.admin, "GET", &uri, &[], "").await;
    assert!(answer.status.is_success(), "{}", answer.text);
    let shown = |line: &str| {
        let event: Value = serde_json::from_str(line).unwrap();
        let name = event["object"]["metadata"]["name"].as_str().unwrap_or("-");
        format!("{} {name}", event["type"].as_str().unwrap_or_default())
    };
    answer.text.lines().map(shown).collect()
}

async fn revision(rig: &Rig) -> String {
    rig.ok("GET", MAPS, &Value::Null).await["metadata"]["resourceVersion"].as_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn changes_come_in_order() {
    let rig = rig().await;
    let start = revision(&rig).await;
    rig.ok("POST", MAPS, &map("a")).await;
    rig.merge(&format!("{MAPS}/a"), &json!({ "data": { "x": "1" } })).await;
    rig.ok("POST", MAPS, &map("b")).await;
    rig.ok("DELETE", &format!("{MAPS}/a"), &Value::Null).await;
    let seen = events(&rig, &format!("resourceVersion={start}")).await;
    assert_eq!(seen, ["ADDED a", "MODIFIED a", "ADDED b", "DELETED a"]);
    assert_eq!(events(&rig, "").await, ["ADDED b"]);
    assert_eq!(events(&rig, &format!("resourceVersion={}", revision(&rig).await)).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn selectors_add_and_delete() {
    let rig = rig().await;
    let start = revision(&rig).await;
    rig.ok("POST", MAPS, &labelled("a", "on", "n")).await;
    for value in ["y", "y2", "y", "n"] {
        rig.merge(&format!("{MAPS}/a"), &json!({ "metadata": { "labels": { "on": value } } })).await;
    }
    let seen = events(&rig, &format!("resourceVersion={start}&labelSelector=on%20in%20(y,y2)")).await;
    assert_eq!(seen, ["ADDED a", "MODIFIED a", "MODIFIED a", "DELETED a"]);
}

#[tokio::test(start_paused = true)]
async fn bookmarks_come_when_asked_for() {
    let rig = rig().await;
    rig.ok("POST", MAPS, &map("a")).await;
    let now = revision(&rig).await;
    assert_eq!(
        events(&rig, &format!("resourceVersion={now}&allowWatchBookmarks=true")).await,
        ["BOOKMARK -"]
    );
    let initial = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    assert_eq!(events(&rig, initial).await, ["ADDED a", "BOOKMARK -", "BOOKMARK -"]);
    rig.refused(422, "GET", &format!("{MAPS}?watch=1&sendInitialEvents=true"), &Value::Null).await;
}

#[tokio::test(start_paused = true)]
async fn a_watch_from_the_future_waits_for_it() {
    let rig = rig().await;
    let now: u64 = revision(&rig).await.parse().unwrap();
    let client = Client::new(rig.server.connector(access::UserInfo::administrator("admin")));
    let kind = api::Kind::find("", "v1", "configmaps").unwrap();
    let later = WatchParams { resource_version: Some((now + 1).to_string()), ..WatchParams::default() };
    let mut watch = Box::pin(client.watch(kind, "default", &later).await.unwrap());
    rig.ok("POST", MAPS, &map("a")).await;
    rig.ok("POST", MAPS, &map("b")).await;
    let Some(Ok(Frame::Added(object))) = watch.next().await else { panic!("an addition") };
    assert_eq!(object.meta().name.as_deref(), Some("b"), "what came before is not told");
    let bookmarks = "resourceVersion=999999&allowWatchBookmarks=true";
    assert_eq!(events(&rig, bookmarks).await, [""; 0]);
    let initial = "resourceVersion=999999&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
    assert_eq!(events(&rig, initial).await, ["ERROR -"]);
    rig.refused(400, "GET", &format!("{MAPS}?watch=1&resourceVersion=abc"), &Value::Null).await;
}

#[tokio::test(start_paused = true)]
async fn callers_of_the_process_share_objects() {
    let rig = rig().await;
    let client = Client::new(rig.server.connector(access::UserInfo::administrator("admin")));
    rig.ok("POST", MAPS, &map("a")).await;
    let kind = api::Kind::find("", "v1", "configmaps").unwrap();
    let one = client.list(kind, "default", &ListParams::default()).await.unwrap();
    let two = client.list(kind, "default", &ListParams::default()).await.unwrap();
    assert!(std::sync::Arc::ptr_eq(&one.items[0], &two.items[0]), "both lists hold the server's own object");
    let params = WatchParams { resource_version: Some(one.revision.to_string()), ..WatchParams::default() };
    let mut watch = Box::pin(client.watch(kind, "default", &params).await.unwrap());
    rig.ok("DELETE", &format!("{MAPS}/a"), &Value::Null).await;
    let Some(Ok(Frame::Deleted(object))) = watch.next().await else { panic!("a deletion") };
    let version: u64 = object.meta().resource_version.as_ref().unwrap().parse().unwrap();
    assert!(version > one.revision);
}
