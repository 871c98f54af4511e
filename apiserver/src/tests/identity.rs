//! Signing requests and bootstrap tokens, as those who make, approve and use them see them.

use super::{Answer, Rig, rig, send};
use crate::UserInfo;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const REQUESTS: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const SIGNER: &str = "kubernetes.io/kube-apiserver-client";

const JANE: &str = include_str!("testdata/jane.csr");
const MASTERS: &str = include_str!("testdata/masters.csr");
const CERTIFICATE: &str = include_str!("testdata/jane.crt");

fn request(pem: &str) -> Value {
    json!({
        "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": { "name": "a" },
        "spec": {
            "request": STANDARD.encode(pem), "signerName": SIGNER, "usages": ["client auth"],
            "username": "somebody-else", "groups": ["system:masters"],
        },
    })
}

fn with(request: &Value, status: Value) -> Value {
    let mut request = request.clone();
    request["status"] = status;
    request
}

fn condition(type_: &str) -> Value {
    json!({ "conditions": [{ "type": type_, "status": "True", "reason": "Test", "message": "" }] })
}

async fn put(rig: &Rig, user: UserInfo, below: &str, body: &Value) -> Answer {
    let mut body = body.clone();
    body["metadata"]["resourceVersion"] = Value::Null;
    send(&rig.acting(user), "PUT", &format!("{REQUESTS}/a/{below}"), &[], &body.to_string()).await
}

/// A user who may do these things with signing requests, and these with the signer.
async fn signer(rig: &Rig, name: &str, signers: &[&str], verb: &str) -> UserInfo {
    let roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
    let mut rules = vec![json!({
        "apiGroups": ["certificates.k8s.io"], "verbs": ["get", "update"],
        "resources": ["certificatesigningrequests", "certificatesigningrequests/approval", "certificatesigningrequests/status"],
    })];
    if !signers.is_empty() {
        let group = ["certificates.k8s.io"];
        rules.push(json!({ "apiGroups": group, "resources": ["signers"], "verbs": [verb], "resourceNames": signers }));
    }
    let meta = json!({ "name": name });
    rig.ok("POST", roles, &json!({ "metadata": meta, "rules": rules })).await;
    let role = json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name });
    let subject = json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name });
    let binding = json!({ "metadata": meta, "roleRef": role, "subjects": [subject] });
    rig.ok("POST", &roles.replace("roles", "rolebindings"), &binding).await;
    // A read waits until the cache, and with it the rights, have seen all of this.
    rig.ok("GET", roles, &Value::Null).await;
    UserInfo::authenticated(name, [])
}

#[tokio::test]
async fn a_request_says_who_made_it_and_never_changes() {
    let rig = rig().await;
    let made = rig.ok("POST", REQUESTS, &request(JANE)).await;
    assert_eq!(made["spec"]["username"], "admin");
    assert_eq!(made["spec"]["groups"], json!(["system:masters", "system:authenticated"]));
    let patch = json!({ "spec": { "usages": ["server auth"] }, "metadata": { "labels": { "a": "b" } } });
    let kept = rig.merge(&format!("{REQUESTS}/a"), &patch).await.json();
    assert_eq!((&kept["spec"], &kept["metadata"]["labels"]["a"]), (&made["spec"], &json!("b")));
}

#[tokio::test]
async fn what_is_no_request_or_wants_too_much_is_refused() {
    let rig = rig().await;
    let refused = rig.refused(422, "POST", REQUESTS, &request("not a request")).await;
    assert!(refused.contains("spec.request: Invalid value"), "{refused}");
    let lines: String = JANE.lines().filter(|it| !it.starts_with('-')).collect();
    let mut damaged = STANDARD.decode(lines).unwrap();
    *damaged.last_mut().unwrap() ^= 1;
    let begin = "-----BEGIN CERTIFICATE REQUEST-----";
    let damaged = format!("{begin}\n{}\n{}\n", STANDARD.encode(damaged), begin.replace("BEGIN", "END"));
    let refused = rig.refused(422, "POST", REQUESTS, &request(&damaged)).await;
    assert!(refused.contains("signature is invalid"), "{refused}");
    let refused = rig.refused(403, "POST", REQUESTS, &request(MASTERS)).await;
    assert!(refused.ends_with("signer with system:masters group is not allowed"), "{refused}");
}

#[tokio::test]
async fn approving_takes_the_right_to_the_signer() {
    let rig = rig().await;
    let made = rig.ok("POST", REQUESTS, &request(JANE)).await;
    let approved = with(&made, condition("Approved"));
    let clerk = signer(&rig, "clerk", &[], "approve").await;
    let refused = put(&rig, clerk, "approval", &approved).await;
    assert_eq!(refused.status, 403);
    let expect = format!("user not permitted to approve requests with signerName \\\"{SIGNER}\\\"");
    assert!(refused.text.contains(&expect), "{}", refused.text);
    let boss = signer(&rig, "boss", &["kubernetes.io/*"], "approve").await;
    let answer = put(&rig, boss.clone(), "approval", &approved).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.json()["status"]["conditions"][0]["lastUpdateTime"].is_string());
    let none = with(&made, json!({}));
    assert_eq!(put(&rig, boss.clone(), "approval", &none).await.status, 422);
    let both = json!({ "conditions": [condition("Approved")["conditions"][0], condition("Denied")["conditions"][0]] });
    let refused = put(&rig, boss, "approval", &with(&made, both)).await;
    assert!(refused.text.contains("mutually exclusive"), "{}", refused.text);
}

#[tokio::test]
async fn signing_takes_the_right_to_the_signer_and_a_certificate() {
    let rig = rig().await;
    let made = rig.ok("POST", REQUESTS, &request(JANE)).await;
    let signed = |pem: &str| with(&made, json!({ "certificate": STANDARD.encode(pem) }));
    let clerk = signer(&rig, "clerk", &[SIGNER], "approve").await;
    assert_eq!(put(&rig, clerk, "status", &signed(CERTIFICATE)).await.status, 403);
    let boss = signer(&rig, "boss", &[SIGNER], "sign").await;
    let refused = put(&rig, boss.clone(), "status", &signed("no certificate")).await;
    assert!(refused.text.contains("status.certificate"), "{}", refused.text);
    let refused = put(&rig, boss.clone(), "status", &with(&made, condition("Approved"))).await;
    assert!(refused.text.contains("may not add a condition of type"), "{}", refused.text);
    assert_eq!(put(&rig, boss, "status", &signed(CERTIFICATE)).await.status, 200);
    let through_main =
        rig.merge(&format!("{REQUESTS}/a"), &json!({ "status": { "certificate": null } })).await;
    assert!(through_main.json()["status"]["certificate"].is_string());
}

#[tokio::test]
async fn a_bootstrap_token_lets_in_whom_its_secret_names() {
    let rig = rig().await;
    let secrets = "/api/v1/namespaces/kube-system/secrets";
    let token = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "bootstrap-token-abcdef" },
        "type": "bootstrap.kubernetes.io/token",
        "stringData": {
            "token-id": "abcdef", "token-secret": "0123456789abcdef", "usage-bootstrap-authentication": "true",
            "auth-extra-groups": "system:bootstrappers:here",
        },
    });
    rig.ok("POST", secrets, &token).await;
    let review = |token: &str| json!({ "spec": { "token": token } });
    let reviews = "/apis/authentication.k8s.io/v1/tokenreviews";
    let told = rig.ok("POST", reviews, &review("abcdef.0123456789abcdef")).await;
    assert_eq!(told["status"]["user"]["username"], "system:bootstrap:abcdef");
    let groups = json!(["system:bootstrappers", "system:bootstrappers:here", "system:authenticated"]);
    assert_eq!(told["status"]["user"]["groups"], groups);
    for wrong in ["abcdef.0123456789abcdeg", "abcdeg.0123456789abcdef"] {
        let told = rig.ok("POST", reviews, &review(wrong)).await;
        assert!(told["status"]["user"].is_null(), "{told}");
    }
    let end = json!({ "stringData": { "expiration": "2020-01-01T00:00:00Z" } });
    rig.merge(&format!("{secrets}/bootstrap-token-abcdef"), &end).await;
    rig.send("GET", secrets, &Value::Null).await;
    let told = rig.ok("POST", reviews, &review("abcdef.0123456789abcdef")).await;
    assert!(told["status"]["user"].is_null(), "{told}");
}
