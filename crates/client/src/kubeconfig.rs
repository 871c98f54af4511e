//! kubeconfig files: reading, merging, writing.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where the server is, and who asks.
#[derive(Clone, Default)]
pub struct Credentials {
    /// Such as `https://127.0.0.1:6443`.
    pub server: String,
    /// Certificates of the authority that signed the server's.
    pub ca_pem: Vec<u8>,
    /// Client certificate and key.
    pub identity_pem: Option<(Vec<u8>, Vec<u8>)>,
    /// Bearer token.
    pub token: Option<String>,
    /// The context's default namespace.
    pub namespace: Option<String>,
}

/// A kubeconfig file. Fields that we don't know are kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Kubeconfig {
    /// Always `v1`.
    #[serde(rename = "apiVersion", default)]
    pub api_version: String,
    /// Always `Config`.
    #[serde(default)]
    pub kind: String,
    /// Servers by name.
    #[serde(default, deserialize_with = "null_as_default")]
    pub clusters: Vec<NamedCluster>,
    /// Identities by name.
    #[serde(default, deserialize_with = "null_as_default")]
    pub users: Vec<NamedUser>,
    /// Pairs of both by name.
    #[serde(default, deserialize_with = "null_as_default")]
    pub contexts: Vec<NamedContext>,
    /// The context in use.
    #[serde(default)]
    pub current_context: String,
    /// What else the file says.
    #[serde(flatten)]
    pub rest: BTreeMap<String, Value>,
}

/// A server with its name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NamedCluster {
    /// The name.
    pub name: String,
    /// The server.
    pub cluster: Cluster,
}

/// An identity with its name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NamedUser {
    /// The name.
    pub name: String,
    /// The identity.
    pub user: User,
}

/// A context with its name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NamedContext {
    /// The name.
    pub name: String,
    /// The context.
    pub context: Context,
}

/// A server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Cluster {
    /// URL.
    pub server: String,
    /// Base64 of PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_authority_data: Option<String>,
    /// A file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_authority: Option<PathBuf>,
    /// What else the file says.
    #[serde(flatten)]
    pub rest: BTreeMap<String, Value>,
}

/// An identity.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct User {
    /// Base64 of PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate_data: Option<String>,
    /// Base64 of PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_key_data: Option<String>,
    /// A file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<PathBuf>,
    /// A file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_key: Option<PathBuf>,
    /// Bearer token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// What else the file says.
    #[serde(flatten)]
    pub rest: BTreeMap<String, Value>,
}

/// A server and an identity.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Context {
    /// Name of the server.
    pub cluster: String,
    /// Name of the identity.
    pub user: String,
    /// Default namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// What else the file says.
    #[serde(flatten)]
    pub rest: BTreeMap<String, Value>,
}

/// Why a kubeconfig could not be used.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum Error {
    #[error("failed to read {path}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("failed to write {path}")]
    Write { path: PathBuf, source: std::io::Error },
    #[error("failed to understand {path}: {why}; mend or remove the file")]
    Parse { path: PathBuf, why: String },
    #[error(
        "there is no {what} named {name:?} in the kubeconfig; `kubectl config get-contexts` lists what there is"
    )]
    Missing { what: &'static str, name: String },
    #[error("{field} of the kubeconfig is not base64")]
    Base64 { field: &'static str },
}

fn null_as_default<'de, D: serde::Deserializer<'de>, T: Default + Deserialize<'de>>(
    from: D,
) -> Result<T, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

impl Kubeconfig {
    /// Reads a file; a missing one is an empty kubeconfig.
    pub fn load_or_default(path: &Path) -> Result<Self, Error> {
        match Self::load(path) {
            Err(Error::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                Ok(Self::default())
            }
            other => other,
        }
    }

    /// Reads a file.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let read = std::fs::read_to_string(path);
        let text = read.map_err(|source| Error::Read { path: path.to_owned(), source })?;
        Self::parse(&text).map_err(|why| Error::Parse { path: path.to_owned(), why })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let documents = api::yaml::documents(text).map_err(|it| it.to_string())?;
        let Some(document) = documents.into_iter().next() else { return Ok(Self::default()) };
        serde_json::from_value(document).map_err(|it| it.to_string())
    }

    /// Writes the file whole or not at all, readable by its owner only.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let value = serde_json::to_value(self).expect("a kubeconfig serializes to JSON");
        write_private(path, api::yaml::to_string(&value).as_bytes())
            .map_err(|source| Error::Write { path: path.to_owned(), source })
    }

    /// Adds or replaces the entries of one cluster, all under one name, and makes it the current context.
    pub fn put(&mut self, name: &str, credentials: &Credentials) {
        self.remove(name);
        "v1".clone_into(&mut self.api_version);
        "Config".clone_into(&mut self.kind);
        let cluster = Cluster {
            server: credentials.server.clone(),
            certificate_authority_data: Some(STANDARD.encode(&credentials.ca_pem)),
            ..Cluster::default()
        };
        let (certificate, key) = credentials.identity_pem.clone().unzip();
        let user = User {
            client_certificate_data: certificate.map(|it| STANDARD.encode(it)),
            client_key_data: key.map(|it| STANDARD.encode(it)),
            token: credentials.token.clone(),
            ..User::default()
        };
        let namespace = credentials.namespace.clone();
        let context =
            Context { cluster: name.to_owned(), user: name.to_owned(), namespace, ..Context::default() };
        self.clusters.push(NamedCluster { name: name.to_owned(), cluster });
        self.users.push(NamedUser { name: name.to_owned(), user });
        self.contexts.push(NamedContext { name: name.to_owned(), context });
        name.clone_into(&mut self.current_context);
    }

    /// Removes the entries of one cluster.
    pub fn remove(&mut self, name: &str) {
        self.clusters.retain(|it| it.name != name);
        self.users.retain(|it| it.name != name);
        self.contexts.retain(|it| it.name != name);
        if self.current_context == name {
            self.current_context.clear();
        }
    }

    /// Adds what another file says; what is here already wins, as kubectl merges the files of `$KUBECONFIG`.
    pub fn merge(&mut self, other: Self) {
        let Self { clusters, users, contexts, current_context, .. } = other;
        for it in clusters {
            if !self.clusters.iter().any(|mine| mine.name == it.name) {
                self.clusters.push(it);
            }
        }
        for it in users {
            if !self.users.iter().any(|mine| mine.name == it.name) {
                self.users.push(it);
            }
        }
        for it in contexts {
            if !self.contexts.iter().any(|mine| mine.name == it.name) {
                self.contexts.push(it);
            }
        }
        if self.current_context.is_empty() {
            self.current_context = current_context;
        }
    }

    /// The files that it names.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let authorities = self.clusters.iter().map(|it| &it.cluster.certificate_authority);
        let users = self.users.iter().flat_map(|it| [&it.user.client_certificate, &it.user.client_key]);
        authorities.chain(users).filter_map(|it| it.as_deref())
    }

    /// What a context (the current one if none is named) says of server and identity. Reads the files it names.
    pub fn credentials(&self, context: Option<&str>) -> Result<Credentials, Error> {
        let missing = |what, name: &str| Error::Missing { what, name: name.to_owned() };
        let name = context.unwrap_or(&self.current_context);
        let context =
            &self.contexts.iter().find(|it| it.name == name).ok_or_else(|| missing("context", name))?.context;
        let cluster = self.clusters.iter().find(|it| it.name == context.cluster);
        let cluster = &cluster.ok_or_else(|| missing("cluster", &context.cluster))?.cluster;
        let user = self.users.iter().find(|it| it.name == context.user);
        let user = &user.ok_or_else(|| missing("user", &context.user))?.user;
        let ca = material(
            "certificate-authority-data",
            cluster.certificate_authority_data.as_deref(),
            cluster.certificate_authority.as_deref(),
        )?;
        let certificate = material(
            "client-certificate-data",
            user.client_certificate_data.as_deref(),
            user.client_certificate.as_deref(),
        )?;
        let key = material("client-key-data", user.client_key_data.as_deref(), user.client_key.as_deref())?;
        Ok(Credentials {
            server: cluster.server.clone(),
            ca_pem: ca.unwrap_or_default(),
            identity_pem: certificate.zip(key),
            token: user.token.clone(),
            namespace: context.namespace.clone(),
        })
    }
}

/// The files that kubectl reads: those that `$KUBECONFIG` lists, else `~/.kube/config`.
pub fn default_paths(kubeconfig: Option<&str>, home: Option<&Path>) -> Vec<PathBuf> {
    match kubeconfig {
        Some(list) if !list.is_empty() => {
            std::env::split_paths(list).filter(|it| !it.as_os_str().is_empty()).collect()
        }
        _ => home.map(|it| it.join(".kube").join("config")).into_iter().collect(),
    }
}

fn material(field: &'static str, data: Option<&str>, file: Option<&Path>) -> Result<Option<Vec<u8>>, Error> {
    if let Some(data) = data.filter(|it| !it.is_empty()) {
        return STANDARD.decode(data).map(Some).map_err(|_| Error::Base64 { field });
    }
    let read =
        |path: &Path| std::fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source });
    file.map(read).transpose()
}

fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    if let Some(parent) = path.parent().filter(|it| !it.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let fresh = path.with_file_name(name);
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(fresh, path)
}
