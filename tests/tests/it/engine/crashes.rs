//! Each daemon is killed during a roll-out, and the roll-out ends as if nothing had happened.
//!
//! `SKIFF_KILLS` says how often each; once unless told otherwise.

use super::cluster::{Cluster, say, uids};
use super::{docker, process};

const REPLICAS: usize = 4;

fn rounds() -> usize {
    std::env::var("SKIFF_KILLS").ok().and_then(|it| it.parse().ok()).unwrap_or(1)
}

/// The process of a daemon, as the launcher has written it down.
fn pid_of(cluster: &Cluster, daemon: &str) -> Result<i32, String> {
    let file = cluster.folder().join(format!("{daemon}.pid"));
    let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let pid = text.trim().parse().map_err(|_| format!("{text:?} is no process number"))?;
    if process::is_alive(pid) { Ok(pid) } else { Err(format!("process {pid} is gone")) }
}

async fn crash(cluster: &Cluster, daemon: &str) {
    let pid = cluster.until(&format!("{daemon} to run"), async || pid_of(cluster, daemon)).await;
    say(&format!("kill -9 {daemon} ({pid})"));
    process::kill_9(pid);
}

/// Begins a roll-out; its pods are told by the label `round`. A server that was killed a moment ago may need a moment.
async fn begin_roll_out(cluster: &Cluster, round: &str) {
    let labels = serde_json::json!({"spec": {"template": {"metadata": {"labels": {"round": round}}}}});
    let patch = labels.to_string();
    cluster
        .until(&format!("the patch that begins {round}"), async || {
            cluster.try_kubectl(&["patch", "deployment", "hello", "-p", &patch], "")
        })
        .await;
}

/// Kills a daemon while pods are replaced, and waits until only new ones are left.
async fn survives(cluster: &Cluster, daemon: &str) {
    for round in 0..rounds() {
        let round = format!("{daemon}-{round}");
        let before = uids(&cluster.settled("app=hello", REPLICAS).await);
        begin_roll_out(cluster, &round).await;
        if !daemon.is_empty() {
            crash(cluster, daemon).await;
        }
        let after = cluster.settled(&format!("app=hello,round={round}"), REPLICAS).await;
        assert!(uids(&after).is_disjoint(&before));
        cluster.settled("app=hello", REPLICAS).await;
    }
}

#[tokio::test]
async fn every_daemon_may_be_killed_during_a_roll_out() {
    let cluster = Cluster::up(&["--nodes", "2", "--separate"]);
    cluster.apply("examples/hello");
    cluster.kubectl(&["scale", "deployment/hello", &format!("--replicas={REPLICAS}")]);
    cluster.rolled_out("hello");
    let agent = format!("kubelet-{}-1", cluster.name);
    let daemons = ["apiserver", "scheduler", "controller-manager", &agent];

    say("killed while nothing happens, a daemon disturbs no container");
    cluster.settled("app=hello", REPLICAS).await;
    let containers = docker::containers(&cluster.name);
    for daemon in daemons {
        crash(&cluster, daemon).await;
    }
    cluster.settled("app=hello", REPLICAS).await;
    assert_eq!(docker::containers(&cluster.name), containers);

    for daemon in daemons {
        survives(&cluster, daemon).await;
    }
}
