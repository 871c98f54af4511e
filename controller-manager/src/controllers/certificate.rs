//! What becomes of certificate signing requests: some are approved by rule, approved ones are signed, old ones are deleted.
//!
//! Start at [`signing`]. Reading a request is pure; making the certificate is an action ([`runtime::Action::Sign`]).

pub(crate) mod approving;
pub(crate) mod cleaning;
pub mod signing;

use api::validation::certificate::{APPROVED, DECISIONS, FAILED};
use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestCondition, CertificateSigningRequestStatus,
};
use pki::Request;

const KUBE_APISERVER_CLIENT: &str = "kubernetes.io/kube-apiserver-client";
const KUBELET_CLIENT: &str = "kubernetes.io/kube-apiserver-client-kubelet";
const KUBELET_SERVING: &str = "kubernetes.io/kubelet-serving";

const NODE_GROUP: &str = "system:nodes";
const NODE_PREFIX: &str = "system:node:";

fn conditions(request: &CertificateSigningRequest) -> &[CertificateSigningRequestCondition] {
    request.status.as_ref().and_then(|it| it.conditions.as_deref()).unwrap_or_default()
}

fn is_approved(request: &CertificateSigningRequest) -> bool {
    let has = |type_: &str| conditions(request).iter().any(|it| it.type_ == type_);
    has(APPROVED) && !has("Denied")
}

fn is_decided(request: &CertificateSigningRequest) -> bool {
    conditions(request).iter().any(|it| DECISIONS.contains(&it.type_.as_str()))
}

fn has_failed(request: &CertificateSigningRequest) -> bool {
    conditions(request).iter().any(|it| it.type_ == FAILED && it.status == "True")
}

/// The certificate, once there is one.
fn issued(request: &CertificateSigningRequest) -> Option<&[u8]> {
    let certificate = request.status.as_ref()?.certificate.as_ref()?;
    (!certificate.0.is_empty()).then_some(&certificate.0)
}

/// The request with one more condition.
fn told(
    request: &CertificateSigningRequest,
    type_: &str,
    reason: &str,
    message: &str,
) -> CertificateSigningRequest {
    let condition = CertificateSigningRequestCondition {
        type_: type_.to_owned(),
        status: "True".to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        ..CertificateSigningRequestCondition::default()
    };
    let mut request = request.clone();
    let status: &mut CertificateSigningRequestStatus = request.status.get_or_insert_default();
    status.conditions.get_or_insert_default().push(condition);
    request
}

/// Why a request is not one for the client certificate of a node's agent.
fn not_a_node_client(asked: &Request, usages: &[String]) -> Option<String> {
    let first = |wrong: bool, why: &str| wrong.then(|| why.to_owned());
    first(asked.organizations != [NODE_GROUP], "subject organization is not system:nodes")
        .or_else(|| first(!asked.dns_names.is_empty(), "DNS subjectAltNames are not allowed"))
        .or_else(|| first(!asked.emails.is_empty(), "Email subjectAltNames are not allowed"))
        .or_else(|| first(!asked.addresses.is_empty(), "IP subjectAltNames are not allowed"))
        .or_else(|| first(!asked.uris.is_empty(), "URI subjectAltNames are not allowed"))
        .or_else(|| not_a_node(asked))
        .or_else(|| other_usages(usages, "client auth"))
}

/// Why a request is not one for the serving certificate of a node's agent.
fn not_a_node_server(asked: &Request, usages: &[String]) -> Option<String> {
    let first = |wrong: bool, why: &str| wrong.then(|| why.to_owned());
    let nameless = asked.dns_names.is_empty() && asked.addresses.is_empty();
    first(asked.organizations != [NODE_GROUP], "subject organization is not system:nodes")
        .or_else(|| first(nameless, "DNS or IP subjectAltName is required"))
        .or_else(|| first(!asked.emails.is_empty(), "Email subjectAltNames are not allowed"))
        .or_else(|| first(!asked.uris.is_empty(), "URI subjectAltNames are not allowed"))
        .or_else(|| other_usages(usages, "server auth"))
        .or_else(|| not_a_node(asked))
}

fn not_a_node(asked: &Request) -> Option<String> {
    let named = asked.common_name.as_deref().is_some_and(|it| it.starts_with(NODE_PREFIX));
    (!named).then(|| "subject common name does not begin with system:node:".to_owned())
}

/// Key encipherment makes sense for RSA keys only, so it may be left out.
fn other_usages(usages: &[String], purpose: &str) -> Option<String> {
    let mut sorted: Vec<&str> = usages.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    let mut expected = vec!["digital signature", "key encipherment", purpose];
    expected.sort_unstable();
    let without: Vec<&str> = expected.iter().copied().filter(|it| *it != "key encipherment").collect();
    (sorted != expected && sorted != without)
        .then(|| format!("usages did not match [{}]", expected.join(" ")))
}

#[cfg(test)]
mod tests;
