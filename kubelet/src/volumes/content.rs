//! The files of the volumes that the agent writes.

use std::{collections::BTreeMap, net::IpAddr};

use api::{
    k8s::api::core::v1::{
        DownwardAPIVolumeFile, KeyToPath, Pod, PodSpec, ServiceAccountTokenProjection, Volume,
        VolumeProjection,
    },
    pod::Amounts,
};

use crate::compose::{FieldError, Sources, field_text, resource_text};

use super::{DEFAULT_TOKEN_SECONDS, File, Files, TokenNeed};

const DEFAULT_MODE: i32 = 0o644;

/// Why a volume's files cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// A source is not there.
    #[error("{kind} \"{name}\" not found")]
    NoSource {
        /// `configmap` or `secret`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// A source lacks a key.
    #[error("references non-existent {kind} key: {key}")]
    NoKey {
        /// `config` or `secret`.
        kind: &'static str,
        /// What it lacks.
        key: String,
    },
    /// A field that is referred to cannot be read.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// A token was not given.
    #[error("failed to get a service account token")]
    NoToken,
    /// The node cannot do that.
    #[error("volumes of this kind are not supported on this node: {0}")]
    Unsupported(String),
}

/// What the files are made from.
pub struct Given<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// The pod's spec.
    pub spec: &'a PodSpec,
    /// ConfigMaps and Secrets.
    pub sources: &'a Sources,
    /// Service account tokens.
    pub tokens: &'a BTreeMap<TokenNeed, String>,
    /// The node's addresses.
    pub node_addresses: &'a [IpAddr],
    /// The pod's addresses.
    pub addresses: &'a [IpAddr],
    /// What pods may use of the node.
    pub allocatable: &'a Amounts,
}

/// The files of a volume; `None` when the agent does not write it.
pub fn content_of(volume: &Volume, given: &Given<'_>) -> Result<Option<Files>, ContentError> {
    let files = if let Some(source) = &volume.config_map {
        let keys = config_map(&source.name, source.optional, given)?;
        chosen(keys, source.items.as_deref(), source.optional, source.default_mode, "config")?
    } else if let Some(source) = &volume.secret {
        let keys = secret(source.secret_name.as_deref().unwrap_or_default(), source.optional, given)?;
        chosen(keys, source.items.as_deref(), source.optional, source.default_mode, "secret")?
    } else if let Some(source) = &volume.downward_api {
        downward(source.items.as_deref().unwrap_or_default(), source.default_mode, given)?
    } else if let Some(source) = &volume.projected {
        let mut files = Files::new();
        for part in source.sources.iter().flatten() {
            files.extend(projected(part, source.default_mode, given)?);
        }
        files
    } else {
        return Ok(None);
    };
    Ok(Some(files))
}

fn projected(part: &VolumeProjection, mode: Option<i32>, given: &Given<'_>) -> Result<Files, ContentError> {
    if let Some(source) = &part.config_map {
        let keys = config_map(&source.name, source.optional, given)?;
        return chosen(keys, source.items.as_deref(), source.optional, mode, "config");
    }
    if let Some(source) = &part.secret {
        let keys = secret(&source.name, source.optional, given)?;
        return chosen(keys, source.items.as_deref(), source.optional, mode, "secret");
    }
    if let Some(source) = &part.downward_api {
        return downward(source.items.as_deref().unwrap_or_default(), mode, given);
    }
    match &part.service_account_token {
        Some(source) => token(source, mode, given),
        None => Err(ContentError::Unsupported("a projected source other than the usual four".to_owned())),
    }
}

type Keys = BTreeMap<String, Vec<u8>>;

/// All keys of a ConfigMap; none when it is optional and absent.
fn config_map(name: &str, optional: Option<bool>, given: &Given<'_>) -> Result<Keys, ContentError> {
    match given.sources.config_maps.get(name).and_then(Option::as_ref) {
        Some(map) => {
            let text =
                map.data.iter().flatten().map(|(key, value)| (key.clone(), value.clone().into_bytes()));
            let binary = map.binary_data.iter().flatten().map(|(key, value)| (key.clone(), value.0.clone()));
            Ok(text.chain(binary).collect())
        }
        None if optional == Some(true) => Ok(Keys::new()),
        None => Err(ContentError::NoSource { kind: "configmap", name: name.to_owned() }),
    }
}

/// All keys of a Secret; none when it is optional and absent.
fn secret(name: &str, optional: Option<bool>, given: &Given<'_>) -> Result<Keys, ContentError> {
    match given.sources.secrets.get(name).and_then(Option::as_ref) {
        Some(secret) => {
            Ok(secret.data.iter().flatten().map(|(key, value)| (key.clone(), value.0.clone())).collect())
        }
        None if optional == Some(true) => Ok(Keys::new()),
        None => Err(ContentError::NoSource { kind: "secret", name: name.to_owned() }),
    }
}

/// The keys as files: all of them, or the items under their own paths and modes.
fn chosen(
    mut keys: Keys,
    items: Option<&[KeyToPath]>,
    optional: Option<bool>,
    mode: Option<i32>,
    kind: &'static str,
) -> Result<Files, ContentError> {
    let Some(items) = items.filter(|it| !it.is_empty()) else {
        return Ok(keys.into_iter().map(|(key, bytes)| (key, file(bytes, None, mode))).collect());
    };
    let mut files = Files::new();
    for item in items {
        match keys.remove(&item.key) {
            Some(bytes) => {
                files.insert(item.path.clone(), file(bytes.clone(), item.mode, mode));
                // The same key may be wanted under several paths.
                keys.insert(item.key.clone(), bytes);
            }
            None if optional == Some(true) => {}
            None => return Err(ContentError::NoKey { kind, key: item.key.clone() }),
        }
    }
    Ok(files)
}

fn downward(
    items: &[DownwardAPIVolumeFile],
    mode: Option<i32>,
    given: &Given<'_>,
) -> Result<Files, ContentError> {
    let mut files = Files::new();
    for item in items {
        let text = if let Some(field) = &item.field_ref {
            field_text(given.pod, &field.field_path, given.node_addresses, given.addresses)?
        } else if let Some(resource) = &item.resource_field_ref {
            resource_text(given.spec, None, resource, given.allocatable)?
        } else {
            continue;
        };
        files.insert(item.path.clone(), file(text.into_bytes(), item.mode, mode));
    }
    Ok(files)
}

fn token(
    source: &ServiceAccountTokenProjection,
    mode: Option<i32>,
    given: &Given<'_>,
) -> Result<Files, ContentError> {
    let token = given.tokens.get(&token_need(source)).ok_or(ContentError::NoToken)?;
    Ok(Files::from([(source.path.clone(), file(token.clone().into_bytes(), None, mode))]))
}

/// What a projection asks for.
pub(super) fn token_need(source: &ServiceAccountTokenProjection) -> TokenNeed {
    TokenNeed {
        audience: source.audience.clone().unwrap_or_default(),
        seconds: source.expiration_seconds.unwrap_or(DEFAULT_TOKEN_SECONDS),
    }
}

fn file(bytes: Vec<u8>, own: Option<i32>, default: Option<i32>) -> File {
    let mode = own.or(default).unwrap_or(DEFAULT_MODE);
    File { bytes, mode: u32::try_from(mode).unwrap_or(0o644) & 0o777 }
}
