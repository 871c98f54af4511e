//! Makes config maps, secrets and quotas.

use crate::args::{
    CreateConfigMap, CreateGenericSecret, CreateQuota, CreateRegistrySecret, CreateTlsSecret, Entries,
};
use anyhow::{Context, Result, anyhow, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

type Bytes = BTreeMap<String, Vec<u8>>;

/// Every entry that the flags name.
fn entries(flags: &Entries) -> Result<Bytes> {
    let mut found = Bytes::new();
    let mut add = |key: &str, value: Vec<u8>| {
        let is_key =
            !key.is_empty() && key.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_.".contains(&it));
        if !is_key {
            bail!(
                "{key:?} is not a valid key name: a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
            );
        }
        match found.insert(key.to_owned(), value) {
            None => Ok(()),
            Some(_) => bail!("cannot add key {key:?}, another key by that name already exists"),
        }
    };
    for literal in &flags.from_literal {
        let pair = literal.split_once('=').filter(|(key, _)| !key.is_empty());
        let (key, value) =
            pair.ok_or_else(|| anyhow!("invalid literal source {literal}, expected key=value"))?;
        add(key, value.trim_matches(['"', '\'']).into())?;
    }
    for source in &flags.from_file {
        for (key, path) in files(source)? {
            add(&key, std::fs::read(&path).with_context(|| format!("error reading {path}"))?)?;
        }
    }
    for path in &flags.from_env_file {
        let text = std::fs::read_to_string(path).with_context(|| format!("error reading {path}"))?;
        for line in text.lines().map(str::trim_start).filter(|it| !it.is_empty() && !it.starts_with('#')) {
            let (key, value) = line.split_once('=').unwrap_or((line, ""));
            add(key, value.into())?;
        }
    }
    Ok(found)
}

/// The keys and paths of `KEY=FILE`, `FILE`, or a folder.
fn files(source: &str) -> Result<Vec<(String, String)>> {
    let (key, path) = match source.split_once('=') {
        Some((key, path)) => (Some(key), path),
        None => (None, source),
    };
    let name_of =
        |path: &Path| path.file_name().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
    if let Some(key) = key {
        return Ok(vec![(key.to_owned(), path.to_owned())]);
    }
    let path = Path::new(path);
    if !path.is_dir() {
        return Ok(vec![(name_of(path), path.display().to_string())]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        if path.is_file() {
            found.push((name_of(&path), path.display().to_string()));
        }
    }
    Ok(found)
}

/// `create configmap`
pub(super) fn config_map(args: &CreateConfigMap) -> Result<Value> {
    let (mut data, mut binary) = (Map::new(), Map::new());
    for (key, value) in entries(&args.entries)? {
        match String::from_utf8(value) {
            Ok(text) => data.insert(key, text.into()),
            Err(error) => binary.insert(key, STANDARD.encode(error.as_bytes()).into()),
        };
    }
    let mut object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": args.name}});
    for (field, map) in [("data", data), ("binaryData", binary)] {
        if !map.is_empty() {
            object[field] = Value::Object(map);
        }
    }
    Ok(object)
}

fn secret(name: &str, kind: Option<&str>, data: Bytes) -> Value {
    let mut object = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}});
    let data: Map<String, Value> =
        data.into_iter().map(|(key, value)| (key, STANDARD.encode(value).into())).collect();
    if !data.is_empty() {
        object["data"] = Value::Object(data);
    }
    if let Some(kind) = kind {
        object["type"] = kind.into();
    }
    object
}

/// `create secret generic`
pub(super) fn generic_secret(args: &CreateGenericSecret) -> Result<Value> {
    Ok(secret(&args.name, args.kind.as_deref(), entries(&args.entries)?))
}

/// `create secret tls`
pub(super) fn tls_secret(args: &CreateTlsSecret) -> Result<Value> {
    let read = |path: &str| std::fs::read(path).with_context(|| format!("error reading {path}"));
    let data = Bytes::from([("tls.crt".into(), read(&args.cert)?), ("tls.key".into(), read(&args.key)?)]);
    Ok(secret(&args.name, Some("kubernetes.io/tls"), data))
}

/// `create secret docker-registry`
pub(super) fn registry_secret(args: &CreateRegistrySecret) -> Value {
    let (user, password) = (&args.docker_username, &args.docker_password);
    let mut entry = json!({"username": user, "password": password, "auth": STANDARD.encode(format!("{user}:{password}"))});
    if let Some(email) = &args.docker_email {
        entry["email"] = email.clone().into();
    }
    let config = json!({"auths": {args.docker_server.as_str(): entry}}).to_string();
    let data = Bytes::from([(".dockerconfigjson".into(), config.into_bytes())]);
    secret(&args.name, Some("kubernetes.io/dockerconfigjson"), data)
}

/// `create quota`
pub(super) fn quota(args: &CreateQuota) -> Result<Value> {
    let mut hard = Map::new();
    for pair in args.hard.iter().flat_map(|it| it.split(',')) {
        let Some((key, value)) = pair.split_once('=') else {
            bail!("invalid argument syntax {pair}, expected <resource>=<value>");
        };
        hard.insert(key.to_owned(), value.into());
    }
    let spec = if hard.is_empty() { json!({}) } else { json!({"hard": hard}) };
    Ok(
        json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": args.name}, "spec": spec, "status": {}}),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literals(list: &[&str]) -> Entries {
        let from_literal = list.iter().map(|it| (*it).to_owned()).collect();
        Entries { from_literal, from_file: Vec::new(), from_env_file: Vec::new() }
    }

    #[test]
    fn entries_come_from_literals() {
        let found = entries(&literals(&["a=1", "b=x=y", "c='q'"])).unwrap();
        let expect = [("a", "1"), ("b", "x=y"), ("c", "q")];
        assert_eq!(found, expect.map(|(key, value)| (key.to_owned(), value.as_bytes().to_vec())).into());
        for wrong in [&["a"][..], &["=1"], &["a=1", "a=2"], &["a b=1"]] {
            assert!(entries(&literals(wrong)).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn secrets_are_encoded() {
        let data = Bytes::from([("x".into(), b"1".to_vec())]);
        assert_eq!(secret("a", None, data)["data"], json!({"x": "MQ=="}));
    }
}
