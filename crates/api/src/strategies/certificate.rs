//! How a CertificateSigningRequest behaves. Who asks is the API server's to fill in.

use crate::field::Errors;
use crate::strategies::cells::NONE;
use crate::strategy::{Behaviour, Column, SelectableField, age_cell, human_duration, name_cell};
use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::{CertificateSigningRequest, CertificateSigningRequestStatus};
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

    fn validate(object: &CertificateSigningRequest) -> Errors {
        crate::validation::extension::signing_request(object)
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
