//! Bodies that real kubectls sent, decoded.
//!
//! Each file of `fixtures/` has a client, its command line, the request body in hex, and the object: what the same
//! client prints as JSON (`--dry-run=client -o json`, nulls removed) where it can, and read by eye where it cannot.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its fixture has failed")]

use std::fs;

use k8s_openapi::api::{apps, authentication, authorization, batch, certificates, core, networking, policy};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use serde::de::DeserializeOwned;
use serde_json::Value;

struct Fixture {
    name: String,
    body: Vec<u8>,
    object: Value,
}

fn fixtures() -> Vec<Fixture> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.unwrap().path();
        let mut fixture: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let body = from_hex(fixture["body"].as_str().unwrap());
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        Fixture { name, body, object: fixture["object"].take() }
    };
    fs::read_dir(folder).unwrap().map(read).collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().map(|digit| digit.to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[test]
fn every_body_decodes_to_its_object() {
    let fixtures = fixtures();
    assert!(fixtures.len() > 30);
    for Fixture { name, body, object } in fixtures {
        assert_eq!(wire::decode(&body).unwrap(), object, "{name}");
    }
}

/// A cut inside of a value is an error; the envelope has three places between its fields where a cut cannot be seen.
#[test]
fn a_cut_body_is_an_error() {
    for Fixture { name, body, .. } in fixtures() {
        let unseen = (0..body.len()).filter(|length| wire::decode(&body[..*length]).is_ok()).count();
        assert!(unseen <= 3, "{name}: {unseen} prefixes decode");
    }
}

#[test]
fn one_flipped_byte_never_panics() {
    for Fixture { body, .. } in fixtures() {
        for index in 0..body.len() {
            for flip in [0x01, 0x80] {
                let mut broken = body.clone();
                broken[index] ^= flip;
                let _ = wire::decode(&broken);
            }
        }
    }
}

/// What the API server does next: the JSON becomes the typed object.
#[test]
fn bodies_are_their_typed_objects() {
    fn typed<T: DeserializeOwned>(name: &str) -> T {
        let fixture = fixtures().into_iter().find(|fixture| fixture.name == name).unwrap();
        serde_json::from_value(wire::decode(&fixture.body).unwrap()).unwrap()
    }
    let deployment: apps::v1::Deployment = typed("deployment");
    assert_eq!(deployment.spec.replicas, Some(0));
    let config_map: core::v1::ConfigMap = typed("configmap-binary");
    assert_eq!(config_map.binary_data.unwrap()["k"].0, [0xff, 0, 1]);
    let token: authentication::v1::TokenRequest = typed("token-full");
    assert_eq!(token.spec.unwrap().expiration_seconds, Some(600));
    let review: authorization::v1::SelfSubjectAccessReview = typed("can-i");
    assert_eq!(review.spec.resource_attributes.unwrap().resource.as_deref(), Some("pods"));
    let request: certificates::v1::CertificateSigningRequest = typed("csr-approve");
    assert_eq!(request.spec.extra.unwrap()["scopes"], ["a", "b"]);
    let options: DeleteOptions = typed("delete-options");
    assert_eq!(options.grace_period_seconds, Some(0));
    let ingress: networking::v1::Ingress = typed("ingress");
    assert_eq!(ingress.spec.unwrap().rules.unwrap()[0].http.as_ref().unwrap().paths.len(), 2);
    let budget: policy::v1::PodDisruptionBudget = typed("pdb");
    assert_eq!(serde_json::to_value(budget.spec.unwrap().min_available).unwrap(), 0);
    let job: batch::v1::Job = typed("job-from-cronjob");
    let pod = job.spec.unwrap().template.spec.unwrap();
    assert_eq!((pod.termination_grace_period_seconds, pod.volumes.unwrap().len()), (Some(0), 10));
}
