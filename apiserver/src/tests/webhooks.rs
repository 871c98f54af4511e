//! Webhooks that really are asked, over HTTPS.

use super::{MAPS, Rig, labelled, map, rig};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use daemon::{Clock, Tasks};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use pki::{Authority, San, Validity};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const GROUP: &str = "/apis/admissionregistration.k8s.io/v1";

type Answer = dyn Fn(&Value) -> Value + Send + Sync;

/// A webhook; stops when it is dropped.
pub(super) struct Hook {
    pub(super) port: u16,
    pub(super) bundle: String,
    shared: Arc<Shared>,
    tasks: Tasks,
}

struct Shared {
    answer: Mutex<Arc<Answer>>,
    seen: Mutex<Vec<Value>>,
    connections: Mutex<usize>,
    delay: Mutex<Duration>,
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.tasks.cancel();
    }
}

impl Hook {
    pub(super) async fn start() -> Self {
        let validity = Validity::days(Clock::system().now(), 1);
        let authority = Authority::create("webhooks", validity).unwrap();
        let names = [San::of("127.0.0.1"), San::of("hook.default.svc")];
        let pair = authority.issue_server("hook", &names, validity).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(pki::tls::server_config(&pair, None).unwrap()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shared = Arc::new(Shared {
            answer: Mutex::new(Arc::new(|_| json!({ "allowed": true }))),
            seen: Mutex::default(),
            connections: Mutex::default(),
            delay: Mutex::default(),
        });
        let (tasks, port) = (Tasks::new(), listener.local_addr().unwrap().port());
        let token = tasks.token();
        let listening = listen(listener, acceptor, shared.clone(), tasks.clone());
        tasks.spawn("webhook", async move { token.run_until_cancelled(listening).await.unwrap_or_default() });
        Self { port, bundle: STANDARD.encode(authority.cert_pem()), shared, tasks }
    }

    pub(super) fn answer(&self, answer: impl Fn(&Value) -> Value + Send + Sync + 'static) {
        *self.shared.answer.lock().unwrap() = Arc::new(answer);
    }

    pub(super) fn seen(&self) -> Vec<Value> {
        std::mem::take(&mut self.shared.seen.lock().unwrap())
    }

    /// Registers this webhook for config maps.
    pub(super) async fn register(&self, rig: &Rig, kind: &str, name: &str, fields: &Value) {
        let rule = json!({
            "apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["configmaps", "namespaces"],
        });
        let client = json!({ "url": format!("https://127.0.0.1:{}/x", self.port), "caBundle": self.bundle });
        let mut webhook = json!({
            "name": format!("{name}.example.com"), "clientConfig": client, "rules": [rule],
            "admissionReviewVersions": ["v1"], "sideEffects": "None", "timeoutSeconds": 5,
        });
        for (field, value) in fields.as_object().into_iter().flatten() {
            webhook[field] = value.clone();
        }
        let configuration = json!({ "metadata": { "name": name }, "webhooks": [webhook] });
        rig.ok("POST", &format!("{GROUP}/{kind}webhookconfigurations"), &configuration).await;
    }
}

async fn listen(listener: TcpListener, acceptor: TlsAcceptor, shared: Arc<Shared>, tasks: Tasks) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, shared, token) = (acceptor.clone(), shared.clone(), tasks.token());
        let serve = async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            *shared.connections.lock().unwrap() += 1;
            let service = hyper::service::service_fn(move |request| answer(shared.clone(), request));
            let connection = hyper::server::conn::http1::Builder::new();
            drop(connection.serve_connection(TokioIo::new(stream), service).await);
        };
        tasks.spawn(
            "webhook request",
            async move { token.run_until_cancelled(serve).await.unwrap_or_default() },
        );
    }
}

async fn answer(
    shared: Arc<Shared>,
    request: http::Request<Incoming>,
) -> Result<http::Response<Full<Bytes>>, hyper::Error> {
    let body = request.into_body().collect().await?.to_bytes();
    let mut review: Value = serde_json::from_slice(&body).unwrap();
    let answer = shared.answer.lock().unwrap().clone();
    let mut response = answer(&review["request"]);
    response["uid"] = review["request"]["uid"].clone();
    shared.seen.lock().unwrap().push(review["request"].take());
    let delay = *shared.delay.lock().unwrap();
    daemon::clock::sleep(delay).await;
    let said = json!({ "apiVersion": review["apiVersion"], "kind": review["kind"], "response": response });
    Ok(http::Response::new(Full::new(said.to_string().into())))
}

pub(super) fn patch(operations: &Value) -> Value {
    json!({ "allowed": true, "patchType": "JSONPatch", "patch": STANDARD.encode(operations.to_string()) })
}

#[tokio::test]
async fn a_webhook_sees_what_is_going_on_and_may_refuse_it() {
    let (rig, hook) = (rig().await, Hook::start().await);
    hook.register(&rig, "validating", "a", &json!({})).await;
    rig.ok("POST", MAPS, &map("a")).await;
    let answer = rig.merge(&format!("{MAPS}/a"), &json!({ "data": { "x": "y" } })).await;
    assert!(answer.status.is_success(), "{}", answer.text);
    rig.ok("DELETE", &format!("{MAPS}/a"), &Value::Null).await;
    let seen = hook.seen();
    let operations: Vec<&Value> = seen.iter().map(|it| &it["operation"]).collect();
    assert_eq!(operations, ["CREATE", "UPDATE", "DELETE"]);
    assert_eq!(seen[0]["kind"], json!({ "group": "", "version": "v1", "kind": "ConfigMap" }));
    assert_eq!(seen[0]["resource"], json!({ "group": "", "version": "v1", "resource": "configmaps" }));
    assert_eq!((&seen[0]["name"], &seen[0]["namespace"]), (&json!("a"), &json!("default")));
    assert_eq!((&seen[0]["dryRun"], &seen[0]["oldObject"]), (&json!(false), &Value::Null));
    assert_eq!(seen[0]["userInfo"]["username"], "admin");
    assert_eq!(seen[1]["object"]["data"], json!({ "x": "y" }));
    assert_eq!((&seen[2]["object"], &seen[2]["oldObject"]["data"]), (&Value::Null, &json!({ "x": "y" })));
    assert_eq!(seen[2]["options"]["kind"], "DeleteOptions");
    assert_eq!(*hook.shared.connections.lock().unwrap(), 1, "connections are kept");

    hook.answer(
        |_| json!({ "allowed": false, "status": { "message": "no", "code": 418, "reason": "Teapot" } }),
    );
    let answer = rig.send("POST", MAPS, &map("b")).await;
    let status = answer.json();
    assert_eq!(answer.status.as_u16(), 418);
    assert_eq!(status["message"], r#"admission webhook "a.example.com" denied the request: no"#);
    assert_eq!(status["reason"], "Teapot");
    rig.refused(404, "GET", &format!("{MAPS}/b"), &Value::Null).await;
    rig.ok("DELETE", &format!("{GROUP}/validatingwebhookconfigurations/a"), &Value::Null).await;
    rig.ok("POST", MAPS, &map("b")).await;
}

#[tokio::test]
async fn webhooks_change_objects_in_turn_and_see_later_changes_if_they_want() {
    let (rig, first, second) = (rig().await, Hook::start().await, Hook::start().await);
    first.register(&rig, "mutating", "a", &json!({ "reinvocationPolicy": "IfNeeded" })).await;
    second.register(&rig, "mutating", "b", &json!({})).await;
    first.answer(|request| match request["object"]["data"]["second"].is_null() {
        true => patch(&json!([{ "op": "add", "path": "/data", "value": { "first": "1" } }])),
        false => patch(&json!([{ "op": "replace", "path": "/data/first", "value": "2" }])),
    });
    second.answer(|_| patch(&json!([{ "op": "add", "path": "/data/second", "value": "1" }])));
    let made = rig.ok("POST", MAPS, &map("a")).await;
    assert_eq!(made["data"], json!({ "first": "2", "second": "1" }));
    assert_eq!((first.seen().len(), second.seen().len()), (2, 1));

    let bad = json!([{ "op": "add", "path": "/metadata/labels", "value": { "bad label": "x" } }]);
    second.answer(move |_| patch(&bad));
    rig.refused(422, "POST", MAPS, &map("b")).await;
    second.answer(|_| patch(&json!([{ "op": "remove", "path": "/no/such" }])));
    rig.refused(500, "POST", MAPS, &map("b")).await;
    second.answer(|_| patch(&json!([{ "op": "replace", "path": "/metadata/name", "value": "other" }])));
    rig.refused(400, "POST", MAPS, &map("b")).await;
    let message = rig.refused(500, "DELETE", &format!("{MAPS}/a"), &Value::Null).await;
    assert!(message.contains("attempted to modify the object"), "{message}");
}

#[tokio::test]
async fn a_webhook_that_cannot_be_asked_counts_by_its_policy() {
    for (policy, code) in [("Fail", 500), ("Ignore", 201)] {
        let (rig, hook) = (rig().await, Hook::start().await);
        hook.register(&rig, "validating", "a", &json!({ "failurePolicy": policy, "timeoutSeconds": 1 }))
            .await;
        *hook.shared.delay.lock().unwrap() = Duration::from_secs(4);
        let answer = rig.send("POST", MAPS, &map("a")).await;
        assert_eq!(answer.status.as_u16(), code, "{}", answer.text);
        let port = hook.port;
        drop(hook);
        let expect = format!(
            r#"Internal error occurred: failed calling webhook "a.example.com": failed to call webhook: Post "https://127.0.0.1:{port}/x?timeout=1s": "#
        );
        if policy == "Fail" {
            assert_eq!(answer.json()["message"], format!("{expect}context deadline exceeded"));
        }
        // The listener goes with its task.
        for _ in 0..200 {
            let answer = rig.send("POST", MAPS, &map("b")).await;
            let text = answer.json()["message"].as_str().unwrap_or_default().to_owned();
            if policy == "Ignore" || text.ends_with("connection refused") {
                break;
            }
            daemon::clock::sleep(Duration::from_millis(10)).await;
        }
        let answer = rig.send("POST", MAPS, &map("c")).await;
        assert_eq!(answer.status.as_u16(), code, "{}", answer.text);
        if policy == "Fail" {
            let refused = format!("{expect}dial tcp 127.0.0.1:{port}: connect: connection refused");
            assert_eq!(answer.json()["message"], refused);
        }
    }
}

#[tokio::test]
async fn selectors_conditions_and_dry_runs_limit_webhooks() {
    let (rig, hook) = (rig().await, Hook::start().await);
    let fields = json!({
        "namespaceSelector": { "matchLabels": { "hook": "on" } },
        "objectSelector": { "matchLabels": { "check": "me" } },
        "matchConditions": [{ "name": "x", "expression": "!object.metadata.name.startsWith('free')" }],
        "sideEffects": "NoneOnDryRun",
    });
    hook.register(&rig, "validating", "a", &fields).await;
    hook.answer(|_| json!({ "allowed": false }));
    rig.ok("POST", MAPS, &labelled("a", "check", "me")).await;
    rig.merge("/api/v1/namespaces/default", &json!({ "metadata": { "labels": { "hook": "on" } } })).await;
    rig.ok("POST", MAPS, &map("b")).await;
    rig.ok("POST", MAPS, &labelled("free", "check", "me")).await;
    rig.refused(400, "POST", MAPS, &labelled("c", "check", "me")).await;
    assert_eq!(hook.seen().len(), 1);
    rig.refused(400, "POST", &format!("{MAPS}?dryRun=All"), &labelled("c", "check", "me")).await;
    assert_eq!(hook.seen()[0]["dryRun"], true);
    // Taking the label away is seen, too: the object had it.
    let patch = json!({ "metadata": { "labels": { "check": null } } });
    assert_eq!(rig.merge(&format!("{MAPS}/a"), &patch).await.status.as_u16(), 400);
}

#[tokio::test]
async fn warnings_of_webhooks_reach_the_client() {
    let (rig, hook) = (rig().await, Hook::start().await);
    hook.register(&rig, "validating", "a", &json!({})).await;
    hook.answer(|_| json!({ "allowed": true, "warnings": ["careful"] }));
    for (method, uri, body) in
        [("POST", MAPS.to_owned(), map("a")), ("DELETE", format!("{MAPS}/a"), Value::Null)]
    {
        let answer = rig.send(method, &uri, &body).await;
        assert_eq!(answer.headers["warning"], r#"299 - "careful""#, "{method}");
    }
}

#[tokio::test]
async fn a_service_stands_for_its_endpoints() {
    let (rig, hook) = (rig().await, Hook::start().await);
    let client = json!({ "service": { "namespace": "default", "name": "hook" }, "caBundle": hook.bundle });
    hook.register(&rig, "validating", "a", &json!({ "clientConfig": client })).await;
    let message = rig.refused(500, "POST", MAPS, &map("a")).await;
    assert!(
        message.ends_with(r#"https://hook.default.svc:443/?timeout=5s": service "hook" not found"#),
        "{message}"
    );
    let service = json!({ "metadata": { "name": "hook" }, "spec": { "ports": [{ "port": 443 }] } });
    rig.ok("POST", "/api/v1/namespaces/default/services", &service).await;
    let message = rig.refused(500, "POST", MAPS, &map("a")).await;
    assert!(message.ends_with(r#"no endpoints available for service "hook""#), "{message}");
    let slice = json!({
        "metadata": { "name": "hook", "labels": { "kubernetes.io/service-name": "hook" } }, "addressType": "IPv4",
        "endpoints": [{ "addresses": ["127.0.0.1"] }], "ports": [{ "name": "", "port": hook.port }],
    });
    rig.ok("POST", "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", &slice).await;
    rig.ok("POST", MAPS, &map("a")).await;
    assert_eq!(hook.seen().len(), 1);
}

#[tokio::test]
async fn posted_things_and_scales_are_shown_as_what_they_are() {
    let (rig, hook) = (rig().await, Hook::start().await);
    let rule = json!({ "apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"] });
    hook.register(&rig, "validating", "a", &json!({ "rules": [rule] })).await;
    rig.ok("POST", "/api/v1/namespaces/default/pods", &super::pod("p")).await;
    let bind = json!({ "metadata": { "name": "p" }, "target": { "name": "n" } });
    rig.ok("POST", "/api/v1/namespaces/default/pods/p/binding", &bind).await;
    rig.send("POST", "/api/v1/namespaces/default/pods/p/exec?command=ls&stdin=true", &Value::Null).await;
    rig.send("POST", "/api/v1/namespaces/default/pods/p/eviction", &json!({ "metadata": { "name": "p" } }))
        .await;
    rig.ok("POST", "/api/v1/namespaces/default/serviceaccounts/default/token", &json!({ "spec": {} })).await;
    let seen = hook.seen();
    let shown: Vec<String> = seen
        .iter()
        .map(|it| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let (operation, kind) = (text(&it["operation"]), text(&it["kind"]["kind"]));
            format!("{operation} {kind} {}/{}", text(&it["resource"]["resource"]), text(&it["subResource"]))
        })
        .collect();
    assert_eq!(
        shown,
        [
            "CREATE Pod pods/",
            "CREATE Binding pods/binding",
            "CONNECT PodExecOptions pods/exec",
            "CREATE Eviction pods/eviction",
            "CREATE TokenRequest serviceaccounts/token",
        ]
    );
    assert_eq!(seen[2]["object"]["command"], json!(["ls"]));
}

#[tokio::test]
async fn equivalent_versions_are_shown_as_the_rule_names_them() {
    let (rig, hook) = (rig().await, Hook::start().await);
    let rule = json!({
        "apiGroups": ["events.k8s.io"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["events"],
    });
    hook.register(&rig, "mutating", "a", &json!({ "rules": [rule] })).await;
    hook.answer(|_| patch(&json!([{ "op": "replace", "path": "/note", "value": "changed" }])));
    let event = json!({
        "metadata": { "name": "e" }, "message": "m", "reason": "R", "type": "Normal",
        "involvedObject": { "kind": "Pod", "name": "p", "namespace": "default" },
    });
    let made = rig.ok("POST", "/api/v1/namespaces/default/events", &event).await;
    assert_eq!((&made["apiVersion"], &made["message"]), (&json!("v1"), &json!("changed")));
    let seen = hook.seen();
    assert_eq!(seen[0]["kind"]["group"], "events.k8s.io");
    assert_eq!(
        (&seen[0]["requestKind"]["group"], &seen[0]["requestResource"]["group"]),
        (&json!(""), &json!(""))
    );
    assert_eq!(seen[0]["object"]["apiVersion"], "events.k8s.io/v1");
}

#[tokio::test]
async fn configurations_are_never_shown() {
    let (rig, hook) = (rig().await, Hook::start().await);
    let everything =
        json!({ "apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"] });
    hook.register(&rig, "validating", "a", &json!({ "rules": [everything] })).await;
    hook.answer(|_| json!({ "allowed": false }));
    let review = json!({ "spec": { "user": "u", "nonResourceAttributes": { "verb": "get", "path": "/x" } } });
    rig.refused(400, "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", &review).await;
    let path = format!("{GROUP}/validatingwebhookconfigurations/a");
    rig.ok("GET", &path, &Value::Null).await;
    rig.ok("DELETE", &path, &Value::Null).await;
    rig.ok("POST", MAPS, &map("a")).await;
}
