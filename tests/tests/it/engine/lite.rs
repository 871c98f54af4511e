//! kubectl-lite does by itself what the README and `make up` do with it.

use super::cluster::Cluster;
use super::process;

#[tokio::test]
async fn kubectl_lite_carries_the_first_steps() {
    let cluster = Cluster::up(&["--nodes", "1"]);
    let lite = |arguments: &[&str]| {
        let done = process::run(cluster.command(&process::built("kubectl-lite")).args(arguments), "");
        done.unwrap_or_else(|why| panic!("{why}"))
    };
    lite(&["apply", "-f", "examples/hello"]);
    let status = lite(&["rollout", "status", "deployment/hello"]);
    assert!(status.contains("successfully rolled out"), "{status}");
    let again = lite(&["apply", "-f", "examples/hello"]);
    assert!(again.contains("unchanged"), "{again}");

    let wide = lite(&["get", "pods", "-l", "app=hello", "-o", "wide"]);
    assert_eq!(wide.lines().count(), 4, "{wide}");
    assert_eq!(wide, cluster.kubectl(&["get", "pods", "-l", "app=hello", "-o", "wide"]));
    let pods = cluster.pods("app=hello");
    let name = api::meta::name(&pods[0].metadata);
    assert!(lite(&["logs", name]).contains("listening on port 8080"));
    assert!(lite(&["exec", name, "--", "/hello", "--once"]).contains(&format!("hello from {name}")));
    assert!(lite(&["describe", "pod", name]).contains("skiff/hello:v1"));
    lite(&["scale", "deployment/hello", "--replicas", "1"]);
    cluster.settled("app=hello", 1).await;
    lite(&["delete", "-f", "examples/hello"]);
    cluster.settled("app=hello", 0).await;
}
