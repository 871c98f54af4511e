//! What Docker Engine has of a cluster, by its own command line.

use super::process;
use std::collections::BTreeSet;
use std::process::Command;

const CLUSTER: &str = "skiff.cluster";
const NODE: &str = "skiff.node";
const POD: &str = "io.kubernetes.pod.uid";
const NAME: &str = "io.kubernetes.container.name";

/// A container.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Container {
    pub(super) id: String,
    pub(super) node: String,
    pub(super) pod_uid: String,
    pub(super) name: String,
    /// `running`, `exited` and so on.
    pub(super) state: String,
}

fn docker(arguments: &[&str]) -> String {
    process::run(Command::new("docker").args(arguments), "").expect("docker answers")
}

/// The containers of a cluster, also those that don't run.
pub(super) fn containers(cluster: &str) -> BTreeSet<Container> {
    let label = |name: &str| format!("{{{{.Label \"{name}\"}}}}");
    let format = format!("{{{{.ID}}}}|{}|{}|{}|{{{{.State}}}}", label(NODE), label(POD), label(NAME));
    let filter = format!("label={CLUSTER}={cluster}");
    let listed = docker(&["ps", "--all", "--no-trunc", "--filter", &filter, "--format", &format]);
    let container = |line: &str| {
        let mut fields = line.split('|').map(str::to_owned);
        let mut next = || fields.next().unwrap_or_default();
        Container { id: next(), node: next(), pod_uid: next(), name: next(), state: next() }
    };
    listed.lines().map(container).collect()
}

/// The containers of a cluster that run, pause containers left out.
pub(super) fn running(cluster: &str) -> BTreeSet<Container> {
    containers(cluster).into_iter().filter(|it| it.state == "running" && it.name != "POD").collect()
}

/// Names of a cluster's networks and volumes.
pub(super) fn belongings(cluster: &str) -> Vec<String> {
    let filter = format!("label={CLUSTER}={cluster}");
    let list = |what: &str| docker(&[what, "ls", "--filter", &filter, "--format", "{{.Name}}"]);
    let names = [list("network"), list("volume")].concat();
    names.lines().map(str::to_owned).collect()
}

/// Ends a container from outside.
pub(super) fn kill(id: &str) {
    docker(&["kill", id]);
}

/// Removes whatever a cluster has, for the end of a test that failed.
pub(super) fn sweep(cluster: &str) {
    for container in containers(cluster) {
        docker(&["rm", "--force", "--volumes", &container.id]);
    }
    let filter = format!("label={CLUSTER}={cluster}");
    for what in ["network", "volume"] {
        for name in docker(&[what, "ls", "--filter", &filter, "--format", "{{.Name}}"]).lines() {
            docker(&[what, "rm", name]);
        }
    }
}
