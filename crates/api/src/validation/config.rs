//! What is wrong with ConfigMaps and Secrets.

use crate::field::{Error, Errors, Path};
use crate::validation::common::{all, immutable};
use crate::validation::names;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use std::collections::BTreeMap;

/// Most bytes of all values together.
const SIZE: usize = 1 << 20;
const FROZEN: &str = "field is immutable when `immutable` is set";

/// What is wrong with a ConfigMap.
pub fn config_map(map: &ConfigMap) -> Errors {
    let mut errors = Errors::new();
    let (data, binary) = (Path::new("data"), Path::new("binaryData"));
    let mut size = 0;
    for (key, value) in map.data.iter().flatten() {
        all(&mut errors, &data.key(key), key, names::config_key(key));
        if map.binary_data.as_ref().is_some_and(|it| it.contains_key(key)) {
            errors.push(Error::invalid(
                &data.key(key),
                key.as_str(),
                "duplicate of key present in binaryData",
            ));
        }
        size += value.len();
    }
    for (key, value) in map.binary_data.iter().flatten() {
        all(&mut errors, &binary.key(key), key, names::config_key(key));
        size += value.0.len();
    }
    if size > SIZE {
        // Upstream blames no field in particular, and spells that so.
        errors.push(Error::too_long(&Path::new("[]"), SIZE));
    }
    errors
}

/// What is wrong with a change of a ConfigMap.
pub fn config_map_update(new: &ConfigMap, old: &ConfigMap) -> Errors {
    let mut errors = Errors::new();
    if old.immutable == Some(true) {
        frozen(&mut errors, "immutable", new.immutable == Some(true));
        frozen(&mut errors, "data", new.data == old.data);
        frozen(&mut errors, "binaryData", new.binary_data == old.binary_data);
    }
    errors
}

fn frozen(errors: &mut Errors, field: &str, same: bool) {
    if !same {
        errors.push(Error::forbidden(&Path::new(field), FROZEN));
    }
}

/// What is wrong with a Secret. Some types need certain keys.
pub fn secret(secret: &Secret) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("data"));
    let empty = BTreeMap::new();
    let data = secret.data.as_ref().unwrap_or(&empty);
    for key in data.keys() {
        all(&mut errors, &path.key(key), key, names::config_key(key));
    }
    if data.values().map(|it| it.0.len()).sum::<usize>() > SIZE {
        errors.push(Error::too_long(&path, SIZE));
    }
    let mut needs = |key: &str| {
        if !data.contains_key(key) {
            errors.push(Error::required(&path.key(key), ""));
        }
    };
    match secret.type_.as_deref().unwrap_or_default() {
        "kubernetes.io/service-account-token" => service_account(&mut errors, secret),
        "kubernetes.io/dockercfg" => json(&mut errors, &path, data, ".dockercfg"),
        "kubernetes.io/dockerconfigjson" => json(&mut errors, &path, data, ".dockerconfigjson"),
        "kubernetes.io/basic-auth" if !data.contains_key("password") => {
            needs("username");
            if !data.contains_key("username") {
                errors.push(Error::required(&path.key("password"), ""));
            }
        }
        "kubernetes.io/ssh-auth" => needs("ssh-privatekey"),
        "kubernetes.io/tls" => {
            needs("tls.crt");
            needs("tls.key");
        }
        _ => {}
    }
    errors
}

fn service_account(errors: &mut Errors, secret: &Secret) {
    let name = "kubernetes.io/service-account.name";
    if crate::meta::annotation(&secret.metadata, name).is_none_or(str::is_empty) {
        errors.push(Error::required(&Path::new("metadata").child("annotations").key(name), ""));
    }
}

fn json(errors: &mut Errors, path: &Path, data: &BTreeMap<String, ByteString>, key: &str) {
    match data.get(key) {
        None => errors.push(Error::required(&path.key(key), "")),
        Some(value) => {
            let parsed: Result<serde_json::Map<String, serde_json::Value>, _> =
                serde_json::from_slice(&value.0);
            if let Err(error) = parsed {
                errors.push(Error::invalid(&path.key(key), "<secret contents redacted>", error.to_string()));
            }
        }
    }
}

/// What is wrong with a change of a Secret.
pub fn secret_update(new: &Secret, old: &Secret) -> Errors {
    let mut errors = Errors::new();
    immutable(&mut errors, &Path::new("type"), &new.type_, &old.type_);
    if old.immutable == Some(true) {
        frozen(&mut errors, "immutable", new.immutable == Some(true));
        frozen(&mut errors, "data", new.data == old.data);
    }
    errors
}
