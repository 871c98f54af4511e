//! `skiff down` and `skiff stop`.

use super::{kubeconfig, say};
use crate::cluster::Cluster;
use crate::control::{self, Request};
use crate::docker::Engine;
use crate::home::{Folder, Home};
use anyhow::{Context, Result, bail};
use daemon::clock;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);
const BETWEEN: Duration = Duration::from_millis(20);

/// Leaves no container, network, process or file of the cluster.
pub(crate) async fn down(name: &str) -> Result<()> {
    let folder = Home::find()?.cluster(name);
    let Some(cluster) = Cluster::load(&folder.description())? else {
        say(&format!("there is no cluster {name:?}"));
        return Ok(());
    };
    let _lock = folder.lock_changes()?;
    halt(&folder).await?;
    Engine::connect().await?.remove_cluster(&cluster).await?;
    kubeconfig::retract(&cluster)?;
    std::fs::remove_dir_all(folder.path()).with_context(|| {
        format!("failed to remove {}; it holds the cluster's data", folder.path().display())
    })?;
    say(&format!("cluster {name:?} is gone"));
    Ok(())
}

/// Stops processes and containers; the objects stay.
pub(crate) async fn stop(name: &str) -> Result<()> {
    let folder = Home::find()?.cluster(name);
    let cluster =
        Cluster::load(&folder.description())?.with_context(|| format!("there is no cluster {name:?}"))?;
    let _lock = folder.lock_changes()?;
    halt(&folder).await?;
    let removed = Engine::connect().await?.remove_containers(&cluster.name, None).await?;
    say(&format!(
        "cluster {name:?} is stopped ({removed} containers removed); `skiff up --name {name}` continues it"
    ));
    Ok(())
}

/// Ends the process that runs the cluster.
async fn halt(folder: &Folder) -> Result<()> {
    if !folder.is_served()? {
        return Ok(());
    }
    let deadline = clock::instant() + PATIENCE;
    control::ask(folder, &Request::Stop).await?;
    // A lock tells nobody when it is free, so there is nothing to be woken by.
    while folder.is_served()? {
        if clock::instant() > deadline {
            bail!("the cluster's process does not end; see {}", folder.log().display());
        }
        clock::sleep(BETWEEN).await;
    }
    Ok(())
}
