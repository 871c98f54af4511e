//! Tells clients how to reach a cluster.

use super::{ready, say};
use crate::cluster::Cluster;
use crate::home::Home;
use anyhow::{Context, Result};
use client::kubeconfig::{Credentials, Kubeconfig, default_paths};
use std::path::{Path, PathBuf};

/// `skiff kubeconfig`.
pub(crate) fn run(name: &str, output: Option<&Path>) -> Result<()> {
    let folder = Home::find()?.cluster(name);
    let cluster =
        Cluster::load(&folder.description())?.with_context(|| format!("there is no cluster {name:?}"))?;
    let credentials = ready::administrator(&folder, &cluster)?;
    let mut kubeconfig = Kubeconfig::default();
    kubeconfig.put(&cluster.context(), &credentials);
    match output {
        Some(path) => kubeconfig.save(path)?,
        None => say(api::yaml::to_string(&serde_json::to_value(&kubeconfig)?).trim_end()),
    }
    Ok(())
}

/// Writes a file of its own, or merges into the user's. Returns where.
pub(crate) fn publish(cluster: &Cluster, credentials: &Credentials, file: Option<&Path>) -> Result<String> {
    let context = cluster.context();
    if let Some(file) = file {
        let mut kubeconfig = Kubeconfig::default();
        kubeconfig.put(&context, credentials);
        kubeconfig.save(file)?;
        return Ok(file.display().to_string());
    }
    let path = own_path()?;
    let mut kubeconfig = Kubeconfig::load_or_default(&path)?;
    kubeconfig.put(&context, credentials);
    kubeconfig.save(&path)?;
    Ok(format!("context {context} in {}", path.display()))
}

/// Removes a cluster from the user's file.
pub(crate) fn retract(cluster: &Cluster) -> Result<()> {
    let path = own_path()?;
    let mut kubeconfig = Kubeconfig::load_or_default(&path)?;
    let before = kubeconfig.clone();
    kubeconfig.remove(&cluster.context());
    if kubeconfig != before {
        kubeconfig.save(&path)?;
    }
    Ok(())
}

/// The file that kubectl would change.
fn own_path() -> Result<PathBuf> {
    let list = std::env::var("KUBECONFIG").ok();
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let first = default_paths(list.as_deref(), home.as_deref()).into_iter().next();
    first.context("neither KUBECONFIG nor HOME is set; say where with --kubeconfig FILE")
}
