//! Waits until nodes are Ready, and says what the wait is for.

use crate::cluster::Cluster;
use crate::home::Folder;
use crate::material::Material;
use anyhow::{Context, Result, bail};
use api::Resource;
use client::https::Https;
use client::kubeconfig::Credentials;
use client::{Client, ListParams};
use daemon::{Clock, clock};
use k8s_openapi::api::core::v1::Node;
use std::process::Child;
use std::sync::Arc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
/// A server that takes longer for one answer is asked again.
const ANSWER: Duration = Duration::from_secs(2);
/// How long to leave between looks at a server that does not listen yet; there is nothing to be woken by.
const BETWEEN: Duration = Duration::from_millis(15);

/// Waits until the nodes are Ready; returns an administrator's credentials.
pub(crate) async fn wait(
    folder: &Folder,
    cluster: &Cluster,
    nodes: &[String],
    mut child: Option<&mut Child>,
) -> Result<Credentials> {
    let deadline = clock::instant() + PATIENCE;
    let mut client = None;
    loop {
        if let Some(child) = child.as_deref_mut()
            && let Some(status) = child.try_wait()?
        {
            bail!("the cluster's process ended with {status}:\n{}", last_lines(folder));
        }
        if client.is_none() {
            client = connect(folder, cluster)?;
        }
        let missing = match &client {
            Some((client, _)) => {
                clock::timeout(ANSWER, missing(client, nodes)).await.unwrap_or_else(|late| Err(late.into()))
            }
            None => Err(anyhow::anyhow!("its certificates are not made yet")),
        };
        match (missing, client.as_ref()) {
            (Ok(missing), Some((_, credentials))) if missing.is_empty() => return Ok(credentials.clone()),
            (missing, _) if clock::instant() > deadline => {
                let why =
                    missing.map_or_else(|it| format!("{it:#}"), |it| format!("not Ready: {}", it.join(", ")));
                bail!(
                    "the cluster did not get ready within {PATIENCE:?}: {why}; see {}",
                    folder.log().display()
                );
            }
            _ => clock::sleep(BETWEEN).await,
        }
    }
}

/// A client, once the cluster's authority is there.
fn connect(folder: &Folder, cluster: &Cluster) -> Result<Option<(Client, Credentials)>> {
    if !folder.pki().join("ca.key").exists() || !folder.pki().join("ca.crt").exists() {
        return Ok(None);
    }
    let credentials = administrator(folder, cluster)?;
    let transport = Https::new(&credentials).context("failed to set up a client")?;
    Ok(Some((Client::new(Arc::new(transport)), credentials)))
}

/// Credentials with all rights.
pub(crate) fn administrator(folder: &Folder, cluster: &Cluster) -> Result<Credentials> {
    let material = Material::open(&folder.pki(), Clock::system())?;
    let pair = material.client("admin", "kubernetes-admin", &["system:masters"])?;
    Ok(Credentials {
        server: format!("https://127.0.0.1:{}", cluster.port),
        ca_pem: material.ca_pem().as_bytes().to_vec(),
        identity_pem: Some((pair.cert_pem.into_bytes(), pair.key_pem.into_bytes())),
        ..Credentials::default()
    })
}

async fn missing(client: &Client, nodes: &[String]) -> Result<Vec<String>> {
    let list = client.list(Node::KIND, "", &ListParams::default()).await?;
    let ready: Vec<&str> =
        list.items.iter().filter_map(|it| it.get::<Node>()).filter_map(ready_name).collect();
    Ok(nodes.iter().filter(|it| !ready.contains(&it.as_str())).cloned().collect())
}

fn ready_name(node: &Node) -> Option<&str> {
    let conditions = node.status.as_ref()?.conditions.as_ref()?;
    let ready = conditions.iter().any(|it| it.type_ == "Ready" && it.status == "True");
    node.metadata.name.as_deref().filter(|_| ready)
}

fn last_lines(folder: &Folder) -> String {
    let log = std::fs::read_to_string(folder.log()).unwrap_or_default();
    let lines: Vec<&str> = log.lines().rev().take(15).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
