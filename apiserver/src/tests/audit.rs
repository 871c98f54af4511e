//! The audit log, and warnings that go out with refusals.

use super::webhooks::patch;
use super::{MAPS, Rig, map, pod, rig_with, send};
use crate::audit::{AuditConfig, Target};
use crate::{Config, UserInfo};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

const POLICY: &str = r#"
apiVersion: audit.k8s.io/v1
kind: Policy
omitManagedFields: true
rules:
- level: None
  users: ["system:apiserver"]
- level: Metadata
  resources: [{group: "", resources: [secrets]}]
- level: RequestResponse
  resources: [{group: "", resources: [configmaps]}]
- level: Metadata
  omitStages: [RequestReceived]
"#;

struct Logged {
    rig: Rig,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

async fn logged() -> Logged {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let target = Target { path: path.clone(), max_size: 0, max_backup: 0, max_age: Duration::ZERO };
    let audit = AuditConfig { policy: POLICY.to_owned(), target };
    let rig = rig_with(|config: &mut Config| config.audit = Some(audit)).await;
    Logged { rig, path, _folder: folder }
}

impl Logged {
    /// Stops the server, and gives what was logged of requests whose URI begins so.
    async fn events(self, uri: &str) -> Vec<Value> {
        self.rig.tasks.shutdown().await;
        let text = std::fs::read_to_string(&self.path).unwrap();
        let events = text.lines().map(|it| serde_json::from_str::<Value>(it).unwrap());
        events.filter(|it| it["requestURI"].as_str().unwrap().starts_with(uri)).collect()
    }
}

fn stages(events: &[Value]) -> Vec<&str> {
    events.iter().map(|it| it["stage"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_request_is_told_stage_by_stage() {
    let it = logged().await;
    let answer = it.rig.send("POST", MAPS, &map("a")).await;
    let id = answer.headers["audit-id"].to_str().unwrap().to_owned();
    let events = it.events(MAPS).await;
    assert_eq!(stages(&events), ["RequestReceived", "ResponseComplete"]);
    let event = &events[1];
    assert_eq!((&event["kind"], &event["apiVersion"]), (&json!("Event"), &json!("audit.k8s.io/v1")));
    assert_eq!((&event["level"], &event["verb"]), (&json!("RequestResponse"), &json!("create")));
    assert_eq!((event["auditID"].as_str(), &event["user"]["username"]), (Some(id.as_str()), &json!("admin")));
    let reference =
        json!({ "resource": "configmaps", "namespace": "default", "name": "a", "apiVersion": "v1" });
    assert_eq!(event["objectRef"], reference);
    assert_eq!(
        (&event["responseStatus"]["code"], &event["requestObject"]["kind"]),
        (&json!(201), &json!("ConfigMap"))
    );
    assert!(event["responseObject"]["metadata"]["uid"].is_string());
    assert_eq!(event["responseObject"]["metadata"]["managedFields"], Value::Null);
    assert_eq!(event["annotations"]["authorization.k8s.io/decision"], "allow");
}

#[tokio::test]
async fn secrets_are_not_in_the_log() {
    let it = logged().await;
    let uri = "/api/v1/namespaces/default/secrets";
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "a" }, "stringData": { "x": "treasure" },
    });
    it.rig.ok("POST", uri, &secret).await;
    it.rig.ok("GET", uri, &Value::Null).await;
    it.rig.tasks.shutdown().await;
    let text = std::fs::read_to_string(&it.path).unwrap();
    assert_eq!(text.lines().filter(|it| it.contains(uri)).count(), 4);
    assert!(!text.contains("treasure") && !text.contains("dHJlYXN1cmU"), "{text}");
}

#[tokio::test]
async fn refusals_say_why() {
    let it = logged().await;
    let nobody = it.rig.acting(UserInfo::authenticated("ana", []));
    send(&nobody, "GET", "/api/v1/nodes", &[], "").await;
    let request = http::Request::get("/api/v1/nodes?x=y").header("authorization", "Bearer wrong");
    it.rig.server.answer_stranger(request.body(axum::body::Body::empty()).unwrap()).await;
    let events = it.events("/api/v1/nodes").await;
    assert_eq!(stages(&events), ["ResponseComplete", "ResponseStarted"]);
    let status = |it: &Value| (it["responseStatus"]["code"].clone(), it["responseStatus"]["reason"].clone());
    assert_eq!(status(&events[0]), (json!(403), json!("Forbidden")));
    assert_eq!(status(&events[1]), (json!(401), json!("Unauthorized")));
    assert_eq!(events[0]["annotations"]["authorization.k8s.io/decision"], "forbid");
}

#[tokio::test]
async fn a_watch_is_told_twice() {
    let it = logged().await;
    it.rig.send("GET", "/api/v1/pods?watch=1&timeoutSeconds=1", &Value::Null).await;
    let events = it.events("/api/v1/pods?watch").await;
    assert_eq!(stages(&events), ["ResponseStarted", "ResponseComplete"]);
}

#[tokio::test]
async fn admission_notes_what_it_lets_pass() {
    let it = logged().await;
    let group = "/apis/admissionregistration.k8s.io/v1";
    let rules = json!([{ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["configmaps"] }]);
    let policy = json!({
        "metadata": { "name": "p" },
        "spec": {
            "matchConstraints": { "resourceRules": rules },
            "validations": [{ "expression": "true" }, { "expression": "object.metadata.name != 'bad'" }],
            "auditAnnotations": [{ "key": "who", "valueExpression": "'name ' + object.metadata.name" }],
        },
    });
    it.rig.ok("POST", &format!("{group}/validatingadmissionpolicies"), &policy).await;
    let binding = json!({ "metadata": { "name": "b" }, "spec": { "policyName": "p", "validationActions": ["Audit", "Warn"] } });
    it.rig.ok("POST", &format!("{group}/validatingadmissionpolicybindings"), &binding).await;
    it.rig.ok("GET", &format!("{group}/validatingadmissionpolicybindings"), &Value::Null).await;
    it.rig.ok("POST", MAPS, &map("bad")).await;
    let labels = json!({ "metadata": { "labels": {
        "pod-security.kubernetes.io/audit": "baseline", "pod-security.kubernetes.io/enforce": "privileged",
    } } });
    it.rig.merge("/api/v1/namespaces/default", &labels).await;
    let mut bad = pod("a");
    bad["spec"]["hostNetwork"] = true.into();
    it.rig.ok("POST", "/api/v1/namespaces/default/pods", &bad).await;
    let events = it.events("/api/v1/namespaces/default/").await;
    let of = |resource: &str| {
        let of = |it: &&Value| it["objectRef"]["resource"] == resource && it["stage"] == "ResponseComplete";
        events.iter().find(of).unwrap()["annotations"].clone()
    };
    let maps = of("configmaps");
    assert_eq!(maps["p/who"], "name bad");
    let failures: Value =
        serde_json::from_str(maps["validation.policy.admission.k8s.io/validation_failure"].as_str().unwrap())
            .unwrap();
    assert_eq!(
        failures,
        json!([{
            "message": "failed expression: object.metadata.name != 'bad'", "policy": "p", "binding": "b",
            "expressionIndex": 1, "validationActions": ["Audit", "Warn"],
        }])
    );
    let pods = of("pods");
    assert_eq!(pods["pod-security.kubernetes.io/enforce-policy"], "privileged:latest");
    let violations = pods["pod-security.kubernetes.io/audit-violations"].as_str().unwrap();
    assert!(
        violations.starts_with("would violate PodSecurity \"baseline:latest\": host namespaces"),
        "{violations}"
    );
}

#[tokio::test]
async fn a_refusal_carries_the_warnings_of_those_who_let_it_pass() {
    let rig = super::rig().await;
    let group = "/apis/admissionregistration.k8s.io/v1";
    let rules =
        json!([{ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["pods"] }]);
    for (name, action) in [("a", "Warn"), ("b", "Deny")] {
        let policy = json!({
            "metadata": { "name": name },
            "spec": { "matchConstraints": { "resourceRules": rules }, "validations": [{ "expression": "false", "message": "no" }] },
        });
        rig.ok("POST", &format!("{group}/validatingadmissionpolicies"), &policy).await;
        let binding = json!({ "metadata": { "name": name }, "spec": { "policyName": name, "validationActions": [action] } });
        rig.ok("POST", &format!("{group}/validatingadmissionpolicybindings"), &binding).await;
    }
    let labels = json!({ "metadata": { "labels": { "pod-security.kubernetes.io/warn": "baseline" } } });
    rig.merge("/api/v1/namespaces/default", &labels).await;
    let mut bad = pod("a");
    bad["spec"]["hostNetwork"] = true.into();
    bad["spec"]["nonsense"] = true.into();
    let answer = rig.send("POST", "/api/v1/namespaces/default/pods", &bad).await;
    assert_eq!(answer.status, 422, "{}", answer.text);
    let warnings: Vec<&str> =
        answer.headers.get_all("warning").iter().map(|it| it.to_str().unwrap()).collect();
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert!(warnings[0].contains("unknown field"), "{warnings:?}");
    assert!(warnings[1].contains("would violate PodSecurity"), "{warnings:?}");
    assert!(warnings[2].contains("ValidatingAdmissionPolicy 'a' with binding 'a': no"), "{warnings:?}");
}

#[tokio::test]
async fn webhooks_note_what_they_did() {
    let it = logged().await;
    let hook = super::webhooks::Hook::start().await;
    hook.register(&it.rig, "mutating", "a", &json!({})).await;
    hook.answer(|_| {
        let mut answer = patch(&json!([{ "op": "add", "path": "/data", "value": { "x": "y" } }]));
        answer["auditAnnotations"] = json!({ "why": "because" });
        answer
    });
    it.rig.ok("POST", MAPS, &map("a")).await;
    let events = it.events(MAPS).await;
    let annotations = &events[1]["annotations"];
    assert_eq!(annotations["a.example.com/why"], "because");
    let told = |key: &str| serde_json::from_str::<Value>(annotations[key].as_str().unwrap()).unwrap();
    let expect = json!({ "configuration": "a", "webhook": "a.example.com", "mutated": true });
    assert_eq!(told("mutation.webhook.admission.k8s.io/round_0_index_0"), expect);
    assert_eq!(told("patch.webhook.admission.k8s.io/round_0_index_0")["patch"][0]["path"], "/data");
}

#[tokio::test]
async fn webhooks_that_could_not_be_asked_and_were_passed_over_are_told() {
    let it = logged().await;
    // Nobody listens there.
    let client = json!({ "url": "https://127.0.0.1:1/x", "caBundle": null });
    let rule = json!({ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"] });
    for (kind, name, resource) in
        [("mutating", "a", "secrets"), ("mutating", "b", "configmaps"), ("validating", "c", "configmaps")]
    {
        let mut rule = rule.clone();
        rule["resources"] = json!([resource]);
        let webhook = json!({
            "name": format!("{name}.example.com"), "clientConfig": client, "rules": [rule],
            "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Ignore",
        });
        let configuration = json!({ "metadata": { "name": name }, "webhooks": [webhook] });
        let group = "/apis/admissionregistration.k8s.io/v1";
        it.rig.ok("POST", &format!("{group}/{kind}webhookconfigurations"), &configuration).await;
    }
    it.rig.ok("POST", MAPS, &map("a")).await;
    let events = it.events(MAPS).await;
    let annotations = &events[1]["annotations"];
    let check = |key: &str, expect: &str| assert_eq!(annotations[key], expect, "{annotations:#}");
    check("failed-open.mutation.webhook.admission.k8s.io/round_0_index_1", "b.example.com");
    check("failed-open.validating.webhook.admission.k8s.io/round_0_index_0", "c.example.com");
    let told: Value = serde_json::from_str(
        annotations["mutation.webhook.admission.k8s.io/round_0_index_1"].as_str().unwrap(),
    )
    .unwrap();
    assert_eq!(told, json!({ "configuration": "b", "webhook": "b.example.com", "mutated": false }));
}
