//! What is sent: forms, patches, and input that makes no sense.

use super::{MAPS, map, rig, send};
use serde_json::json;

#[tokio::test]
async fn bad_input_is_refused_and_writes_nothing() {
    let rig = rig().await;
    let before = rig.ok("GET", MAPS, &serde_json::Value::Null).await;
    let deep = format!("{}1{}", "{\"a\":".repeat(2000), "}".repeat(2000));
    let long = format!(r#"{{"metadata":{{"name":"a"}},"data":{{"x":"{}"}}}}"#, "x".repeat(4 << 20));
    for (media, body, code) in [
        ("application/json", "{", 400),
        ("application/json", "[]", 400),
        ("application/json", r#"{"metadata":{"name":"a"},"data":{"a":1}}"#, 400),
        ("application/json", deep.as_str(), 400),
        ("application/json", long.as_str(), 413),
        ("application/yaml", "metadata: [", 400),
        ("application/vnd.kubernetes.protobuf", "k8s", 400),
        ("text/csv", "a", 415),
    ] {
        let answer = send(&rig.admin, "POST", MAPS, &[("content-type", media)], body).await;
        assert_eq!(answer.status.as_u16(), code, "{media} {}", answer.text);
    }
    assert_eq!(rig.ok("GET", MAPS, &serde_json::Value::Null).await["items"], before["items"]);
}

#[tokio::test]
async fn patches_of_each_kind_apply() {
    let rig = rig().await;
    let mut wanted = map("a");
    wanted["data"] = json!({ "a": "1" });
    wanted["metadata"]["finalizers"] = json!(["x.io/a"]);
    rig.ok("POST", MAPS, &wanted).await;
    let uri = format!("{MAPS}/a");
    for (media, patch, code) in [
        ("application/json-patch+json", json!([{ "op": "add", "path": "/data/b", "value": "2" }]), 200),
        ("application/json-patch+json", json!([{ "op": "test", "path": "/data/b", "value": "9" }]), 422),
        ("application/json-patch+json", json!({ "not": "a list" }), 400),
        ("application/merge-patch+json", json!({ "data": { "a": null } }), 200),
        ("application/merge-patch+json", json!(["not a map"]), 400),
        ("application/strategic-merge-patch+json", json!({ "metadata": { "finalizers": ["x.io/b"] } }), 200),
        ("application/merge-patch+json", json!({ "metadata": { "resourceVersion": "1" } }), 409),
        ("application/apply-patch+yaml", json!({}), 422),
        ("application/json", json!({}), 415),
    ] {
        let answer = send(&rig.admin, "PATCH", &uri, &[("content-type", media)], &patch.to_string()).await;
        assert_eq!(answer.status.as_u16(), code, "{media} {patch}: {}", answer.text);
    }
    let read = rig.ok("GET", &uri, &serde_json::Value::Null).await;
    assert_eq!(read["data"], json!({ "b": "2" }));
    assert_eq!(read["metadata"]["finalizers"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn unknown_fields_are_told() {
    let rig = rig().await;
    let mut wanted = map("a");
    wanted["extra"] = json!(1);
    let told = rig.send("POST", MAPS, &wanted).await;
    assert_eq!(told.headers["warning"], "299 - \"unknown field \\\"extra\\\"\"");
    let message = rig.refused(400, "POST", &format!("{MAPS}?fieldValidation=Strict"), &wanted).await;
    assert!(message.contains("strict decoding error: unknown field \"extra\""), "{message}");
}

/// The messages are those of upstream's field validation of patches.
#[tokio::test]
async fn odd_fields_of_patches_are_told() {
    let rig = rig().await;
    rig.ok("POST", MAPS, &map("a")).await;
    let operations = r#"[{"op":"add","path":"/data","value":{},"foo":1},{"op":"add","path":"/data","path":"/x","value":1}]"#;
    let of_operations =
        r#"json patch unknown field "[0].foo", json patch duplicate field "[1].path", unknown field "x""#;
    let twice = r#"{"data":{"a":"1","a":"2"}}"#;
    for (media, patch, expect, shown) in [
        ("application/merge-patch+json", twice, r#"duplicate field "data.a""#, r#"\"data\":{\"a\":\"2\"}"#),
        (
            "application/strategic-merge-patch+json",
            twice,
            r#"duplicate field "data.a""#,
            r#""map[data:map[a:2]]""#,
        ),
        ("application/json-patch+json", operations, of_operations, r#"\"x\":1"#),
    ] {
        let sent = async |validation: &str| {
            let uri = format!("{MAPS}/a?fieldValidation={validation}");
            send(&rig.admin, "PATCH", &uri, &[("content-type", media)], patch).await
        };
        let refused = sent("Strict").await;
        assert_eq!(refused.status.as_u16(), 422, "{}", refused.text);
        let message = refused.json()["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with(r#" "" is invalid: patch: Invalid value: ""#), "{message}");
        assert!(message.contains(shown), "{message}");
        assert!(message.ends_with(&format!("strict decoding error: {expect}")), "{message}");
        let warned = sent("Warn").await;
        let warnings = warned.headers.get_all("warning").iter();
        let warnings: Vec<&str> = warnings.map(|it| it.to_str().unwrap()).collect();
        let expect: Vec<String> =
            expect.split(", ").map(|it| format!("299 - \"{}\"", it.replace('"', "\\\""))).collect();
        assert_eq!(warnings, expect);
        assert_eq!(warned.status.as_u16(), 200, "{}", warned.text);
        assert!(sent("Ignore").await.headers.get("warning").is_none());
    }
    let unfit = rig.merge(&format!("{MAPS}/a"), &json!({ "data": { "a": 1 } })).await;
    assert_eq!(unfit.json()["details"]["causes"][0]["field"], "patch", "{}", unfit.text);
}

#[tokio::test]
async fn fixed_paths_answer() {
    let rig = rig().await;
    for (uri, part) in [
        ("/healthz", "ok"),
        ("/readyz?verbose", "[+]watch-cache ok"),
        ("/livez/ping", "ok"),
        (
            "/livez?verbose&exclude=foo&exclude=log",
            "cannot be excluded: no matches for \"foo\"\nlivez check passed",
        ),
        ("/version", "v1.37.0"),
        ("/metrics", "apiserver_request_total"),
        ("/", "/apis/apps/v1"),
        ("/api/", "APIVersions"),
        ("/apis/", "APIGroupList"),
        ("/apis/batch/v1", "cronjobs/status"),
        ("/openapi/v3", "apis/apps/v1"),
        ("/openid/v1/jwks", "\"keys\""),
    ] {
        let answer = send(&rig.admin, "GET", uri, &[], "").await;
        assert!(answer.status.is_success() && answer.text.contains(part), "{uri}: {}", answer.text);
    }
}

#[tokio::test]
async fn documents_are_kept_by_their_hash() {
    let rig = rig().await;
    let index = rig.ok("GET", "/openapi/v3", &serde_json::Value::Null).await;
    let place = index["paths"]["apis/apps/v1"]["serverRelativeURL"].as_str().unwrap();
    let right = send(&rig.admin, "GET", place, &[], "").await;
    assert_eq!(right.headers["cache-control"], "public, immutable");
    assert!(right.headers["expires"].to_str().unwrap().ends_with(" GMT"));
    let wrong = send(&rig.admin, "GET", "/openapi/v3/apis/apps/v1?hash=0", &[], "").await;
    assert_eq!((wrong.status.as_u16(), wrong.headers["location"].to_str().unwrap()), (301, place));
    let none = send(&rig.admin, "GET", "/openapi/v3/apis/apps/v1", &[], "").await;
    assert_eq!(none.headers["cache-control"], "no-cache, private");
}

#[tokio::test]
async fn people_get_indented_answers() {
    let rig = rig().await;
    rig.ok("POST", MAPS, &map("a")).await;
    for (uri, agent, expect) in [
        (format!("{MAPS}/a?pretty=true"), "kubectl/v1", "{\n  \"apiVersion\": \"v1\""),
        (format!("{MAPS}/b"), "curl/8", "{\n  \"apiVersion\": \"v1\""),
        (MAPS.to_owned(), "curl/8", "{\n  "),
        (MAPS.to_owned(), "kubectl/v1", "{\""),
        (format!("{MAPS}?watch=1&timeoutSeconds=1&pretty=1"), "curl/8", "{\"type\":\"ADDED\""),
        ("/apis".to_owned(), "curl/8", "{\n  "),
        ("/version".to_owned(), "curl/8", "{\n  "),
    ] {
        let answer = send(&rig.admin, "GET", &uri, &[("user-agent", agent)], "").await;
        assert!(answer.text.starts_with(expect), "{uri} {agent}: {}", answer.text);
        let length = answer.headers.get("content-length").map(|it| it.to_str().unwrap().to_owned());
        assert!(length.is_none_or(|it| it == answer.text.len().to_string()), "{uri}");
    }
}

#[tokio::test]
async fn every_answer_names_its_request() {
    let rig = rig().await;
    for uri in [MAPS, "/nosuch", "/healthz", "/api/v1/namespaces/default/configmaps/nope"] {
        let own = send(&rig.admin, "GET", uri, &[], "").await;
        assert_eq!(own.headers["audit-id"].len(), 36, "{uri}");
        let given = send(&rig.admin, "GET", uri, &[("Audit-ID", "mine")], "").await;
        assert_eq!(given.headers["audit-id"], "mine", "{uri}");
    }
}
