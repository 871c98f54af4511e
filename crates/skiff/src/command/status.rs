//! `skiff status`: what there is, and how it is.

use super::{ready, say};
use crate::cluster::Cluster;
use crate::home::{Folder, Home};
use anyhow::{Result, bail};
use api::Resource;
use client::https::Https;
use client::{Client, ListParams};
use k8s_openapi::api::core::v1::Node;
use std::collections::HashMap;
use std::sync::Arc;

pub(crate) async fn run(name: Option<&str>) -> Result<()> {
    let home = Home::find()?;
    let folders = name.map_or_else(|| home.clusters(), |it| vec![home.cluster(it)]);
    if folders.is_empty() {
        say("there are no clusters; `skiff up` makes one");
    }
    for folder in folders {
        match Cluster::load(&folder.description())? {
            Some(cluster) => show(&folder, &cluster).await?,
            None => bail!("there is no cluster {:?}", name.unwrap_or_default()),
        }
    }
    Ok(())
}

async fn show(folder: &Folder, cluster: &Cluster) -> Result<()> {
    let served = folder.is_served()?;
    let state = match (served, cluster.separate) {
        (false, _) => "stopped",
        (true, false) => "running in one process",
        (true, true) => "running in separate processes",
    };
    say(&format!("{}: {state}", cluster.name));
    say(&format!("  API       https://127.0.0.1:{} (pods: https://{}:{0})", cluster.port, cluster.gateway()));
    say(&format!("  ranges    pods {}, services {}", cluster.pod_range(), cluster.service_range()));
    say(&format!("  context   {}", cluster.context()));
    say(&format!("  log       {}", folder.log().display()));
    let conditions =
        if served { conditions(folder, cluster).await.unwrap_or_default() } else { HashMap::new() };
    for node in &cluster.nodes {
        let state = match (node.stopped, served) {
            (true, _) => "off",
            (false, false) => "stopped",
            (false, true) => conditions.get(&node.name).map_or("unknown", String::as_str),
        };
        say(&format!(
            "  node      {:<20} {:<12} {:<15} pods {}",
            node.name,
            state,
            cluster.address_of(node).to_string(),
            cluster.pods_of(node)
        ));
    }
    Ok(())
}

/// `Ready` or `NotReady` by node.
async fn conditions(folder: &Folder, cluster: &Cluster) -> Result<HashMap<String, String>> {
    let credentials = ready::administrator(folder, cluster)?;
    let client = Client::new(Arc::new(Https::new(&credentials)?));
    let list = client.list(Node::KIND, "", &ListParams::default()).await?;
    let state = |node: &Node| {
        let conditions = node.status.as_ref().and_then(|it| it.conditions.as_ref());
        let ready = conditions.into_iter().flatten().any(|it| it.type_ == "Ready" && it.status == "True");
        let name = node.metadata.name.clone().unwrap_or_default();
        (name, if ready { "Ready" } else { "NotReady" }.to_owned())
    };
    Ok(list.items.iter().filter_map(|it| it.get()).map(state).collect())
}
