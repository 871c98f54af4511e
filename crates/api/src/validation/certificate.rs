//! What is wrong with a CertificateSigningRequest, as far as it can be told without decoding what is asked for.
//!
//! Start at [`signing_request`]. Whether `spec.request` is a request and `status.certificate` a certificate is the API
//! server's to check.

use crate::field::{Error, Errors, Path};
use crate::validation::names;
use k8s_openapi::api::certificates::v1::{CertificateSigningRequest, CertificateSigningRequestCondition};
use std::collections::BTreeSet;

/// The conditions by which a request is decided.
pub const DECISIONS: [&str; 2] = [APPROVED, DENIED];
/// Somebody with the right to has agreed.
pub const APPROVED: &str = "Approved";
/// Somebody with the right to has refused.
pub const DENIED: &str = "Denied";
/// The signer could not do what was approved.
pub const FAILED: &str = "Failed";

/// The signer of requests from before signers had names; this version of the API does not take such requests.
pub const LEGACY_UNKNOWN: &str = "kubernetes.io/legacy-unknown";

const SHORTEST: i32 = 600;
const USAGES: &[&str] = &[
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
];

/// What is wrong with a CertificateSigningRequest.
pub fn signing_request(request: &CertificateSigningRequest) -> Errors {
    let (mut errors, path, spec) = (Errors::new(), Path::new("spec"), &request.spec);
    if spec.request.0.is_empty() {
        errors.push(Error::required(&path.child("request"), ""));
    }
    signer_name(&mut errors, &path.child("signerName"), &spec.signer_name);
    usages(&mut errors, &path.child("usages"), spec.usages.as_deref().unwrap_or_default());
    if let Some(seconds) = spec.expiration_seconds.filter(|it| *it < SHORTEST) {
        let detail = "may not specify a duration less than 600 seconds (10 minutes)";
        errors.push(Error::invalid(&path.child("expirationSeconds"), seconds, detail));
    }
    conditions(&mut errors, &conditions_path(), conditions_of(request));
    errors
}

/// What is wrong with a new one only.
pub fn signing_request_create(request: &CertificateSigningRequest) -> Errors {
    if request.spec.signer_name != LEGACY_UNKNOWN {
        return Errors::new();
    }
    let detail = "the legacy signerName is not allowed via this API version";
    vec![Error::invalid(&Path::new("spec").child("signerName"), LEGACY_UNKNOWN, detail)]
}

/// What is wrong with any change of one.
pub fn signing_request_update(new: &CertificateSigningRequest, old: &CertificateSigningRequest) -> Errors {
    let lost = |type_: &&str| count(new, type_) < count(old, type_);
    let detail = |type_| format!("updates may not remove a condition of type {type_:?}");
    let kept = [APPROVED, DENIED, FAILED];
    kept.into_iter().filter(lost).map(|it| Error::forbidden(&conditions_path(), detail(it))).collect()
}

/// What is wrong with a change by a signer, who may neither approve nor deny, nor issue twice.
pub fn signing_request_status(new: &CertificateSigningRequest, old: &CertificateSigningRequest) -> Errors {
    let detail = |type_| format!("updates may not add a condition of type {type_:?}");
    let added = DECISIONS.into_iter().filter(|it| count(new, it) > count(old, it));
    let mut errors: Errors = added.map(|it| Error::forbidden(&conditions_path(), detail(it))).collect();
    let certificate =
        |it: &CertificateSigningRequest| it.status.as_ref().and_then(|it| it.certificate.clone());
    let (new, old) = (certificate(new), certificate(old));
    if new != old && old.is_some_and(|it| !it.0.is_empty()) {
        let detail = "updates may not modify existing certificate content";
        errors.push(Error::forbidden(&Path::new("status").child("certificate"), detail));
    }
    errors
}

fn conditions_path() -> Path {
    Path::new("status").child("conditions")
}

fn conditions_of(request: &CertificateSigningRequest) -> &[CertificateSigningRequestCondition] {
    request.status.as_ref().and_then(|it| it.conditions.as_deref()).unwrap_or_default()
}

fn count(request: &CertificateSigningRequest, type_: &str) -> usize {
    conditions_of(request).iter().filter(|it| it.type_ == type_).count()
}

/// `DOMAIN/PATH`.
fn signer_name(errors: &mut Errors, path: &Path, name: &str) {
    if name.is_empty() {
        errors.push(Error::required(path, ""));
        return;
    }
    let Some((domain, rest)) = name.split_once('/').filter(|(_, rest)| !rest.contains('/')) else {
        let detail = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
        errors.push(Error::invalid(path, name, detail));
        return;
    };
    if domain.len() > names::SUBDOMAIN_LENGTH {
        errors.push(Error::too_long(path, names::SUBDOMAIN_LENGTH));
    }
    for (index, label) in domain.split('.').enumerate() {
        let wrong = names::dns_label(label).into_iter();
        errors
            .extend(wrong.map(|it| Error::invalid(path, domain, format!("validating label {index}: {it}"))));
    }
    if !domain.contains('.') {
        let detail = "should be a domain with at least two segments separated by dots";
        errors.push(Error::invalid(path, domain, detail));
    }
    for (index, label) in rest.split('.').enumerate() {
        let wrong = names::dns_subdomain(label).into_iter();
        errors.extend(wrong.map(|it| Error::invalid(path, rest, format!("validating label {index}: {it}"))));
    }
}

fn usages(errors: &mut Errors, path: &Path, usages: &[String]) {
    if usages.is_empty() {
        errors.push(Error::required(path, "usages must be provided"));
    }
    let mut seen = BTreeSet::new();
    for (index, usage) in usages.iter().enumerate() {
        if !USAGES.contains(&usage.as_str()) {
            errors.push(Error::not_supported(&path.index(index), usage.as_str(), USAGES));
        } else if !seen.insert(usage) {
            errors.push(Error::duplicate(&path.index(index), usage.as_str()));
        }
    }
}

fn conditions(errors: &mut Errors, path: &Path, conditions: &[CertificateSigningRequestCondition]) {
    let (mut seen, mut decision) = (BTreeSet::new(), None);
    for (index, condition) in conditions.iter().enumerate() {
        let (path, type_) = (path.index(index), condition.type_.as_str());
        if type_.is_empty() {
            errors.push(Error::required(&path.child("type"), ""));
        }
        let decides = DECISIONS.contains(&type_);
        let statuses: &[&str] =
            if decides || type_ == FAILED { &["True"] } else { &["False", "True", "Unknown"] };
        crate::validation::common::one_of(errors, &path.child("status"), Some(&condition.status), statuses);
        if !seen.insert(type_) {
            errors.push(Error::duplicate(&path.child("type"), type_));
        } else if decides && decision.replace(type_).is_some() {
            let detail = "Approved and Denied conditions are mutually exclusive";
            errors.push(Error::invalid(&path.child("type"), type_, detail));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategies::certificate::CertificateSigningRequestStrategy;
    use crate::strategy::Behaviour;
    use crate::{Resource, Subresource};
    use serde_json::{Value, json};

    fn request(spec: Value, status: Value) -> CertificateSigningRequest {
        let mut value = json!({"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
            "metadata": {"name": "a"}, "status": status,
            "spec": {"request": "YQ==", "signerName": "example.com/people", "usages": ["client auth"]}});
        for (key, field) in spec.as_object().unwrap() {
            value["spec"][key] = field.clone();
        }
        let object = CertificateSigningRequest::KIND.decode_value(value).unwrap();
        object.get::<CertificateSigningRequest>().unwrap().clone()
    }

    fn blamed(errors: &Errors) -> Vec<String> {
        errors.iter().map(|it| format!("{} {:?}", it.field, it.kind)).collect()
    }

    #[test]
    fn what_is_asked_for_is_checked() {
        let check = |spec: Value, expect: &[&str]| {
            assert_eq!(blamed(&signing_request(&request(spec, json!({})))), expect);
        };
        check(json!({}), &[]);
        check(json!({"request": ""}), &["spec.request Required"]);
        check(json!({"signerName": ""}), &["spec.signerName Required"]);
        check(json!({"signerName": "plain"}), &["spec.signerName Invalid"]);
        check(json!({"signerName": "nodots/x"}), &["spec.signerName Invalid"]);
        check(json!({"signerName": "example.com/a/b"}), &["spec.signerName Invalid"]);
        check(
            json!({"signerName": "Example.com/A"}),
            &["spec.signerName Invalid", "spec.signerName Invalid"],
        );
        check(json!({"usages": []}), &["spec.usages Required"]);
        check(json!({"usages": ["flying"]}), &["spec.usages[0] NotSupported"]);
        check(json!({"usages": ["signing", "signing"]}), &["spec.usages[1] Duplicate"]);
        check(json!({"expirationSeconds": 599}), &["spec.expirationSeconds Invalid"]);
        check(json!({"expirationSeconds": 600}), &[]);
        let legacy = request(json!({"signerName": LEGACY_UNKNOWN}), json!({}));
        assert_eq!(blamed(&signing_request_create(&legacy)), ["spec.signerName Invalid"]);
    }

    #[test]
    fn conditions_are_checked() {
        let check = |conditions: &[(&str, &str)], expect: &[&str]| {
            let conditions: Vec<Value> =
                conditions.iter().map(|(type_, status)| json!({"type": type_, "status": status})).collect();
            let request = request(json!({}), json!({"conditions": conditions}));
            assert_eq!(blamed(&signing_request(&request)), expect);
        };
        check(&[("Approved", "True"), ("Failed", "True")], &[]);
        check(&[("Approved", "False")], &["status.conditions[0].status NotSupported"]);
        check(&[("Mine", "")], &["status.conditions[0].status Required"]);
        check(&[("", "True")], &["status.conditions[0].type Required"]);
        check(&[("Approved", "True"), ("Denied", "True")], &["status.conditions[1].type Invalid"]);
        check(&[("Mine", "True"), ("Mine", "False")], &["status.conditions[1].type Duplicate"]);
    }

    /// A write through a subresource: what it makes of the status, and what it is blamed for.
    #[track_caller]
    fn check_below(below: Subresource, old: Value, new: Value, expect: Value, blame: &[&str]) {
        let (old, mut new) = (request(json!({}), old), request(json!({}), new));
        let now = "2030-01-01T00:00:00Z".parse().unwrap();
        CertificateSigningRequestStrategy::prepare_below(&mut new, &old, below, now);
        let mut errors = CertificateSigningRequestStrategy::validate_update(&new, &old);
        errors.extend(CertificateSigningRequestStrategy::validate_below(&new, &old, below));
        assert_eq!(blamed(&errors), blame);
        let mut status = serde_json::to_value(&new.status).unwrap();
        for condition in status.get_mut("conditions").and_then(Value::as_array_mut).into_iter().flatten() {
            condition.as_object_mut().unwrap().retain(|key, _| !key.starts_with("last"));
        }
        assert_eq!(status, expect);
    }

    #[test]
    fn approving_and_signing_are_two_things() {
        let approved = json!({"conditions": [{"type": "Approved", "status": "True", "reason": "Good"}]});
        let reworded = json!({"conditions": [{"type": "Approved", "status": "True", "reason": "Bad"}]});
        let issued = json!({"certificate": "YQ=="});
        let none = json!({});
        let forbidden = &["status.conditions Forbidden"];
        use Subresource::{Approval, Status};
        check_below(Approval, none.clone(), approved.clone(), approved.clone(), &[]);
        check_below(Approval, approved.clone(), none.clone(), none.clone(), forbidden);
        check_below(Approval, none.clone(), issued.clone(), none.clone(), &[]);
        check_below(Status, none.clone(), approved.clone(), approved.clone(), forbidden);
        check_below(Status, approved.clone(), reworded, approved.clone(), &[]);
        check_below(Status, none.clone(), issued.clone(), issued.clone(), &[]);
        let other = json!({"certificate": "Yg=="});
        check_below(Status, issued, other.clone(), other, &["status.certificate Forbidden"]);
    }
}
