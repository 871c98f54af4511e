//! A cluster's life: up, up again, stop, up, a crash, down.

use super::cluster::{Cluster, say, uids};
use super::{docker, process};

#[tokio::test]
async fn a_cluster_lives_through_stop_and_crash_and_leaves_nothing() {
    let cluster = Cluster::up(&["--nodes", "3"]);
    assert_eq!(cluster.nodes().len(), 3);
    cluster.apply("examples/hello");
    cluster.rolled_out("hello");
    let pods = cluster.settled("app=hello", 3).await;
    let (deployment, description) = (cluster.deployment("hello"), cluster.description());
    let containers = docker::containers(&cluster.name);

    say("a second `skiff up` and `kubectl apply` change nothing");
    cluster.skiff_up(&["--nodes", "3"]);
    let applied = cluster.apply("examples/hello");
    assert!(applied.contains("unchanged"), "{applied}");
    assert_eq!(docker::containers(&cluster.name), containers);
    let metadata = &cluster.deployment("hello").metadata;
    assert_eq!(metadata.resource_version, deployment.metadata.resource_version);

    say("a killed cluster disturbs no container, and `skiff up` continues it");
    for (pid, _) in cluster.processes() {
        process::kill_9(pid);
    }
    assert_eq!(docker::containers(&cluster.name), containers);
    cluster.skiff_up(&[]);
    assert_eq!(uids(&cluster.settled("app=hello", 3).await), uids(&pods));
    assert_eq!(docker::containers(&cluster.name), containers);

    say("after a stop, `skiff up` continues the same cluster");
    cluster.skiff(&["stop"]);
    assert!(docker::containers(&cluster.name).is_empty());
    cluster.skiff_up(&[]);
    cluster.settled("app=hello", 3).await;
    assert_eq!(cluster.description(), description);
    assert_eq!(cluster.deployment("hello").metadata.uid, deployment.metadata.uid);

    say("`skiff down` leaves nothing");
    cluster.skiff(&["down"]);
    assert!(docker::containers(&cluster.name).is_empty());
    assert_eq!(docker::belongings(&cluster.name), Vec::<String>::new());
    assert_eq!(cluster.processes(), []);
    assert!(!cluster.folder().exists());
}
