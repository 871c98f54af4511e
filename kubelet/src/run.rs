//! Starting the agent: engine, node, workers and server, each a task.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex},
};

use anyhow::Context;
use api::{
    Resource,
    k8s::api::core::v1::{Pod, Service},
};
use client::Client;
use daemon::{Clock, Random, Tasks};
use network::AddressBook;
use runtime::{Informers, Recorder, watcher::Scope};
use tokio::sync::mpsc;

use crate::{
    Config, Credentials,
    cluster::ApiCluster,
    compose::NodeFacts,
    container_runtime::{ContainerRuntime, docker::DockerRuntime},
    node::{self, Node},
    server::{self, Server},
    worker::{Manager, PodChange, Shared},
};

/// The name under which the agent reports events.
const COMPONENT: &str = "kubelet";

/// Runs the agent on the local Docker Engine. Returns when it has started; `tasks` owns what runs then.
pub async fn run(
    config: Config,
    client: Client,
    credentials: Credentials,
    tasks: Tasks,
) -> anyhow::Result<()> {
    let docker =
        DockerRuntime::connect().await.context("failed to reach the container engine; is Docker running?")?;
    run_with(config, client, credentials, tasks, Arc::new(docker), Clock::system(), Random::system()).await
}

/// Runs the agent on any engine, at any time, with any chance.
pub async fn run_with(
    config: Config,
    client: Client,
    credentials: Credentials,
    tasks: Tasks,
    runtime: Arc<dyn ContainerRuntime>,
    clock: Clock,
    random: Random,
) -> anyhow::Result<()> {
    let config = Arc::new(config);
    let facts = runtime.facts().await.context("failed to ask the container engine about its host")?;
    let listener = server::listen(config.node_address, config.port).await?;
    let port = listener.local_addr().context("failed to read the server's own address")?.port();
    let node = Node::new(config.clone(), facts, port, runtime.clone(), clock.clone());
    let registered = node::register(&client, &node, &tasks).await?;
    let recorder = Recorder::start(client.clone(), COMPONENT, &config.node_name, clock.clone(), &tasks);
    let informers = Informers::new(client.clone(), tasks.clone(), random.clone());
    let cluster = ApiCluster::new(client.clone(), recorder, informers.of(Service::KIND));
    let range = node::pod_cidr_of(&registered).unwrap_or(config.pod_cidr);
    let shared = Arc::new(Shared {
        runtime: runtime.clone(),
        cluster: Arc::new(cluster),
        node: facts_for_pods(&config, &node),
        pods_dir: config.data_dir.join("pods"),
        clock: clock.clone(),
        random,
        addresses: config.docker_network.as_ref().map(|_| Mutex::new(book(range, config.node_address))),
        tasks: tasks.clone(),
    });
    std::fs::create_dir_all(&shared.pods_dir)
        .with_context(|| format!("failed to make {}", shared.pods_dir.display()))?;
    let changes = follow_pods(&informers, &config.node_name, &tasks);
    tasks.spawn("workers", Manager::new(shared, changes).run());
    let own = informers.scoped(node::scope_of(&config));
    tasks.spawn("node status", node::keep_alive(client.clone(), node, own, tasks.clone()));
    let pods = informers.scoped(scope_of(&config.node_name));
    let server = Server::new(config, runtime, pods, clock);
    server::serve(listener, server, &credentials, &tasks)
}

/// The node's own address is nobody else's.
fn book(range: network::IpNet, node: IpAddr) -> AddressBook {
    let mut book = AddressBook::new(range);
    book.take(node);
    book
}

fn facts_for_pods(config: &Config, node: &Node) -> NodeFacts {
    NodeFacts {
        owner: config.owner(),
        addresses: vec![config.node_address],
        allocatable: node.allocatable(),
        cluster_dns: config.cluster_dns.clone(),
        cluster_domain: config.cluster_domain.clone(),
        host_resolv_conf: std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default(),
        network: config.docker_network.clone(),
        pause_image: config.pause_image.clone(),
    }
}

fn scope_of(node: &str) -> Scope {
    let field_selector = Some(format!("spec.nodeName={node}"));
    Scope { field_selector, ..Scope::all(Pod::KIND) }
}

/// The changes of this node's pods, with a word when all have been told once.
fn follow_pods(informers: &Informers, node: &str, tasks: &Tasks) -> mpsc::UnboundedReceiver<PodChange> {
    let (sender, changes) = mpsc::unbounded_channel();
    let informer = informers.scoped(scope_of(node));
    let synced = sender.clone();
    informer.subscribe(Box::new(move |change| {
        let Some(change) = change else { return };
        let typed = |it: &Arc<api::Object>| it.get::<Pod>().cloned().map(Arc::new);
        let (old, new) = (change.old.as_ref().and_then(typed), change.new.as_ref().and_then(typed));
        let uid = |it: &Option<Arc<Pod>>| it.as_ref().and_then(|it| it.metadata.uid.clone());
        let replaced = uid(&old) != uid(&new);
        // The manager lives as long as the agent: nobody to tell means that all ends.
        if let Some(old) = old.filter(|_| replaced) {
            let _ended = sender.send(PodChange::Gone(old));
        }
        if let Some(new) = new {
            let _ended = sender.send(PodChange::Present(new));
        }
    }));
    let token = tasks.token();
    tasks.spawn("first list of pods", async move {
        if token.run_until_cancelled(informer.synced()).await.is_some() {
            let _ended = synced.send(PodChange::Synced);
        }
    });
    changes
}
