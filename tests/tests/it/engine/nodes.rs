//! Nodes come, go, and are emptied.

use super::cluster::{Cluster, say};
use super::docker;
use std::collections::BTreeSet;

/// The nodes that pods run on.
fn places(cluster: &Cluster) -> BTreeSet<String> {
    cluster.pods("app=hello").iter().map(|it| api::pod::node_name(it).to_owned()).collect()
}

#[tokio::test]
async fn a_drained_node_is_empty_until_it_is_let_in_again() {
    let cluster = Cluster::up(&["--nodes", "2"]);
    cluster.apply("examples/hello");
    cluster.rolled_out("hello");
    let [one, two] = [1, 2].map(|number| format!("{}-{number}", cluster.name));
    cluster.kubectl(&["drain", &one, "--ignore-daemonsets", "--timeout=120s"]);
    cluster.settled("app=hello", 3).await;
    assert_eq!(places(&cluster), BTreeSet::from([two]));
    assert!(docker::containers(&cluster.name).iter().all(|it| it.node != one));
    cluster.kubectl(&["uncordon", &one]);
    cluster.kubectl(&["scale", "deployment/hello", "--replicas=6"]);
    cluster.settled("app=hello", 6).await;
    assert!(places(&cluster).contains(&one));
}

#[tokio::test]
async fn a_node_that_is_switched_off_comes_back_with_its_pods() {
    let cluster = Cluster::up(&["--nodes", "2"]);
    cluster.apply("examples/hello");
    cluster.rolled_out("hello");
    let two = format!("{}-2", cluster.name);
    cluster.skiff(&["node", "stop", "2"]);
    assert!(docker::containers(&cluster.name).iter().all(|it| it.node != two));
    cluster.node_ready(&two, "Unknown").await;
    cluster.skiff(&["node", "start", "2"]);
    cluster.node_ready(&two, "True").await;
    cluster.settled("app=hello", 3).await;

    say("nodes are added and removed");
    cluster.skiff(&["node", "add"]);
    assert_eq!(cluster.nodes().len(), 3);
    cluster.skiff(&["node", "rm", "2"]);
    cluster.settled("app=hello", 3).await;
    assert_eq!(cluster.nodes().len(), 2);
    assert!(!places(&cluster).contains(&two));
}
