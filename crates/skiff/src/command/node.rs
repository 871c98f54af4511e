//! `skiff node`: a cluster's nodes come and go.

use super::{ready, say};
use crate::args::{Node, OneNode};
use crate::cluster::Cluster;
use crate::control::{self, Request};
use crate::docker::Engine;
use crate::home::{Folder, Home, Lock};
use anyhow::{Context, Result, bail};
use api::Key;
use client::Client;
use client::https::Https;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use std::sync::Arc;

pub(crate) async fn run(command: Node) -> Result<()> {
    match command {
        Node::Add { cluster, node } => add(&cluster.name, node.as_deref()).await,
        Node::Stop(one) => switch(&one, true).await,
        Node::Start(one) => switch(&one, false).await,
        Node::Rm(one) => remove(&one).await,
    }
}

async fn add(name: &str, node: Option<&str>) -> Result<()> {
    let (folder, mut cluster, _lock) = open(name)?;
    let node = cluster.add_node(node)?;
    change(&folder, &cluster).await?;
    started(&folder, &cluster, &node.name).await
}

async fn switch(one: &OneNode, stopped: bool) -> Result<()> {
    let (folder, mut cluster, _lock) = open(&one.cluster.name)?;
    let node = cluster.node_mut(&one.node)?;
    node.stopped = stopped;
    let name = node.name.clone();
    change(&folder, &cluster).await?;
    if stopped {
        say(&format!("node {name} is off; it turns NotReady when its heartbeats have been missing for 40 s"));
        return Ok(());
    }
    started(&folder, &cluster, &name).await
}

async fn remove(one: &OneNode) -> Result<()> {
    let (folder, mut cluster, _lock) = open(&one.cluster.name)?;
    let name = cluster.node_mut(&one.node)?.name.clone();
    if cluster.nodes.len() == 1 {
        bail!("{name} is the last node; `skiff down` removes the cluster");
    }
    cluster.nodes.retain(|it| it.name != name);
    change(&folder, &cluster).await?;
    Engine::connect().await?.remove_containers(&cluster.name, Some(&name)).await?;
    if folder.is_served()? {
        forget(&folder, &cluster, &name).await?;
    }
    _ = std::fs::remove_dir_all(folder.node(&name));
    say(&format!("node {name} is gone"));
    Ok(())
}

/// Deletes the node object; its pods are collected.
async fn forget(folder: &Folder, cluster: &Cluster, name: &str) -> Result<()> {
    let credentials = ready::administrator(folder, cluster)?;
    let client = Client::new(Arc::new(Https::new(&credentials)?));
    match client.delete(&Key::of::<core::Node>("", name), &DeleteOptions::default()).await {
        Err(error) if !error.is_not_found() => Err(error).context("failed to delete the node object"),
        _ => Ok(()),
    }
}

fn open(name: &str) -> Result<(Folder, Cluster, Lock)> {
    let folder = Home::find()?.cluster(name);
    let missing = || format!("there is no cluster {name:?}; `skiff up --name {name}` makes one");
    if Cluster::load(&folder.description())?.is_none() {
        bail!(missing());
    }
    let lock = folder.lock_changes()?;
    let cluster = Cluster::load(&folder.description())?.with_context(missing)?;
    Ok((folder, cluster, lock))
}

/// Writes the description and tells the process that runs the cluster, if one does.
async fn change(folder: &Folder, cluster: &Cluster) -> Result<()> {
    cluster.save(&folder.description())?;
    if folder.is_served()? {
        control::ask(folder, &Request::Reconcile).await?;
    }
    Ok(())
}

async fn started(folder: &Folder, cluster: &Cluster, name: &str) -> Result<()> {
    if !folder.is_served()? {
        say(&format!("node {name} will start with the cluster: `skiff up --name {}`", cluster.name));
        return Ok(());
    }
    ready::wait(folder, cluster, &[name.to_owned()], None).await?;
    say(&format!("node {name} is Ready"));
    Ok(())
}
