//! Certificate signing requests: who made one, who may approve and sign, and what only a decoder can check.
//!
//! Upstream: the admission controllers CertificateApproval, CertificateSigning and CertificateSubjectRestriction, and the
//! part of validation that reads PKCS #10 and X.509.

use super::{Attempt, Operation, Plugin, View};
use access::identity::MASTERS;
use access::{Attributes, ResourceTarget};
use api::ApiError;
use api::field::{Error, Path};
use api::k8s::api::certificates::v1::CertificateSigningRequest;

const CLIENT_SIGNER: &str = "kubernetes.io/kube-apiserver-client";

/// A request says who made it, whatever its author wrote.
pub(super) struct Requester;

impl Plugin for Requester {
    fn mutate(&self, attempt: &mut Attempt<'_>, _view: &View<'_>) -> Result<(), ApiError> {
        let user = attempt.user.to_wire();
        let old = attempt.old.and_then(|it| it.get::<CertificateSigningRequest>()).map(|it| it.spec.clone());
        let updates = attempt.operation == Operation::Update;
        let Some(request) = attempt.object.as_mut().and_then(|it| it.get_mut::<CertificateSigningRequest>())
        else {
            return Ok(());
        };
        if let Some(old) = old.filter(|_| updates) {
            request.spec = old;
            return Ok(());
        }
        let spec = &mut request.spec;
        (spec.username, spec.uid, spec.groups, spec.extra) =
            (user.username, user.uid, user.groups, user.extra);
        Ok(())
    }
}

/// Who approves, and who signs, needs the right to do so for the signer that is asked for.
pub(super) struct Signers;

impl Plugin for Signers {
    fn validate(&self, attempt: &Attempt<'_>, view: &View<'_>) -> Result<(), ApiError> {
        let Some((new, old)) = both(attempt) else { return Ok(()) };
        let (verb, doing) = match attempt.subresource {
            "approval" => ("approve", "approve"),
            "status" if new.status != old.status => ("sign", "sign"),
            _ => return Ok(()),
        };
        let signer = old.spec.signer_name.as_str();
        if may(attempt, view, verb, signer) {
            return Ok(());
        }
        let why = format!("user not permitted to {doing} requests with signerName {signer:?}");
        Err(attempt.forbidden(&why))
    }
}

/// The right to a signer, or to all signers of its domain.
fn may(attempt: &Attempt<'_>, view: &View<'_>, verb: &str, signer: &str) -> bool {
    let domain = format!("{}/*", signer.split('/').next().unwrap_or_default());
    [signer, &domain].into_iter().any(|name| {
        let target = ResourceTarget::of("certificates.k8s.io", "*", "signers").named(name);
        let attributes = Attributes::resource(attempt.user, verb, target);
        crate::authz::decide(view.state, &attributes).is_allowed()
    })
}

/// Nobody becomes an administrator by a certificate.
pub(super) struct Subjects;

impl Plugin for Subjects {
    fn validate(&self, attempt: &Attempt<'_>, _view: &View<'_>) -> Result<(), ApiError> {
        let creates = attempt.operation == Operation::Create && attempt.subresource.is_empty();
        let new = attempt.object.as_ref().and_then(|it| it.get::<CertificateSigningRequest>());
        let Some(new) = new.filter(|it| creates && it.spec.signer_name == CLIENT_SIGNER) else {
            return Ok(());
        };
        // What is no request is refused by [`Contents`].
        let Ok(asked) = pki::Request::parse_bytes(&new.spec.request.0) else { return Ok(()) };
        if !asked.organizations.iter().any(|it| it == MASTERS) {
            return Ok(());
        }
        let why = format!("use of {CLIENT_SIGNER} signer with {MASTERS} group is not allowed");
        Err(attempt.forbidden(&why))
    }
}

/// The request must be one, and so must the certificate.
pub(super) struct Contents;

impl Plugin for Contents {
    fn validate(&self, attempt: &Attempt<'_>, _view: &View<'_>) -> Result<(), ApiError> {
        let new = attempt.object.as_ref().and_then(|it| it.get::<CertificateSigningRequest>());
        let Some(new) = new else { return Ok(()) };
        let mut errors = Vec::new();
        if attempt.operation == Operation::Create
            && let Err(error) = pki::Request::parse_bytes(&new.spec.request.0)
        {
            let value = String::from_utf8_lossy(&new.spec.request.0).into_owned();
            errors.push(Error::invalid(&Path::new("spec").child("request"), value, daemon::chain(&error)));
        }
        let certificate = new.status.as_ref().and_then(|it| it.certificate.as_ref());
        if let Some(bytes) = certificate.filter(|it| !it.0.is_empty())
            && let Err(error) = pki::check_chain(&bytes.0)
        {
            let path = Path::new("status").child("certificate");
            errors.push(Error::invalid(&path, "<certificate data>", daemon::chain(&error)));
        }
        if errors.is_empty() {
            return Ok(());
        }
        Err(ApiError::invalid(attempt.kind.row(), &attempt.key.name, &errors))
    }
}

fn both<'a>(
    attempt: &'a Attempt<'_>,
) -> Option<(&'a CertificateSigningRequest, &'a CertificateSigningRequest)> {
    attempt.object.as_ref()?.get().zip(attempt.old?.get())
}
