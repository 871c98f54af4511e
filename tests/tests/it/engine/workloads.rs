//! Deployments, jobs and pods, as kubectl's users meet them.

use super::cluster::{Cluster, address, say, uids};
use super::docker;
use k8s_openapi::api::core::v1::Pod;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// What a pod answers to a GET from this machine.
fn fetch(pod: &Pod) -> Result<String, String> {
    let talk = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect((address(pod), 8080))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: hello\r\nAccept: text/plain\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    talk().map_err(|error| format!("{}: {error}", address(pod)))
}

/// Every pod says that it is of this version.
fn all_say(pods: &[Pod], version: &str) {
    for pod in pods {
        let answer = fetch(pod).unwrap_or_else(|why| panic!("{why}"));
        assert!(answer.contains(version), "{answer}");
        assert!(answer.contains(api::meta::name(&pod.metadata)), "{answer}");
    }
}

#[tokio::test]
async fn a_deployment_rolls_out_and_back_scales_and_heals() {
    let cluster = Cluster::up(&["--nodes", "3"]);
    cluster.apply("examples/hello");
    cluster.rolled_out("hello");
    let pods = cluster.settled("app=hello", 3).await;
    let nodes: BTreeSet<&str> = pods.iter().map(api::pod::node_name).collect();
    assert_eq!(nodes.len(), 3, "{nodes:?}");
    all_say(&pods, "v1");

    say("rolling update and back");
    cluster.kubectl(&["set", "image", "deployment/hello", "hello=skiff/hello:v2"]);
    cluster.rolled_out("hello");
    let updated = cluster.settled("app=hello", 3).await;
    assert!(uids(&updated).is_disjoint(&uids(&pods)));
    all_say(&updated, "v2");
    cluster.kubectl(&["rollout", "undo", "deployment/hello"]);
    cluster.rolled_out("hello");
    all_say(&cluster.settled("app=hello", 3).await, "v1");

    say("scale up and down");
    for (argument, count) in [("--replicas=6", 6), ("--replicas=2", 2)] {
        cluster.kubectl(&["scale", "deployment/hello", argument]);
        cluster.settled("app=hello", count).await;
    }

    say("a deleted pod is replaced");
    let pods = cluster.pods("app=hello");
    cluster.kubectl(&["delete", "pod", api::meta::name(&pods[0].metadata)]);
    let healed = cluster.settled("app=hello", 2).await;
    assert!(!uids(&healed).contains(api::meta::uid(&pods[0].metadata)));

    say("what a deployment owns goes with it");
    cluster.kubectl(&["delete", "deployment", "hello"]);
    cluster.settled("app=hello", 0).await;
}

#[tokio::test]
async fn a_killed_container_is_started_again() {
    let cluster = Cluster::up(&["--nodes", "1"]);
    cluster.apply("examples/tour/pod.yaml");
    cluster.settled("app=lonely", 1).await;
    let victim = docker::running(&cluster.name).into_iter().next().expect("one runs");
    docker::kill(&victim.id);
    cluster
        .until("a restart", async || {
            let pods = cluster.try_pods("app=lonely")?;
            let statuses = pods.iter().filter_map(|it| it.status.as_ref()?.container_statuses.as_ref());
            let restarts: i32 = statuses.flatten().map(|it| it.restart_count).sum();
            let runs = docker::running(&cluster.name).iter().any(|it| it.id != victim.id);
            if restarts == 1 && runs { Ok(()) } else { Err(format!("{restarts} restarts, runs: {runs}")) }
        })
        .await;
}

#[tokio::test]
async fn logs_and_exec_reach_a_container() {
    let cluster = Cluster::up(&["--nodes", "2"]);
    cluster.apply("examples/hello");
    cluster.rolled_out("hello");
    for pod in cluster.pods("app=hello") {
        let name = api::meta::name(&pod.metadata);
        let logs = cluster.kubectl(&["logs", name]);
        assert!(logs.contains("listening on port 8080"), "{logs}");
        let said = cluster.kubectl(&["exec", name, "--", "/hello", "--once"]);
        assert!(said.contains(&format!("hello from {name}")), "{said}");
    }
    let wrong = cluster.try_kubectl(&["exec", "deployment/hello", "--", "/hello", "--never-heard-of"], "");
    let why = wrong.expect_err("the program fails, and so does kubectl");
    assert!(why.contains("exit status: 1") || why.contains("exit code 1"), "{why}");
}

#[tokio::test]
async fn a_job_completes() {
    let cluster = Cluster::up(&["--nodes", "2"]);
    cluster.apply("examples/tour/job.yaml");
    say("waiting for the job");
    cluster.kubectl(&["wait", "--for=condition=complete", "job/five-times", "--timeout=180s"]);
    let pods = cluster.pods("job-name=five-times");
    let succeeded = pods.iter().filter(|it| api::pod::phase(it) == "Succeeded").count();
    assert_eq!((succeeded, pods.len()), (5, 5));
    let logs = cluster.kubectl(&["logs", "-l", "job-name=five-times", "--tail=-1"]);
    assert_eq!(logs.matches("hello from five-times-").count(), 5, "{logs}");
    cluster.kubectl(&["delete", "job", "five-times"]);
    cluster.settled("job-name=five-times", 0).await;
}
