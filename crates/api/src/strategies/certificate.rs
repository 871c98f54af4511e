//! How a CertificateSigningRequest behaves. Who asks is the API server's to fill in, and so are the checks that take a
//! decoder: whether the request is one, and the certificate.
//!
//! Two people write into the status and must not do each other's work: who approves (`approval`) only the conditions, who
//! signs (`status`) everything but approvals and denials.

use crate::field::Errors;
use crate::resources::Subresource;
use crate::strategies::cells::NONE;
use crate::strategy::{Behaviour, Column, SelectableField, age_cell, human_duration, name_cell};
use crate::validation::certificate as validation;
use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestCondition, CertificateSigningRequestStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::Value;

/// See the module.
#[derive(Debug)]
pub struct CertificateSigningRequestStrategy;

impl Behaviour for CertificateSigningRequestStrategy {
    type Object = CertificateSigningRequest;
    const GENERATION: bool = false;
    const COLUMNS: &'static [Column] = &[
        Column::NAME,
        Column::AGE,
        Column::text("SignerName", "Who shall sign."),
        Column::text("Requestor", "Who asked."),
        Column::text("RequestedDuration", "How long the certificate shall be valid."),
        Column::text("Condition", "How far the request is."),
    ];
    const FIELDS: &'static [&'static str] = &["spec.signerName"];

    fn prepare_create(request: &mut CertificateSigningRequest) {
        request.status = Some(CertificateSigningRequestStatus::default());
    }

    /// What is asked for never changes.
    fn prepare_update(request: &mut CertificateSigningRequest, old: &CertificateSigningRequest) {
        request.spec.clone_from(&old.spec);
    }

    fn prepare_below(
        request: &mut CertificateSigningRequest,
        old: &CertificateSigningRequest,
        below: Subresource,
        now: Timestamp,
    ) {
        let old = old.status.clone().unwrap_or_default();
        let status = request.status.get_or_insert_default();
        if below == Subresource::Approval {
            status.certificate.clone_from(&old.certificate);
        } else {
            keep_decisions(status, &old);
        }
        stamp(status, &old, now);
    }

    fn validate_below(
        object: &CertificateSigningRequest,
        old: &CertificateSigningRequest,
        below: Subresource,
    ) -> Errors {
        match below {
            Subresource::Approval => Errors::new(),
            _ => validation::signing_request_status(object, old),
        }
    }

    fn validate_create(object: &CertificateSigningRequest) -> Errors {
        validation::signing_request_create(object)
    }

    fn validate_update(object: &CertificateSigningRequest, old: &CertificateSigningRequest) -> Errors {
        validation::signing_request_update(object, old)
    }

    fn validate(object: &CertificateSigningRequest) -> Errors {
        validation::signing_request(object)
    }

    fn cells(request: &CertificateSigningRequest, now: Timestamp) -> Vec<Value> {
        let spec = &request.spec;
        let duration = spec.expiration_seconds.map(|it| human_duration(i64::from(it)));
        let signer = if spec.signer_name.is_empty() { NONE } else { &spec.signer_name };
        vec![
            name_cell(&request.metadata),
            age_cell(&request.metadata, now),
            signer.into(),
            spec.username.clone().unwrap_or_default().into(),
            duration.unwrap_or_else(|| NONE.to_owned()).into(),
            condition(request).into(),
        ]
    }

    fn fields(request: &CertificateSigningRequest) -> Vec<SelectableField> {
        vec![("spec.signerName", request.spec.signer_name.clone())]
    }
}

/// Approvals and denials stay as they were. One too many or too few is left for validation to refuse.
fn keep_decisions(status: &mut CertificateSigningRequestStatus, old: &CertificateSigningRequestStatus) {
    let decides =
        |it: &&CertificateSigningRequestCondition| validation::DECISIONS.contains(&it.type_.as_str());
    for new in status.conditions.iter_mut().flatten().filter(|it| decides(&&**it)) {
        if let Some(before) = old.conditions.iter().flatten().find(|it| it.type_ == new.type_) {
            new.clone_from(before);
        }
    }
}

/// When a condition was written is the server's to say, if its author has not.
fn stamp(
    status: &mut CertificateSigningRequestStatus,
    old: &CertificateSigningRequestStatus,
    now: Timestamp,
) {
    for new in status.conditions.iter_mut().flatten() {
        new.last_update_time.get_or_insert(Time(now));
        let same =
            |it: &&CertificateSigningRequestCondition| it.type_ == new.type_ && it.status == new.status;
        let before =
            old.conditions.iter().flatten().find(same).and_then(|it| it.last_transition_time.clone());
        if new.last_transition_time.is_none() {
            new.last_transition_time = Some(before.unwrap_or(Time(now)));
        }
    }
}

fn condition(request: &CertificateSigningRequest) -> String {
    let status = request.status.clone().unwrap_or_default();
    let has = |type_: &str| status.conditions.iter().flatten().any(|it| it.type_ == type_);
    let mut text = if has("Denied") {
        "Denied"
    } else if has("Approved") {
        "Approved"
    } else {
        "Pending"
    }
    .to_owned();
    if has("Failed") {
        text.push_str(",Failed");
    }
    if status.certificate.as_ref().is_some_and(|it| !it.0.is_empty()) {
        text.push_str(",Issued");
    }
    text
}
