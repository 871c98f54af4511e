//! Runs a whole cluster in one process: API server, scheduler, controllers and one agent for each node.
//!
//! The daemons talk to the API server without sockets, but through the same router and with the same rights as over
//! HTTPS: each gets a connector with its own identity.

use crate::cluster::{Cluster, Node};
use crate::control::{self, Request};
use crate::docker::{Engine, Network};
use crate::home::Folder;
use crate::images;
use crate::material::Material;
use anyhow::{Context, Result};
use apiserver::UserInfo;
use client::Client;
use daemon::metrics::Registry;
use daemon::{Clock, Random, Tasks, clock};
use pki::Pair;
use pki::tls::Identity;
use runtime::trace::Ring;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// How often the cluster's network is looked after.
const NETWORK_CHECK: Duration = Duration::from_secs(20);

/// How often certificates are looked at. They are renewed in the last fifth of their life, which is months.
pub(crate) const RENEWAL_CHECK: Duration = Duration::from_secs(60 * 60);

/// A running cluster.
struct Running {
    folder: Folder,
    material: Material,
    engine: Engine,
    server: apiserver::Server,
    tasks: Tasks,
    /// The nodes by name. An async lock: starting and stopping nodes is one thing at a time.
    nodes: Mutex<HashMap<String, Agent>>,
    /// What the API server proves itself with.
    identities: Identities,
}

/// A running agent.
struct Agent {
    tasks: Tasks,
    address: IpAddr,
    /// What it serves with.
    serving: Arc<Identity>,
}

/// What the API server proves itself with, to callers and to nodes.
struct Identities {
    serving: Arc<Identity>,
    kubelet_client: Arc<Identity>,
}

/// Runs the cluster of a folder until `tasks` ends.
pub(crate) async fn serve(folder: Folder, tasks: Tasks) -> Result<()> {
    let lock = folder.lock_serving()?;
    let cluster = Cluster::load(&folder.description())?.context("there is no cluster in this folder")?;
    let engine = Engine::connect().await?;
    let (network, images) = tokio::join!(engine.ensure_network(&cluster), images::ensure(&engine));
    network?;
    images?;
    let running = Arc::new(Running::start(folder.clone(), &cluster, engine, tasks.clone()).await?);
    running.reconcile(&cluster).await?;
    tasks.spawn("network", running.clone().keep_network());
    tasks.spawn("certificates", running.clone().keep_certificates());
    control::listen(&folder, Arc::clone(&running), &tasks)?;
    // The lock is held until the process has ended: whoever waits for it must find the store and the ports free.
    std::mem::forget(lock);
    Ok(())
}

impl Running {
    async fn start(folder: Folder, cluster: &Cluster, engine: Engine, tasks: Tasks) -> Result<Self> {
        let (clock, random, metrics, ring) =
            (Clock::system(), Random::system(), Registry::new(), Ring::default());
        metrics.process();
        let material = Material::open(&folder.pki(), clock.clone())?;
        let mut config = apiserver::Config::new(apiserver::Storage::Directory(folder.store()));
        config.encryption_keys = Some(encryption_keys(&folder));
        config.listen = listeners(cluster);
        config.advertise = Some(SocketAddr::from((cluster.gateway(), cluster.port)));
        config.service_cidr = cluster.service_range();
        config.audit = audit(&folder)?;
        config.clock = clock.clone();
        config.random = random.fork();
        config.metrics = metrics.clone();
        let (own, identities) = apiserver_material(&material, cluster)?;
        let tokens = own.tokens.clone();
        let server = apiserver::start(config, own, tasks.clone()).await?;
        let client = |user: UserInfo| Client::new(server.connector(user));
        let shared = (clock.clone(), random.fork(), metrics.clone(), ring.clone());
        let trust = controller_manager::Config {
            root_ca: Some(material.ca_pem().to_owned()),
            authority: Some(material.authority().clone()),
            tokens: Some(tokens),
        };
        let manager = client(UserInfo::kube_controller_manager());
        controller_manager::run(trust, manager, shared.0, shared.1, shared.2, shared.3, tasks.clone())
            .await?;
        let planner = client(UserInfo::kube_scheduler());
        scheduler::run(scheduler::Config::default(), planner, clock, random.fork(), metrics, tasks.clone())
            .await?;
        Ok(Self { folder, material, engine, server, tasks, nodes: Mutex::default(), identities })
    }

    /// Makes the cluster's network anew when somebody has removed it, until the tasks are told to stop.
    async fn keep_network(self: Arc<Self>) {
        let token = self.tasks.token();
        while token.run_until_cancelled(clock::sleep(NETWORK_CHECK)).await.is_some() {
            let kept = match self.description() {
                Ok(cluster) => self.mend_network(&cluster).await,
                Err(error) => Err(error),
            };
            if let Err(error) = kept {
                tracing::warn!("failed to look after the cluster's network: {error:#}");
            }
        }
    }

    /// A new bridge has none of the nodes' addresses.
    async fn mend_network(&self, cluster: &Cluster) -> Result<()> {
        if self.engine.ensure_network(cluster).await? == Network::Made {
            tracing::warn!(
                "the cluster's Docker network was gone and has been made anew; pods on it have to restart"
            );
            let nodes = self.nodes.lock().await;
            for node in cluster.nodes.iter().filter(|it| nodes.contains_key(&it.name)) {
                place(cluster, node).await;
            }
        }
        Ok(())
    }

    fn description(&self) -> Result<Cluster> {
        Cluster::load(&self.folder.description())?.context("the cluster's description is gone")
    }

    /// Starts and stops agents until exactly those run that the description wants.
    async fn reconcile(&self, cluster: &Cluster) -> Result<()> {
        let mut nodes = self.nodes.lock().await;
        let wanted = |name: &str| cluster.nodes.iter().any(|it| it.name == name && !it.stopped);
        let surplus: Vec<String> = nodes.keys().filter(|it| !wanted(it)).cloned().collect();
        for name in surplus {
            if let Some(agent) = nodes.remove(&name) {
                agent.tasks.shutdown().await;
            }
            self.engine.remove_containers(&cluster.name, Some(&name)).await?;
        }
        for node in cluster.nodes.iter().filter(|it| !it.stopped) {
            if !nodes.contains_key(&node.name) {
                nodes.insert(node.name.clone(), self.start_node(cluster, node).await?);
            }
        }
        Ok(())
    }

    async fn start_node(&self, cluster: &Cluster, node: &Node) -> Result<Agent> {
        let tasks = self.tasks.child();
        let address = place(cluster, node).await;
        let config = node_config(&self.folder, cluster, node, address)?;
        let serving = self.material.node_server(node, address)?.live()?;
        let credentials = kubelet::Credentials {
            serving: serving.clone(),
            client_ca_pem: self.material.ca_pem().to_owned(),
        };
        let client = Client::new(self.server.connector(UserInfo::node(&node.name)));
        let (name, owner) = (node.name.clone(), tasks.clone());
        tasks.spawn(format!("agent of {name}"), async move {
            if let Err(error) = kubelet::run(config, client, credentials, owner).await {
                tracing::error!(node = name, "the agent ended: {error:#}");
            }
        });
        Ok(Agent { tasks, address, serving })
    }

    /// Renews certificates before they end, until the tasks are told to stop. Connections made from then on get the new
    /// ones; nothing restarts.
    async fn keep_certificates(self: Arc<Self>) {
        let token = self.tasks.token();
        while token.run_until_cancelled(clock::sleep(RENEWAL_CHECK)).await.is_some() {
            if let Err(error) = self.renew().await {
                tracing::error!("failed to renew the cluster's certificates: {error:#}");
            }
        }
    }

    /// What is kept is made anew when it is due, and the same as before otherwise.
    async fn renew(&self) -> Result<()> {
        let cluster = self.description()?;
        self.identities.serving.replace(&self.material.server(&cluster)?)?;
        self.identities.kubelet_client.replace(&kubelet_client(&self.material)?)?;
        let nodes = self.nodes.lock().await;
        for node in &cluster.nodes {
            if let Some(agent) = nodes.get(&node.name) {
                agent.serving.replace(&self.material.node_server(node, agent.address)?)?;
            }
        }
        Ok(())
    }
}

impl control::Handler for Running {
    async fn handle(self: Arc<Self>, request: Request) -> Result<()> {
        match request {
            Request::Reconcile => {
                let cluster = self.description()?;
                self.mend_network(&cluster).await?;
                self.reconcile(&cluster).await
            }
            Request::Stop => {
                self.tasks.cancel();
                Ok(())
            }
        }
    }
}

/// What Secrets are encrypted with.
pub(crate) fn encryption_keys(folder: &Folder) -> PathBuf {
    folder.pki().join("encryption.keys")
}

/// Where the API server listens: for the user, and for pods.
pub(crate) fn listeners(cluster: &Cluster) -> Vec<SocketAddr> {
    let addresses = [Ipv4Addr::LOCALHOST, cluster.gateway()];
    addresses.into_iter().map(|it| SocketAddr::from((it, cluster.port))).collect()
}

/// How large a cluster's audit log becomes before it is begun anew, and how many earlier ones are kept: a cluster on a
/// laptop must not fill its disk.
pub(crate) const AUDIT_LOG_MEGABYTES: u64 = 10;
pub(crate) const AUDIT_LOG_BACKUPS: usize = 3;

/// What is logged of requests: nothing, unless the cluster's folder holds a policy.
fn audit(folder: &Folder) -> Result<Option<apiserver::AuditConfig>> {
    if !folder.audit_policy().exists() {
        return Ok(None);
    }
    let policy = std::fs::read_to_string(folder.audit_policy()).context("failed to read the audit policy")?;
    let target = apiserver::AuditTarget {
        path: folder.audit_log(),
        max_size: AUDIT_LOG_MEGABYTES << 20,
        max_backup: AUDIT_LOG_BACKUPS,
        max_age: Duration::ZERO,
    };
    Ok(Some(apiserver::AuditConfig { policy, target }))
}

fn apiserver_material(material: &Material, cluster: &Cluster) -> Result<(apiserver::Material, Identities)> {
    let (serving, kubelet_client) = (material.server(cluster)?.live()?, kubelet_client(material)?.live()?);
    let own = apiserver::Material {
        serving: serving.clone(),
        ca_pem: material.ca_pem().to_owned(),
        kubelet_client: Some(kubelet_client.clone()),
        tokens: Arc::new(material.tokens()?),
    };
    Ok((own, Identities { serving, kubelet_client }))
}

/// What the API server shows to nodes.
pub(crate) fn kubelet_client(material: &Material) -> Result<Pair> {
    let user = "kube-apiserver-kubelet-client";
    material.client("apiserver-kubelet-client", user, &["system:masters"])
}

/// Gives a node its address on the bridge; where that is not allowed, nodes share the loopback address.
pub(crate) async fn place(cluster: &Cluster, node: &Node) -> IpAddr {
    let address = IpAddr::V4(cluster.address_of(node));
    match network::bridge::add_address(&cluster.bridge(), address).await {
        Ok(()) => address,
        Err(error) => {
            let why = daemon::chain(&error);
            tracing::warn!(node = node.name, why, "the node has no address of its own and shares 127.0.0.1");
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        }
    }
}

/// What a node's agent is told.
fn node_config(folder: &Folder, cluster: &Cluster, node: &Node, address: IpAddr) -> Result<kubelet::Config> {
    let pods = cluster.pods_of(node).parse().context("the description holds no good address range")?;
    Ok(kubelet::Config {
        docker_network: Some(cluster.network()),
        data_dir: folder.node(&node.name),
        pause_image: images::PAUSE.to_owned(),
        ..kubelet::Config::new(&cluster.name, &node.name, address, pods)
    })
}
