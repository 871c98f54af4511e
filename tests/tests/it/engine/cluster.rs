//! One cluster of one test, from `skiff up` to `skiff down`, and the ways to use it.

use super::{docker, process};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use testkit::wait;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// A cluster that is gone when this is.
pub(super) struct Cluster {
    pub(super) name: String,
    /// What the programs take for their user's home: kubectl's cache, kubeconfig, the cluster's folder.
    home: PathBuf,
}

/// What `kubectl get -o json` prints of several objects; its kind is `List`, whatever they are.
#[derive(serde::Deserialize)]
struct Items<T> {
    items: Vec<T>,
}

/// Says what a test does, for those who watch it.
pub(super) fn say(text: &str) {
    eprintln!("    {text}");
}

impl Cluster {
    /// A name and a place for a cluster, which is not there yet.
    pub(super) fn plan() -> Self {
        sweep();
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let name = format!("it-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let home = all_homes().join(&name);
        std::fs::create_dir_all(&home).expect("a folder can be made");
        Self { name, home }
    }

    /// A running cluster.
    pub(super) fn up(arguments: &[&str]) -> Self {
        let cluster = Self::plan();
        say(&format!("cluster {}: skiff up {}", cluster.name, arguments.join(" ")));
        cluster.skiff_up(arguments);
        cluster
    }

    /// `skiff up` of this cluster.
    pub(super) fn skiff_up(&self, arguments: &[&str]) -> String {
        let kubeconfig = self.kubeconfig();
        let given = ["up", "--kubeconfig", kubeconfig.to_str().expect("the path is text")];
        self.skiff(&[&given, arguments].concat())
    }

    /// A command of the launcher, for this cluster. `arguments` has what comes before and after `--name`.
    pub(super) fn skiff(&self, arguments: &[&str]) -> String {
        // Words that are no flags are the command; the name goes behind them.
        let words = arguments.iter().take_while(|it| !it.starts_with('-')).count();
        let words = words.min(if arguments[0] == "node" { 2 } else { 1 });
        let mut command = self.command(&process::built("skiff"));
        command.args(&arguments[..words]).args(["--name", &self.name]).args(&arguments[words..]);
        process::run(&mut command, "").expect("skiff succeeds")
    }

    /// A program with the environment of this cluster's user.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env("HOME", &self.home).env("SKIFF_HOME", self.home.join("clusters"));
        command.env("KUBECONFIG", self.kubeconfig()).current_dir(root());
        command
    }

    /// kubectl, whatever comes of it.
    pub(super) fn try_kubectl(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        process::run(self.command(Path::new("kubectl")).args(arguments), input)
    }

    /// kubectl, which has to succeed. Returns what it printed.
    pub(super) fn kubectl(&self, arguments: &[&str]) -> String {
        self.try_kubectl(arguments, "").unwrap_or_else(|why| panic!("{why}"))
    }

    /// Applies a manifest of the repository.
    pub(super) fn apply(&self, path: &str) -> String {
        self.kubectl(&["apply", "-f", path])
    }

    /// Waits for a roll-out as people do.
    pub(super) fn rolled_out(&self, deployment: &str) {
        say(&format!("waiting for the roll-out of {deployment}"));
        self.kubectl(&["rollout", "status", &format!("deployment/{deployment}"), "--timeout=180s"]);
    }

    /// Waits until `condition` gives a value.
    pub(super) async fn until<T>(&self, what: &str, condition: impl AsyncFnMut() -> Result<T, String>) -> T {
        say(&format!("waiting for {what}"));
        wait::within(PATIENCE, what, condition).await
    }

    /// Waits until a node's condition Ready is this.
    pub(super) async fn node_ready(&self, node: &str, status: &str) {
        self.until(&format!("node {node}: Ready={status}"), async || {
            let path = "jsonpath={.status.conditions[?(@.type==\"Ready\")].status}";
            let found = self.try_kubectl(&["get", "node", node, "-o", path], "")?;
            if found == status { Ok(()) } else { Err(format!("Ready={found}")) }
        })
        .await;
    }

    /// The pods that a selector finds in the namespace `default`.
    pub(super) fn pods(&self, selector: &str) -> Vec<Pod> {
        self.try_pods(selector).unwrap_or_else(|why| panic!("{why}"))
    }

    pub(super) fn try_pods(&self, selector: &str) -> Result<Vec<Pod>, String> {
        let json = self.try_kubectl(&["get", "pods", "-l", selector, "-o", "json"], "")?;
        let list: Items<Pod> = serde_json::from_str(&json).map_err(|it| it.to_string())?;
        Ok(list.items)
    }

    /// The nodes.
    pub(super) fn nodes(&self) -> Vec<Node> {
        let list: Items<Node> = self.json(&["get", "nodes"]);
        list.items
    }

    /// A deployment of the namespace `default`.
    pub(super) fn deployment(&self, name: &str) -> Deployment {
        self.json(&["get", "deployment", name])
    }

    fn json<T: serde::de::DeserializeOwned>(&self, arguments: &[&str]) -> T {
        let json = self.kubectl(&[arguments, &["-o", "json"]].concat());
        serde_json::from_str(&json).expect("kubectl prints JSON")
    }

    /// Waits until so many pods are there, each Ready, and their containers run, and no other container of the cluster
    /// is there: neither left over nor of a pod that is gone.
    pub(super) async fn settled(&self, selector: &str, count: usize) -> Vec<Pod> {
        self.until(&format!("{count} pods Ready and no orphaned container"), async || {
            let pods = self.try_pods(selector)?;
            let ready = pods.iter().filter(|it| api::pod::is_ready(it)).count();
            if (ready, pods.len()) != (count, count) {
                return Err(format!("{ready} of {} pods are Ready", pods.len()));
            }
            let wanted = uids(&pods);
            let running: Vec<_> = docker::running(&self.name).into_iter().collect();
            let served: BTreeSet<String> = running.iter().map(|it| it.pod_uid.clone()).collect();
            if served != wanted || running.len() != count {
                return Err(format!("containers {running:?} for pods {wanted:?}"));
            }
            let all = docker::containers(&self.name);
            let orphans: Vec<_> = all.iter().filter(|it| !wanted.contains(&it.pod_uid)).collect();
            if orphans.is_empty() { Ok(pods) } else { Err(format!("orphans {orphans:?}")) }
        })
        .await
    }

    /// The cluster's folder.
    pub(super) fn folder(&self) -> PathBuf {
        self.home.join("clusters").join(&self.name)
    }

    /// Processes of this cluster: all are started with its folder on their command line.
    pub(super) fn processes(&self) -> Vec<(i32, String)> {
        process::with(&self.folder().display().to_string())
    }

    /// What the launcher has written down.
    pub(super) fn description(&self) -> Value {
        let text = std::fs::read(self.folder().join("cluster.json")).expect("there is a cluster");
        serde_json::from_slice(&text).expect("it is JSON")
    }

    pub(super) fn kubeconfig(&self) -> PathBuf {
        self.home.join("kubeconfig")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder().join("skiff.log")).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            say(&format!(
                "the cluster's last words:\n{}",
                lines[lines.len().saturating_sub(60)..].join("\n")
            ));
        }
        remove(&self.name, &self.home);
    }
}

/// UIDs of pods.
pub(super) fn uids(pods: &[Pod]) -> BTreeSet<String> {
    pods.iter().map(|it| api::meta::uid(&it.metadata).to_owned()).collect()
}

/// A pod's address.
pub(super) fn address(pod: &Pod) -> String {
    pod.status.as_ref().and_then(|it| it.pod_ip.clone()).expect("a Ready pod has an address")
}

/// Where the clusters of all test runs of this machine are.
fn all_homes() -> PathBuf {
    std::env::temp_dir().join("skiff-it")
}

/// The repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package has a parent folder")
}

/// Removes the clusters of test runs that were killed.
fn sweep() {
    for entry in std::fs::read_dir(all_homes()).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.split('-').nth(1).and_then(|it| it.parse().ok());
        if owner.is_none_or(|it| !process::is_alive(it)) {
            say(&format!("removing {name}, which a killed run has left"));
            remove(&name, &entry.path());
        }
    }
}

/// Removes a cluster, whatever state it is in.
fn remove(name: &str, home: &Path) {
    let mut down = Command::new(process::built("skiff"));
    down.env("HOME", home)
        .env("SKIFF_HOME", home.join("clusters"))
        .env("KUBECONFIG", home.join("kubeconfig"));
    if let Err(why) = process::run(down.args(["down", "--name", name]), "") {
        say(&format!("`skiff down` failed, so its parts are removed one by one: {why}"));
        for (pid, _) in process::with(&home.display().to_string()) {
            process::kill_9(pid);
        }
    }
    docker::sweep(name);
    _ = std::fs::remove_dir_all(home);
}
