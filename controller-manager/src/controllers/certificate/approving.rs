//! Approves what agents of nodes ask for themselves, as far as the one who asks has the right to it.
//!
//! Upstream: the right to create `certificatesigningrequests/selfnodeclient` or `.../nodeclient`, of the page "TLS
//! bootstrapping".

use super::{KUBELET_CLIENT, is_decided, issued, not_a_node_client, told};
use api::validation::certificate::APPROVED;
use api::{Key, Subresource};
use jiff::Timestamp;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReviewSpec};
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use pki::Request;
use runtime::{Action, Controller, Plan, Snapshot, Watch};

/// The approver of requests by nodes' agents.
pub(crate) enum ApprovingController {}

const REASON: &str = "AutoApproved";
const SELF: (&str, &str) =
    ("selfnodeclient", "Auto approving self kubelet client certificate after SubjectAccessReview.");
const ANY: (&str, &str) =
    ("nodeclient", "Auto approving kubelet client certificate after SubjectAccessReview.");

impl Controller for ApprovingController {
    type Observed<'a> = &'a CertificateSigningRequest;
    const NAME: &'static str = "certificatesigningrequest-approving-controller";
    const WATCHES: &'static [Watch] = &[Watch::of::<CertificateSigningRequest>()];

    fn observe<'a>(caches: &'a Snapshot, key: &'a Key) -> Option<&'a CertificateSigningRequest> {
        let request = caches.at::<CertificateSigningRequest>(key)?;
        let ours = request.spec.signer_name == KUBELET_CLIENT;
        (ours && !is_decided(request) && issued(request).is_none()).then_some(request)
    }

    fn reconcile(request: &CertificateSigningRequest, _now: Timestamp) -> Plan {
        let usages = request.spec.usages.as_deref().unwrap_or_default();
        // What cannot be read was let in by nobody; it stays for people to look at.
        let Ok(asked) = Request::parse_bytes(&request.spec.request.0) else { return Plan::nothing() };
        if not_a_node_client(&asked, usages).is_some() {
            return Plan::nothing();
        }
        let own = asked.common_name == request.spec.username;
        let choices = own.then_some(SELF).into_iter().chain([ANY]).map(|(right, message)| {
            let object = told(request, APPROVED, REASON, message).into();
            (question(request, right), Action::Update { object, below: Some(Subresource::Approval) })
        });
        Plan::of(vec![Action::FirstAllowed(choices.collect())])
    }
}

/// Whether the one who asks may.
fn question(request: &CertificateSigningRequest, right: &str) -> SubjectAccessReviewSpec {
    let spec = request.spec.clone();
    SubjectAccessReviewSpec {
        user: spec.username,
        uid: spec.uid,
        groups: spec.groups,
        extra: spec.extra,
        resource_attributes: Some(ResourceAttributes {
            group: Some("certificates.k8s.io".to_owned()),
            resource: Some("certificatesigningrequests".to_owned()),
            subresource: Some(right.to_owned()),
            verb: Some("create".to_owned()),
            version: Some("*".to_owned()),
            ..ResourceAttributes::default()
        }),
        ..SubjectAccessReviewSpec::default()
    }
}
