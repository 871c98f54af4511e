//! Runs a cluster with each daemon as a process of its own, to see and kill them one by one.
//!
//! This process holds the cluster's lock and keeps the others running: one that ends is started again, sooner the first
//! time than the fifth. Each gets its certificate and kubeconfig as files, and talks to the API server over HTTPS.

use crate::cluster::{Cluster, Node};
use crate::control::{self, Request};
use crate::docker::Engine;
use crate::home::Folder;
use crate::material::{ISSUER, Material};
use crate::{images, serve};
use anyhow::{Context, Result};
use daemon::{Clock, Tasks, clock};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;

/// One process to keep running.
struct Program {
    name: String,
    file: PathBuf,
    arguments: Vec<String>,
    /// Holds its process number while it runs, so that one left over from a killed supervisor is found.
    pid_file: PathBuf,
}

struct Supervisor {
    folder: Folder,
    material: Material,
    engine: Engine,
    tasks: Tasks,
    /// The agents by node. An async lock: starting and stopping nodes is one thing at a time.
    nodes: Mutex<HashMap<String, Agent>>,
}

/// A node's agent.
struct Agent {
    /// Keep it running.
    keeper: Tasks,
    address: IpAddr,
}

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// A process that lasted so long is restarted as if it were the first time.
const GOOD_LIFE: Duration = Duration::from_secs(10);
const GRACE: Duration = Duration::from_secs(10);

/// Runs the cluster of a folder until `tasks` ends.
pub(crate) async fn supervise(folder: Folder, tasks: Tasks) -> Result<()> {
    let lock = folder.lock_serving()?;
    let cluster = Cluster::load(&folder.description())?.context("there is no cluster in this folder")?;
    let engine = Engine::connect().await?;
    engine.ensure_network(&cluster).await?;
    images::ensure(&engine).await?;
    let material = Material::open(&folder.pki(), Clock::system())?;
    let supervisor =
        Arc::new(Supervisor { folder, material, engine, tasks: tasks.clone(), nodes: Mutex::default() });
    for program in supervisor.control_plane(&cluster)? {
        supervisor.keep(program, &tasks);
    }
    supervisor.reconcile(&cluster).await?;
    tasks.spawn("certificates", supervisor.clone().keep_certificates());
    control::listen(&supervisor.folder, Arc::clone(&supervisor), &tasks)?;
    // The lock is held until the process has ended: whoever waits for it must find the store and the ports free.
    std::mem::forget(lock);
    Ok(())
}

impl Supervisor {
    fn control_plane(&self, cluster: &Cluster) -> Result<[Program; 3]> {
        let apiserver = self.apiserver(cluster)?;
        let [manager, scheduler] = self.control_plane_kubeconfigs(cluster)?;
        let pki = |file: &str| text(&self.folder.pki().join(file));
        let trust = [
            ["--root-ca".to_owned(), pki("ca.crt")],
            ["--cluster-signing-cert-file".to_owned(), pki("ca.crt")],
            ["--cluster-signing-key-file".to_owned(), pki("ca.key")],
            ["--service-account-private-key-file".to_owned(), pki("service-accounts.key")],
        ];
        Ok([
            self.program("apiserver", "apiserver", apiserver)?,
            self.program(
                "controller-manager",
                "controller-manager",
                [arguments("kubeconfig", &manager), trust.concat()].concat(),
            )?,
            self.program("scheduler", "scheduler", arguments("kubeconfig", &scheduler))?,
        ])
    }

    fn control_plane_kubeconfigs(&self, cluster: &Cluster) -> Result<[PathBuf; 2]> {
        Ok([
            self.material.kubeconfig(cluster, "controller-manager", "system:kube-controller-manager", &[])?,
            self.material.kubeconfig(cluster, "scheduler", "system:kube-scheduler", &[])?,
        ])
    }

    fn apiserver_files(&self, cluster: &Cluster) -> Result<()> {
        self.material.server(cluster)?;
        serve::kubelet_client(&self.material)?;
        Ok(())
    }

    fn node_kubeconfig(&self, cluster: &Cluster, node: &Node, address: IpAddr) -> Result<PathBuf> {
        self.material.node_server(node, address)?;
        let user = format!("system:node:{}", node.name);
        self.material.kubeconfig(cluster, &format!("node-{}", node.name), &user, &["system:nodes"])
    }

    /// Renews the certificates in the daemons' files before they end, until the tasks are told to stop. The daemons look
    /// at their files once a minute; nothing restarts.
    async fn keep_certificates(self: Arc<Self>) {
        let token = self.tasks.token();
        while token.run_until_cancelled(clock::sleep(serve::RENEWAL_CHECK)).await.is_some() {
            if let Err(error) = self.renew().await {
                tracing::error!("failed to renew the cluster's certificates: {error:#}");
            }
        }
    }

    /// What is kept is made anew when it is due, and stays as it is otherwise.
    async fn renew(&self) -> Result<()> {
        let cluster =
            Cluster::load(&self.folder.description())?.context("the cluster's description is gone")?;
        self.apiserver_files(&cluster)?;
        self.control_plane_kubeconfigs(&cluster)?;
        let nodes = self.nodes.lock().await;
        for node in &cluster.nodes {
            if let Some(agent) = nodes.get(&node.name) {
                self.node_kubeconfig(&cluster, node, agent.address)?;
            }
        }
        Ok(())
    }

    fn apiserver(&self, cluster: &Cluster) -> Result<Vec<String>> {
        self.apiserver_files(cluster)?;
        self.material.tokens()?;
        let pki = |file: &str| text(&self.folder.pki().join(file));
        let mut given = vec![
            ("data", text(&self.folder.data())),
            ("tls-cert-file", pki("apiserver.crt")),
            ("tls-private-key-file", pki("apiserver.key")),
            ("client-ca-file", pki("ca.crt")),
            ("kubelet-client-certificate", pki("apiserver-kubelet-client.crt")),
            ("kubelet-client-key", pki("apiserver-kubelet-client.key")),
            ("service-account-signing-key-file", pki("service-accounts.key")),
            ("service-account-issuer", ISSUER.to_owned()),
            ("encryption-keys", text(&serve::encryption_keys(&self.folder))),
            ("service-cluster-ip-range", cluster.service_range()),
            ("advertise", format!("{}:{}", cluster.gateway(), cluster.port)),
        ];
        if self.folder.audit_policy().exists() {
            given.extend([
                ("audit-policy-file", text(&self.folder.audit_policy())),
                ("audit-log-path", text(&self.folder.audit_log())),
                ("audit-log-maxsize", serve::AUDIT_LOG_MEGABYTES.to_string()),
                ("audit-log-maxbackup", serve::AUDIT_LOG_BACKUPS.to_string()),
            ]);
        }
        given.extend(serve::listeners(cluster).iter().map(|it| ("listen", it.to_string())));
        Ok(given.into_iter().flat_map(|(name, value)| [format!("--{name}"), value]).collect())
    }

    fn agent(&self, cluster: &Cluster, node: &Node, address: IpAddr) -> Result<Program> {
        let kubeconfig = self.node_kubeconfig(cluster, node, address)?;
        let pki = |file: String| text(&self.folder.pki().join(file));
        let given = [
            ("kubeconfig", text(&kubeconfig)),
            ("cluster", cluster.name.clone()),
            ("node-name", node.name.clone()),
            ("node-address", address.to_string()),
            ("pod-cidr", cluster.pods_of(node)),
            ("docker-network", cluster.network()),
            ("data", text(&self.folder.node(&node.name))),
            ("pause-image", images::PAUSE.to_owned()),
            ("tls-cert-file", pki(format!("kubelet-{}.crt", node.name))),
            ("tls-private-key-file", pki(format!("kubelet-{}.key", node.name))),
            ("client-ca-file", pki("ca.crt".to_owned())),
        ];
        let given = given.into_iter().flat_map(|(name, value)| [format!("--{name}"), value]).collect();
        self.program(&format!("kubelet-{}", node.name), "kubelet", given)
    }

    /// A program that lies beside this one.
    fn program(&self, name: &str, file: &str, arguments: Vec<String>) -> Result<Program> {
        let own = std::env::current_exe().context("failed to find this program's own file")?;
        let file = own.with_file_name(file);
        if !file.exists() {
            anyhow::bail!("{} is missing; build the whole workspace for --separate", file.display());
        }
        let pid_file = self.folder.path().join(format!("{name}.pid"));
        Ok(Program { name: name.to_owned(), file, arguments, pid_file })
    }

    fn keep(&self, program: Program, tasks: &Tasks) {
        let (token, name) = (tasks.clone(), program.name.clone());
        tasks.spawn(name, async move { program.keep_running(&token).await });
    }

    async fn reconcile(&self, cluster: &Cluster) -> Result<()> {
        let mut nodes = self.nodes.lock().await;
        let wanted = |name: &str| cluster.nodes.iter().any(|it| it.name == name && !it.stopped);
        let surplus: Vec<String> = nodes.keys().filter(|it| !wanted(it)).cloned().collect();
        for name in surplus {
            if let Some(agent) = nodes.remove(&name) {
                agent.keeper.shutdown().await;
            }
            self.engine.remove_containers(&cluster.name, Some(&name)).await?;
        }
        for node in cluster.nodes.iter().filter(|it| !it.stopped) {
            if !nodes.contains_key(&node.name) {
                let (keeper, address) = (self.tasks.child(), serve::place(cluster, node).await);
                self.keep(self.agent(cluster, node, address)?, &keeper);
                nodes.insert(node.name.clone(), Agent { keeper, address });
            }
        }
        Ok(())
    }
}

impl control::Handler for Supervisor {
    async fn handle(self: Arc<Self>, request: Request) -> Result<()> {
        match request {
            Request::Reconcile => {
                let cluster = Cluster::load(&self.folder.description())?
                    .context("the cluster's description is gone")?;
                self.reconcile(&cluster).await
            }
            Request::Stop => {
                self.tasks.cancel();
                Ok(())
            }
        }
    }
}

impl Program {
    async fn keep_running(&self, tasks: &Tasks) {
        self.end_left_over();
        let mut wait = FIRST_WAIT;
        while !tasks.is_cancelled() {
            let started = clock::instant();
            match self.start() {
                Ok(child) => self.watch(child, tasks).await,
                Err(error) => tracing::error!(program = self.name, "failed to start: {error:#}"),
            }
            if clock::instant().duration_since(started) > GOOD_LIFE {
                wait = FIRST_WAIT;
            }
            _ = tasks.token().run_until_cancelled(clock::sleep(wait)).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        _ = std::fs::remove_file(&self.pid_file);
    }

    fn start(&self) -> Result<Child> {
        let child =
            Command::new(&self.file).args(&self.arguments).stdin(std::process::Stdio::null()).spawn()?;
        let pid = child.id().context("it ended at once")?;
        std::fs::write(&self.pid_file, pid.to_string())?;
        tracing::info!(program = self.name, pid, "started");
        Ok(child)
    }

    /// Waits for the end, or ends it.
    async fn watch(&self, mut child: Child, tasks: &Tasks) {
        tokio::select! {
            status = child.wait() => match status {
                Ok(status) => tracing::warn!(program = self.name, %status, "ended; starting it again"),
                Err(error) => tracing::error!(program = self.name, %error, "failed to wait"),
            },
            () = tasks.cancelled() => {
                if let Some(pid) = child.id() {
                    signal(pid, Signal::SIGTERM);
                }
                if clock::timeout(GRACE, child.wait()).await.is_err() {
                    _ = child.kill().await;
                }
            }
        }
    }

    /// Ends a process that a killed supervisor has left behind, if it is really ours.
    fn end_left_over(&self) {
        let Some(pid) =
            std::fs::read_to_string(&self.pid_file).ok().and_then(|it| it.trim().parse::<u32>().ok())
        else {
            return;
        };
        let runs = std::fs::read_link(format!("/proc/{pid}/exe"));
        if runs.is_ok_and(|it| it == self.file) {
            signal(pid, Signal::SIGKILL);
        }
    }
}

fn signal(pid: u32, signal: Signal) {
    if let Ok(pid) = i32::try_from(pid) {
        // It may have ended meanwhile, which is what we want.
        _ = kill(Pid::from_raw(pid), signal);
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn arguments(name: &str, value: &Path) -> Vec<String> {
    vec![format!("--{name}"), text(value)]
}
