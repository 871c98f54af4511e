//! A whole cluster in a process: what the launcher puts together, with the memory store and engines that run nothing.

use anyhow::{Context, Result};
use api::Key;
use apiserver::{Material, Server, Storage, UserInfo};
use client::Client;
use daemon::metrics::Registry;
use daemon::{Clock, Random, Tasks};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, ServiceAccount};
use kubelet::container_runtime::fake::FakeRuntime;
use pki::{Authority, San, Validity};
use runtime::trace::Ring;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
/// Certificates outlive every test.
const DAYS: u32 = 30;
/// No task may take longer to end.
const LAST_GRACE: Duration = Duration::from_secs(60);

/// A cluster in this process.
pub struct Cluster {
    server: Server,
    admin: Client,
    authority: Arc<Authority>,
    tokens: Arc<pki::tokens::Signer>,
    /// When it began, by the machine's own clock, which TLS goes by.
    began: Timestamp,
    clock: Clock,
    random: Random,
    ring: Ring,
    tasks: Tasks,
    /// By name. An engine outlives its agent.
    nodes: BTreeMap<String, Machine>,
    /// Where nodes keep what pods mount.
    folder: TempDir,
}

/// A node: its engine, and its agent while that runs.
struct Machine {
    number: u8,
    engine: FakeRuntime,
    agent: Option<Tasks>,
}

impl Cluster {
    /// A cluster with so many Ready nodes, named `node-1` and so on. Call it inside the runtime whose time it follows.
    ///
    /// # Panics
    /// When a part does not start.
    pub async fn start(nodes: u8) -> Self {
        Self::seeded(0, nodes).await
    }

    /// [`Cluster::start`], with everything drawn from a seed.
    ///
    /// # Panics
    /// When a part does not start.
    pub async fn seeded(seed: u64, nodes: u8) -> Self {
        let mut cluster = Self::assemble(Random::seeded(seed)).await.expect("a cluster starts");
        // Without it, pods are refused.
        let account = Key::of::<ServiceAccount>("default", "default");
        crate::wait::until::<ServiceAccount>(&cluster.admin, &account, "made", |_| true).await;
        for number in 1..=nodes {
            cluster.add_node(&format!("node-{number}")).await;
        }
        cluster
    }

    async fn assemble(random: Random) -> Result<Self> {
        // Silent, unless `SKIFF_LOG` asks for it.
        daemon::logging::init("off", daemon::logging::Format::Text).context("failed to read SKIFF_LOG")?;
        let (began, tasks, ring) = (Clock::system().now(), Tasks::new(), Ring::default());
        let clock = Clock::starting_at(began);
        let authority = Arc::new(Authority::create("test-ca", Validity::days(began, DAYS))?);
        let mut config = apiserver::Config::new(Storage::Memory);
        config.clock = clock.clone();
        config.random = random.fork();
        let metrics = config.metrics.clone();
        let material = material(&authority, began)?;
        let tokens = material.tokens.clone();
        let server = apiserver::start(config, material, tasks.clone()).await?;
        let folder = tempfile::tempdir().context("failed to make a folder for the nodes")?;
        let admin = Client::new(server.connector(UserInfo::administrator("admin")));
        let nodes = BTreeMap::new();
        let cluster =
            Self { server, admin, authority, tokens, began, clock, random, ring, tasks, nodes, folder };
        cluster.run_controllers(metrics.clone()).await?;
        cluster.run_scheduler(metrics).await?;
        Ok(cluster)
    }

    async fn run_controllers(&self, metrics: Registry) -> Result<()> {
        let config = controller_manager::Config {
            root_ca: Some(self.authority.cert_pem().to_owned()),
            authority: Some(self.authority.clone()),
            tokens: Some(self.tokens.clone()),
        };
        let client = self.client_of(UserInfo::kube_controller_manager());
        let (clock, random) = (self.clock.clone(), self.random.fork());
        controller_manager::run(config, client, clock, random, metrics, self.ring.clone(), self.tasks.clone())
            .await
    }

    async fn run_scheduler(&self, metrics: Registry) -> Result<()> {
        let client = self.client_of(UserInfo::kube_scheduler());
        let (config, clock, random) = (scheduler::Config::default(), self.clock.clone(), self.random.fork());
        scheduler::run(config, client, clock, random, metrics, self.tasks.clone()).await
    }

    /// A client with all rights.
    pub fn client(&self) -> &Client {
        &self.admin
    }

    /// A client with the rights of any user.
    pub fn client_of(&self, user: UserInfo) -> Client {
        Client::new(self.server.connector(user))
    }

    /// The API server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The cluster's time.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// What the controllers remember of what they did, and why.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// A node's engine.
    ///
    /// # Panics
    /// When there is no such node.
    pub fn engine(&self, node: &str) -> &FakeRuntime {
        &self.machine(node).engine
    }

    /// Names of the containers that run on any node, pause containers left out.
    pub fn running(&self) -> Vec<String> {
        let names = self.nodes.values().flat_map(|it| it.engine.running());
        names.filter(|it| !it.contains("_POD_") && !it.contains("pause")).collect()
    }

    /// Adds a node and waits until it is Ready.
    ///
    /// # Panics
    /// When its agent does not start.
    pub async fn add_node(&mut self, name: &str) {
        let number = u8::try_from(self.nodes.len() + 1).expect("tests have few nodes");
        let engine = FakeRuntime::new(self.clock.clone());
        self.nodes.insert(name.to_owned(), Machine { number, engine, agent: None });
        self.start_node(name).await;
    }

    /// Starts the agent of a node that was stopped, and waits until the node is Ready.
    ///
    /// # Panics
    /// When the agent does not start.
    pub async fn start_node(&mut self, name: &str) {
        let agent = self.tasks.child();
        let machine = self.nodes.get_mut(name).unwrap_or_else(|| panic!("there is no node {name:?}"));
        machine.agent = Some(agent.clone());
        self.run_agent(name, agent).await.expect("an agent starts");
        let is_ready = |node: &Node| {
            let conditions = node.status.iter().flat_map(|it| it.conditions.iter().flatten());
            conditions.into_iter().any(|it| it.type_ == "Ready" && it.status == "True")
        };
        crate::wait::until(&self.admin, &Key::of::<Node>("", name), "Ready", is_ready).await;
    }

    /// Ends a node's agent as a crash does: its containers stay.
    ///
    /// # Panics
    /// When there is no such node.
    pub async fn stop_node(&mut self, name: &str) {
        let machine = self.nodes.get_mut(name).unwrap_or_else(|| panic!("there is no node {name:?}"));
        if let Some(agent) = machine.agent.take() {
            agent.shutdown().await;
        }
    }

    /// Ends everything, and waits for it.
    ///
    /// # Panics
    /// When a task does not end.
    pub async fn stop(self) {
        self.tasks.shutdown_within(LAST_GRACE).await.expect("every task ends when it is told to");
    }

    async fn run_agent(&self, name: &str, agent: Tasks) -> Result<()> {
        let machine = self.machine(name);
        // All nodes are of this machine, and take any free port of it.
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let pods = format!("10.244.{}.0/24", machine.number).parse().context("a range of pods")?;
        let config = kubelet::Config {
            port: 0,
            data_dir: self.folder.path().join(name),
            docker_network: Some("pods".to_owned()),
            ..kubelet::Config::new("test", name, address, pods)
        };
        let (engine, client) = (Arc::new(machine.engine.clone()), self.client_of(UserInfo::node(name)));
        let (clock, random) = (self.clock.clone(), self.random.fork());
        kubelet::run_with(config, client, self.credentials(name)?, agent, engine, clock, random).await
    }

    fn credentials(&self, node: &str) -> Result<kubelet::Credentials> {
        let sans = [San::of(node), San::of("127.0.0.1")];
        let validity = Validity::days(self.began, DAYS);
        let pair = self.authority.issue_server(&format!("system:node:{node}"), &sans, validity)?;
        Ok(kubelet::Credentials {
            serving: pair.live()?,
            client_ca_pem: self.authority.cert_pem().to_owned(),
        })
    }

    fn machine(&self, name: &str) -> &Machine {
        self.nodes.get(name).unwrap_or_else(|| panic!("there is no node {name:?}"))
    }
}

fn material(authority: &Authority, now: Timestamp) -> Result<Material> {
    let validity = Validity::days(now, DAYS);
    let serving =
        authority.issue_server("kube-apiserver", &[San::of("localhost"), San::of("127.0.0.1")], validity)?;
    let user = "kube-apiserver-kubelet-client";
    let kubelet_client = authority.issue_client(user, &["system:masters"], validity)?;
    Ok(Material {
        serving: serving.live()?,
        ca_pem: authority.cert_pem().to_owned(),
        kubelet_client: Some(kubelet_client.live()?),
        tokens: Arc::new(pki::tokens::Signer::create(ISSUER)?),
    })
}
