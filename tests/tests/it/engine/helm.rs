//! helm 4 installs, upgrades and removes an operator as people's charts ship them, and nothing is left.
//!
//! The chart is `tests/fixtures/greeter-operator`. Its webhook answers in this process, over HTTPS.

use super::cluster::{Cluster, say};
use super::{docker, process};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use daemon::{Clock, Tasks};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use pki::{Authority, San, Validity};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const CHART: &str = "tests/fixtures/greeter-operator";
const NAMESPACE: &str = "greeter";
const LABEL: &str = "app.kubernetes.io/instance=greeter";

/// A webhook that refuses rude greetings; stops when it is dropped.
struct Webhook {
    url: String,
    bundle: String,
    tasks: Tasks,
}

impl Webhook {
    async fn start() -> Self {
        let validity = Validity::days(Clock::system().now(), 1);
        let authority = Authority::create("greeter", validity).expect("a certificate");
        let pair =
            authority.issue_server("greeter", &[San::of("127.0.0.1")], validity).expect("a certificate");
        let config = pki::tls::server_config(&pair, None).expect("the certificate and its key fit");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("it listens").port();
        let (tasks, acceptor) = (Tasks::new(), TlsAcceptor::from(Arc::new(config)));
        let token = tasks.token();
        let listening = listen(listener, acceptor, tasks.clone());
        tasks.spawn("webhook", async move { token.run_until_cancelled(listening).await.unwrap_or_default() });
        let url = format!("https://127.0.0.1:{port}/validate");
        Self { url, bundle: STANDARD.encode(authority.cert_pem()), tasks }
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.tasks.cancel();
    }
}

async fn listen(listener: TcpListener, acceptor: TlsAcceptor, tasks: Tasks) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, token) = (acceptor.clone(), tasks.token());
        let serve = async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let connection = hyper::server::conn::http1::Builder::new();
            let service = hyper::service::service_fn(review);
            drop(connection.serve_connection(TokioIo::new(stream), service).await);
        };
        tasks.spawn("webhook connection", async move {
            token.run_until_cancelled(serve).await.unwrap_or_default();
        });
    }
}

async fn review(request: http::Request<Incoming>) -> Result<http::Response<Full<Bytes>>, hyper::Error> {
    let body = request.into_body().collect().await?.to_bytes();
    let review: Value = serde_json::from_slice(&body).expect("the server sends JSON");
    let rude = review["request"]["object"]["spec"]["message"] == "go away";
    let response = json!({
        "uid": review["request"]["uid"], "allowed": !rude, "status": {"code": 403, "message": "that is rude"},
    });
    let said = json!({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response});
    Ok(http::Response::new(Full::new(said.to_string().into())))
}

impl Cluster {
    fn helm(&self, arguments: &[&str]) -> String {
        say(&format!("helm {}", arguments[..2].join(" ")));
        let mut command = self.command(Path::new("helm"));
        command.args(arguments).args(["--namespace", NAMESPACE]);
        process::run(&mut command, "").unwrap_or_else(|why| panic!("{why}"))
    }

    fn greet(&self, name: &str, message: &str) -> Result<String, String> {
        let greeting = json!({
            "apiVersion": "greeter.example.com/v1", "kind": "Greeting", "metadata": {"name": name}, "spec": {"message": message},
        });
        self.try_kubectl(&["apply", "-f", "-"], &greeting.to_string())
    }

    /// What kubectl prints of `get -o name`, as lines.
    fn names(&self, arguments: &[&str]) -> Vec<String> {
        let printed = self.kubectl(&[&["get", "-o", "name"], arguments].concat());
        printed.lines().map(str::to_owned).collect()
    }

    /// Waits until the operator's pods are those with these images; helm does not wait for the end of the others.
    async fn operators(&self, expect: &[&str]) {
        let path = "jsonpath={range .items[*]}{.spec.containers[0].image} {end}";
        self.until("the operator's pods", async || {
            let images = self.try_kubectl(&["get", "pods", "-n", NAMESPACE, "-l", LABEL, "-o", path], "")?;
            let found: Vec<&str> = images.split_whitespace().collect();
            if found == expect { Ok(()) } else { Err(images) }
        })
        .await;
    }
}

// helm and kubectl block their thread, and the webhook has to answer meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn helm_installs_upgrades_and_removes_an_operator() {
    let cluster = Cluster::up(&["--nodes", "2"]);
    let webhook = Webhook::start().await;
    let (url, bundle) =
        (format!("webhook.url={}", webhook.url), format!("webhook.caBundle={}", webhook.bundle));
    let to_the_end = ["--wait", "--timeout", "120s"];
    let values = [&["--set", &url, "--set", &bundle][..], &to_the_end].concat();
    cluster.helm(&[&["install", "greeter", CHART, "--create-namespace"], &values[..]].concat());
    cluster.operators(&["skiff/hello:v1"]).await;
    let account = format!("--as=system:serviceaccount:{NAMESPACE}:greeter-greeter-operator");
    cluster.kubectl(&["auth", "can-i", "list", "greetings.greeter.example.com", "-A", &account]);
    let refused = cluster.try_kubectl(&["auth", "can-i", "delete", "secrets", "-A", &account], "");
    assert!(refused.is_err_and(|it| it.contains("no")));

    say("its kind, its schema and its webhook");
    cluster.greet("hi", "hi").expect("a greeting");
    let rude = cluster.greet("rude", "go away").expect_err("the webhook refuses it");
    assert!(rude.contains("that is rude") && rude.contains("denied the request"), "{rude}");
    let long = cluster.greet("long", &"ha ".repeat(30)).expect_err("the schema refuses it");
    assert!(long.contains("spec.message: Too long"), "{long}");
    assert_eq!(cluster.kubectl(&["get", "greet", "hi", "-o", "jsonpath={.spec.repeat}"]), "1");
    assert!(cluster.kubectl(&["get", "greet"]).contains("MESSAGE"));

    let more = ["--set", "replicas=2", "--set", "image.tag=v2"];
    cluster.helm(&[&["upgrade", "greeter", CHART, "--reuse-values"], &more[..], &to_the_end].concat());
    cluster.operators(&["skiff/hello:v2"; 2]).await;
    cluster.greet("hello", "hello").expect("a greeting");
    cluster.greet("rude", "go away").expect_err("the webhook is still there");
    cluster.helm(&[&["rollback", "greeter", "1"], &to_the_end[..]].concat());
    cluster.operators(&["skiff/hello:v1"]).await;
    assert_eq!(cluster.names(&["greetings"]).len(), 2);
    let history: Value =
        serde_json::from_str(&cluster.helm(&["history", "greeter", "-o", "json"])).expect("JSON");
    assert_eq!(history.as_array().map(Vec::len), Some(3), "{history}");

    cluster.helm(&[&["uninstall", "greeter"], &to_the_end[..]].concat());
    nothing_is_left(&cluster).await;
}

async fn nothing_is_left(cluster: &Cluster) {
    let of_the_cluster = "crd,validatingwebhookconfigurations,clusterroles,clusterrolebindings";
    // Not `all`: kubectl remembers for hours that the operator's kind is part of it.
    let of_namespaces = "pods,services,deployments,replicasets,secrets,configmaps,serviceaccounts,roles,rolebindings,\
                         leases,endpoints,endpointslices";
    cluster
        .until("nothing to be left", async || {
            let mut left = cluster.names(&[of_the_cluster, "-l", LABEL]);
            left.extend(cluster.names(&[of_namespaces, "-n", NAMESPACE]));
            left.retain(|it| it != "configmap/kube-root-ca.crt" && it != "serviceaccount/default");
            left.extend(docker::containers(&cluster.name).iter().map(|it| format!("{it:?}")));
            if left.is_empty() { Ok(()) } else { Err(left.join(", ")) }
        })
        .await;
    assert!(!cluster.kubectl(&["api-versions"]).contains("greeter.example.com"), "the kind is gone");
    cluster.kubectl(&["delete", "namespace", NAMESPACE, "--timeout=60s"]);
}
