use super::approving::ApprovingController;
use super::cleaning::CleaningController;
use super::signing::SigningController;
use super::*;
use jiff::Timestamp;
use k8s_openapi::ByteString;
use runtime::{Action, Controller, Plan};
use serde_json::{Value, json};

/// A request as `openssl` makes it, for `system:node:n1` of `system:nodes`: P-256, no alternative names.
const NODE: &str = include_str!("testdata/node.csr");
/// The same for `jane` of `dev`.
const JANE: &str = include_str!("testdata/jane.csr");
/// The same as the first, for the name `n1`.
const SERVER: &str = include_str!("testdata/server.csr");

fn request(signer: &str, pem: &str, usages: &[&str], status: Value) -> CertificateSigningRequest {
    let mut request: CertificateSigningRequest = serde_json::from_value(json!({
        "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
        "metadata": {"name": "a", "creationTimestamp": "2030-01-01T00:00:00Z"},
        "spec": {"request": "", "signerName": signer, "usages": usages, "username": "system:node:n1"},
        "status": status,
    }))
    .unwrap();
    request.spec.request = ByteString(pem.as_bytes().to_vec());
    request
}

fn line(plan: &Plan) -> String {
    match plan.actions.as_slice() {
        [] => "nothing".to_owned(),
        [Action::Update { object, .. }] => {
            let request = object.get::<CertificateSigningRequest>().unwrap();
            let last = conditions(request).last().unwrap();
            format!("{}: {}", last.type_, last.message.as_deref().unwrap_or_default())
        }
        [Action::Sign { lifetime, .. }] => format!("sign for {}s", lifetime.as_secs()),
        [Action::FirstAllowed(choices)] => {
            let rights = choices.iter().map(|(question, _)| {
                question.resource_attributes.as_ref().and_then(|it| it.subresource.clone()).unwrap()
            });
            rights.collect::<Vec<_>>().join(" or ")
        }
        actions => actions.iter().map(ToString::to_string).collect(),
    }
}

fn now() -> Timestamp {
    "2030-01-01T00:00:00Z".parse().unwrap()
}

#[test]
fn each_signer_has_its_rules() {
    let check = |signer: &str, pem: &str, usages: &[&str], expect: &str| {
        let request = request(signer, pem, usages, json!({}));
        assert_eq!(line(&SigningController::reconcile(&request, now())), expect, "{signer} {usages:?}");
    };
    let year = "sign for 31536000s";
    check(KUBE_APISERVER_CLIENT, JANE, &["client auth"], year);
    check(KUBE_APISERVER_CLIENT, JANE, &["client auth", "digital signature", "key encipherment"], year);
    check(
        KUBE_APISERVER_CLIENT,
        JANE,
        &["server auth"],
        "Failed: invalid usage for client certificate: server auth",
    );
    check(
        KUBE_APISERVER_CLIENT,
        JANE,
        &["digital signature"],
        "Failed: missing required usage for client certificate: client auth",
    );
    check(KUBELET_CLIENT, NODE, &["client auth", "digital signature"], year);
    check(
        KUBELET_CLIENT,
        JANE,
        &["client auth", "digital signature"],
        "Failed: subject organization is not system:nodes",
    );
    check(
        KUBELET_CLIENT,
        SERVER,
        &["client auth", "digital signature"],
        "Failed: DNS subjectAltNames are not allowed",
    );
    let expected = "Failed: usages did not match [client auth digital signature key encipherment]";
    check(KUBELET_CLIENT, NODE, &["client auth"], expected);
    check(KUBELET_SERVING, SERVER, &["server auth", "digital signature", "key encipherment"], year);
    check(
        KUBELET_SERVING,
        NODE,
        &["server auth", "digital signature"],
        "Failed: DNS or IP subjectAltName is required",
    );
    check("kubernetes.io/legacy-unknown", JANE, &["server auth"], year);
    check("example.com/mine", JANE, &["client auth"], "nothing");
}

#[test]
fn a_request_may_want_less_time_but_not_more() {
    for (seconds, expect) in [(600, 600), (3600, 3600), (1, 600), (i32::MAX, 365 * 24 * 3600)] {
        let mut request = request(KUBE_APISERVER_CLIENT, JANE, &["client auth"], json!({}));
        request.spec.expiration_seconds = Some(seconds);
        assert_eq!(line(&SigningController::reconcile(&request, now())), format!("sign for {expect}s"));
    }
}

#[test]
fn agents_get_what_they_have_the_right_to() {
    let check = |pem: &str, username: &str, usages: &[&str], expect: &str| {
        let mut request = request(KUBELET_CLIENT, pem, usages, json!({}));
        request.spec.username = Some(username.to_owned());
        assert_eq!(line(&ApprovingController::reconcile(&request, now())), expect);
    };
    let usages = &["client auth", "digital signature"];
    check(NODE, "system:node:n1", usages, "selfnodeclient or nodeclient");
    check(NODE, "system:bootstrap:abcdef", usages, "nodeclient");
    check(NODE, "system:node:n1", &["client auth"], "nothing");
    check(JANE, "jane", usages, "nothing");
}

#[test]
fn requests_go_when_they_have_had_their_time() {
    let check = |status: Value, after: &str, expect: &str| {
        let request = request(KUBE_APISERVER_CLIENT, JANE, &["client auth"], status.clone());
        assert_eq!(
            line(&CleaningController::reconcile(&request, after.parse().unwrap())),
            expect,
            "{status} {after}"
        );
    };
    let at = |type_: &str| json!({"conditions": [{"type": type_, "status": "True", "lastUpdateTime": "2030-01-01T10:00:00Z"}]});
    let gone = "delete certificatesigningrequest/a";
    check(json!({}), "2030-01-01T23:59:59Z", "nothing");
    check(json!({}), "2030-01-02T00:00:00Z", gone);
    for type_ in ["Approved", "Denied", "Failed"] {
        check(at(type_), "2030-01-01T10:59:59Z", "nothing");
        check(at(type_), "2030-01-01T11:00:00Z", gone);
    }
}
