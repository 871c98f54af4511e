//! The node as the API knows it: registration, heartbeat, and status.
//!
//! Start at [`register`] and [`keep_alive`]. What a Node object says is computed in [`describe`] (pure). The heartbeat is
//! a Lease, renewed every ten seconds. As often the status is compared with what the server has, which a watch of this one
//! node tells; it is written when they differ, and at least every five minutes.

mod describe;
mod lease;

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use api::{
    Key, Resource, Subresource,
    k8s::api::core::v1::{Node as NodeObject, NodeStatus},
    pod::Amounts,
    quantity::Amount,
};
use client::{Client, PatchType};
use daemon::{Clock, Tasks, clock};
use jiff::Timestamp;
use network::IpNet;
use runtime::{informers::Informer, watcher::Scope};
use serde_json::json;

use crate::{
    Config,
    container_runtime::{ContainerRuntime, Facts, Image},
};

/// How often the node says that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How often the status is written though nothing has changed.
const STATUS_EVERY: Duration = Duration::from_secs(300);
/// How long to wait before another try to register.
const RETRY: Duration = Duration::from_millis(500);

/// The node: what it is told and what it finds.
#[derive(Clone)]
pub struct Node {
    config: Arc<Config>,
    facts: Facts,
    /// The port that the server listens on.
    port: u16,
    runtime: Arc<dyn ContainerRuntime>,
    clock: Clock,
}

impl Node {
    /// A node on an engine whose host has these facts.
    pub fn new(
        config: Arc<Config>,
        facts: Facts,
        port: u16,
        runtime: Arc<dyn ContainerRuntime>,
        clock: Clock,
    ) -> Node {
        Node { config, facts, port, runtime, clock }
    }

    /// What pods may use of the node.
    pub fn allocatable(&self) -> Amounts {
        let quantities = describe::capacity_of(&self.config.capacity, &self.facts);
        quantities.iter().map(|(name, it)| (name.clone(), Amount::parse(&it.0).unwrap_or_default())).collect()
    }

    fn key(&self) -> Key {
        Key::of::<NodeObject>("", &self.config.node_name)
    }

    fn status(&self, before: &NodeStatus, images: &[Image], ready: Ready) -> NodeStatus {
        let inputs = describe::Inputs {
            config: &self.config,
            facts: &self.facts,
            port: self.port,
            images,
            ready,
            now: self.clock.now(),
        };
        describe::status_of(before, &inputs)
    }
}

/// Whether the node takes pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ready {
    /// Its engine answers.
    Yes,
    /// Its engine doesn't, in its own words.
    No(String),
}

/// Makes the Node object, or takes over the one that is there. Goes on trying while the API server cannot be reached.
pub async fn register(client: &Client, node: &Node, tasks: &Tasks) -> anyhow::Result<NodeObject> {
    let token = tasks.token();
    let attempts = async {
        loop {
            match try_register(client, node).await {
                Ok(registered) => return registered,
                Err(error) => tracing::warn!(%error, "failed to register the node; trying again"),
            }
            clock::sleep(RETRY).await;
        }
    };
    token.run_until_cancelled(attempts).await.context("stopped before the node was registered")
}

async fn try_register(client: &Client, node: &Node) -> Result<NodeObject, client::Error> {
    let wanted = describe::object_of(&node.config, node.status(&NodeStatus::default(), &[], Ready::Yes));
    match client.create(&wanted).await {
        Err(error) if error.is_already_exists() => {}
        other => return other,
    }
    let labels = wanted.metadata.labels.clone().unwrap_or_default();
    let patch = json!({ "metadata": { "labels": labels } });
    let object = client.patch(&node.key(), None, PatchType::Merge, &patch).await?;
    Ok(object.take().unwrap_or(wanted))
}

/// The range that the cluster gave the node, if it gave one.
pub fn pod_cidr_of(node: &NodeObject) -> Option<IpNet> {
    node.spec.as_ref()?.pod_cidr.as_ref()?.parse().ok()
}

/// The one node that an agent follows.
pub fn scope_of(config: &Config) -> Scope {
    let field_selector = Some(format!("metadata.name={}", config.node_name));
    Scope { field_selector, ..Scope::all(NodeObject::KIND) }
}

/// Says that the node is alive, and how it is, until the group of tasks is told to stop. `server` follows [`scope_of`].
pub async fn keep_alive(client: Client, node: Node, server: Arc<Informer>, tasks: Tasks) {
    let token = tasks.token();
    let beats = async {
        let mut written: Option<Timestamp> = None;
        // What the server has from before says since when conditions hold; that is worth a moment, but no heartbeat.
        let _late = clock::timeout(HEARTBEAT, server.synced()).await;
        loop {
            if let Err(error) = lease::renew(&client, &node.config.node_name, node.clock.now()).await {
                tracing::warn!(%error, "failed to renew the node's lease");
            }
            report(&client, &node, &server, &mut written).await;
            clock::sleep(HEARTBEAT).await;
        }
    };
    let _stopped = token.run_until_cancelled(beats).await;
}

/// Writes the status when the server's differs, or was written long ago. Somebody else may have written it since, or it
/// may have been lost.
async fn report(client: &Client, node: &Node, server: &Informer, written: &mut Option<Timestamp>) {
    let (images, ready) = match node.runtime.images().await {
        Ok(images) => (images, Ready::Yes),
        Err(error) => (Vec::new(), Ready::No(error.to_string())),
    };
    let known = server.objects().get(&node.key()).and_then(|it| it.get::<NodeObject>()?.status.clone());
    let before = known.unwrap_or_default();
    let status = node.status(&before, &images, ready);
    let recent = written.is_some_and(|at| node.clock.since(at) < STATUS_EVERY);
    if recent && describe::says(&before, &status) {
        return;
    }
    let patch = json!({ "status": status });
    match client.patch(&node.key(), Some(Subresource::Status), PatchType::Strategic, &patch).await {
        Ok(_) => *written = Some(node.clock.now()),
        Err(error) if error.is_not_found() => {
            *written = None;
            if let Err(error) = try_register(client, node).await {
                tracing::warn!(%error, "failed to register the node again");
            }
        }
        Err(error) => tracing::warn!(%error, "failed to write the node's status"),
    }
}
