//! kube-rs, a client of other people's making, does with a cluster what programs do with one.

use super::cluster::{Cluster, say};
use super::process;
use futures::{AsyncBufReadExt, Stream, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{
    AttachParams, DeleteParams, ListParams, LogParams, ObjectMeta, Patch, PatchParams, PostParams,
    WatchEvent, WatchParams,
};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::Status;
use kube::runtime::controller::Action;
use kube::runtime::wait::{await_condition, conditions};
use kube::runtime::{Controller, WatchStreamExt, watcher};
use kube::{Api, Client, Config, CustomResource, CustomResourceExt, Resource, ResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;

/// Each wait of this file is for something that takes seconds.
const PATIENCE: Duration = Duration::from_secs(60);

async fn client_of(cluster: &Cluster) -> Client {
    let kubeconfig = Kubeconfig::read_from(cluster.kubeconfig()).expect("the launcher wrote a kubeconfig");
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    Client::try_from(config.expect("the kubeconfig is whole")).expect("a client can be made of it")
}

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    say(&format!("waiting for {what}"));
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("no {what} within {PATIENCE:?}"))
}

fn config_map(name: &str, value: &str) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
        data: Some(BTreeMap::from([("key".to_owned(), value.to_owned())])),
        ..ConfigMap::default()
    }
}

/// The Status of a request that was refused.
fn refusal<T: std::fmt::Debug>(result: kube::Result<T>) -> Box<Status> {
    match result {
        Err(kube::Error::Api(status)) => status,
        other => panic!("a refusal by the server was expected: {other:?}"),
    }
}

#[tokio::test]
async fn kube_rs_reads_and_writes() {
    let cluster = Cluster::up(&["--nodes", "1"]);
    let client = client_of(&cluster).await;
    assert_eq!(client.apiserver_version().await.expect("a version").minor, "37");
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    let made = maps.create(&PostParams::default(), &config_map("a", "1")).await.expect("it is new");
    let again = refusal(maps.create(&PostParams::default(), &config_map("a", "1")).await);
    assert_eq!((again.code, again.reason.as_str()), (409, "AlreadyExists"));
    assert_eq!(maps.get("a").await.expect("it is there"), made);
    assert!(maps.get_opt("b").await.expect("an absence is no error").is_none());

    say("patches");
    let merged =
        maps.patch("a", &PatchParams::default(), &Patch::Merge(json!({"data": {"more": "2"}}))).await;
    assert_eq!(merged.expect("a merge").data.expect("data").len(), 2);
    let stale = refusal(maps.replace("a", &PostParams::default(), &made).await);
    assert_eq!((stale.code, stale.reason.as_str()), (409, "Conflict"));
    let applied = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"key": "theirs"}});
    let apply = async |manager: PatchParams| maps.patch("a", &manager, &Patch::Apply(&applied)).await;
    let conflict = refusal(apply(PatchParams::apply("first")).await);
    assert_eq!(conflict.code, 409);
    assert!(conflict.message.contains("conflict"), "{}", conflict.message);
    let forced = apply(PatchParams::apply("first").force()).await.expect("forced");
    assert!(forced.managed_fields().iter().any(|it| it.manager.as_deref() == Some("first")));
    let repeated = apply(PatchParams::apply("first")).await.expect("nobody else owns it");
    assert_eq!(repeated.resource_version(), forced.resource_version());

    say("pages");
    for name in ["b", "c", "d"] {
        maps.create(&PostParams::default(), &config_map(name, "1")).await.expect("it is new");
    }
    let (mut names, mut page) = (Vec::new(), ListParams::default().limit(2));
    loop {
        let list = maps.list(&page).await.expect("a page");
        names.extend(list.iter().map(ResourceExt::name_any));
        match list.metadata.continue_.filter(|it| !it.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => break,
        }
    }
    assert_eq!(names, ["a", "b", "c", "d", "kube-root-ca.crt"]);
    let gone = maps.delete("b", &DeleteParams::default()).await.expect("it was there");
    assert!(gone.is_right(), "a ConfigMap goes at once: {gone:?}");
    assert_eq!(refusal(maps.get("b").await).reason, "NotFound");
}

/// The names of objects that are shown, one after the other.
async fn shown(events: &mut (impl Stream<Item = watcher::Result<ConfigMap>> + Unpin), name: &str) {
    while let Some(event) = soon(name, events.next()).await {
        match event {
            Ok(map) if map.name_any() == name => return,
            Ok(_) => {}
            // A server that was killed a moment ago; the watcher goes on by itself.
            Err(error) => say(&format!("the watch was interrupted: {error}")),
        }
    }
    panic!("the watch ended before it showed {name}");
}

#[tokio::test]
async fn a_watcher_of_kube_rs_outlives_the_server() {
    let cluster = Cluster::up(&["--nodes", "1", "--separate"]);
    let maps: Api<ConfigMap> = Api::default_namespaced(client_of(&cluster).await);
    let first = maps.create(&PostParams::default(), &config_map("a", "1")).await.expect("it is new");
    for config in [watcher::Config::default(), watcher::Config::default().streaming_lists()] {
        let mut events = Box::pin(watcher(maps.clone(), config).default_backoff().applied_objects());
        shown(&mut events, "a").await;
        let pid = std::fs::read_to_string(cluster.folder().join("apiserver.pid")).expect("it runs");
        process::kill_9(pid.trim().parse().expect("a process number"));
        let again = || async { maps.create(&PostParams::default(), &config_map("b", "1")).await };
        cluster.until("the server to be back", async || again().await.map_err(|it| it.to_string())).await;
        shown(&mut events, "b").await;
        maps.delete("b", &DeleteParams::default()).await.expect("it is there");
    }

    say("a plain watch, from a version before the server's end");
    let version = first.resource_version().expect("a version");
    let mut events = maps.watch(&WatchParams::default(), &version).await.expect("a watch").boxed();
    let mut seen = Vec::new();
    while seen.len() < 4 {
        match soon("what happened", events.try_next()).await.expect("no error").expect("no end") {
            WatchEvent::Added(map) => seen.push(format!("+{}", map.name_any())),
            WatchEvent::Deleted(map) => seen.push(format!("-{}", map.name_any())),
            _ => {}
        }
    }
    seen.retain(|it| it != "+kube-root-ca.crt");
    assert_eq!(seen[..3], ["+b", "-b", "+b"]);
}

#[tokio::test]
async fn kube_rs_runs_programs_and_reads_logs() {
    let cluster = Cluster::up(&["--nodes", "1"]);
    cluster.apply("examples/tour/pod.yaml");
    let pods: Api<Pod> = Api::default_namespaced(client_of(&cluster).await);
    soon("the pod", await_condition(pods.clone(), "lonely", conditions::is_pod_running()))
        .await
        .expect("a watch");
    cluster.settled("app=lonely", 1).await;

    let logs = pods.logs("lonely", &LogParams::default()).await.expect("logs");
    assert!(logs.contains("listening on port 8080"), "{logs}");
    let follow = LogParams { follow: true, ..LogParams::default() };
    let mut lines = pods.log_stream("lonely", &follow).await.expect("a stream").lines();
    let line = soon("a line", lines.try_next()).await.expect("no error");
    assert!(logs.starts_with(&line.expect("no end")));

    let mut done =
        pods.exec("lonely", ["/hello", "--once"], &AttachParams::default()).await.expect("a process");
    let status = done.take_status().expect("it was not taken");
    let mut output = String::new();
    done.stdout().expect("it is attached").read_to_string(&mut output).await.expect("text");
    assert!(output.contains("hello from lonely"), "{output}");
    let status = soon("the end", status).await.expect("a status");
    assert_eq!(status.status.as_deref(), Some("Success"));
    done.join().await.expect("no error");

    let mut failed = pods.exec("lonely", ["/nosuch"], &AttachParams::default()).await.expect("an upgrade");
    let status = soon("the end", failed.take_status().expect("it was not taken")).await.expect("a status");
    assert_eq!(status.status.as_deref(), Some("Failure"), "{status:?}");

    let uid = pods.get("lonely").await.expect("it is there").uid().expect("it is stored");
    pods.delete("lonely", &DeleteParams::default().grace_period(1)).await.expect("it is there");
    let gone = conditions::is_deleted(&uid);
    soon("the end of the pod", await_condition(pods, "lonely", gone)).await.expect("a watch");
    cluster.settled("app=lonely", 0).await;
}

/// Asks for a ConfigMap that says something several times.
#[derive(CustomResource, Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[kube(
    group = "tests.example.com",
    version = "v1",
    kind = "Echo",
    plural = "echoes",
    namespaced,
    status = "EchoStatus"
)]
#[kube(shortname = "ec", printcolumn = r#"{"name":"Times","type":"integer","jsonPath":".spec.times"}"#)]
#[serde(rename_all = "camelCase")]
struct EchoSpec {
    what: String,
    #[schemars(range(min = 1, max = 9))]
    times: u8,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
struct EchoStatus {
    said: String,
}

/// What the controller does for one Echo: its ConfigMap, by server-side apply, then the status.
async fn reconcile(echo: Arc<Echo>, client: Arc<Client>) -> Result<Action, kube::Error> {
    let (name, namespace) = (echo.name_any(), echo.namespace().unwrap_or_default());
    let said = vec![echo.spec.what.clone(); echo.spec.times.into()].join(" ");
    let mut map = config_map(&name, &said);
    map.metadata.owner_references = Some(vec![echo.controller_owner_ref(&()).expect("it is stored")]);
    let manager = PatchParams::apply("echo").force();
    let maps: Api<ConfigMap> = Api::namespaced((*client).clone(), &namespace);
    maps.patch(&name, &manager, &Patch::Apply(&map)).await?;
    let echoes: Api<Echo> = Api::namespaced((*client).clone(), &namespace);
    echoes
        .patch_status(&name, &PatchParams::default(), &Patch::Merge(json!({"status": {"said": said}})))
        .await?;
    Ok(Action::await_change())
}

fn says(text: &'static str) -> impl Fn(Option<&Echo>) -> bool {
    move |echo| echo.and_then(|it| it.status.as_ref()).is_some_and(|it| it.said == text)
}

fn holds(text: &'static str) -> impl Fn(Option<&ConfigMap>) -> bool {
    move |map| map.and_then(|it| it.data.as_ref()).is_some_and(|it| it["key"] == text)
}

#[tokio::test]
async fn a_controller_of_kube_rs_reconciles_its_kind() {
    let cluster = Cluster::up(&["--nodes", "1"]);
    let client = client_of(&cluster).await;
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let manager = PatchParams::apply("tests");
    definitions
        .patch("echoes.tests.example.com", &manager, &Patch::Apply(Echo::crd()))
        .await
        .expect("a definition");
    let established =
        await_condition(definitions, "echoes.tests.example.com", conditions::is_crd_established());
    soon("the kind", established).await.expect("a watch");

    let echoes: Api<Echo> = Api::default_namespaced(client.clone());
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let controller = Controller::new(echoes.clone(), watcher::Config::default())
        .owns(maps.clone(), watcher::Config::default())
        .graceful_shutdown_on(async { _ = stopped.await })
        .run(reconcile, |_, _, _| Action::requeue(Duration::from_millis(200)), Arc::new(client));
    let story = async {
        an_echo_lives(&cluster, &echoes, &maps).await;
        stop.send(()).expect("the controller runs");
    };
    futures::future::join(controller.for_each(|_| async {}), story).await;
}

/// What the users of a kind do while its controller runs.
async fn an_echo_lives(cluster: &Cluster, echoes: &Api<Echo>, maps: &Api<ConfigMap>) {
    let refused = Echo::new("a", EchoSpec { what: "ho".into(), times: 10 });
    let refused = refusal(echoes.create(&PostParams::default(), &refused).await);
    assert_eq!(refused.code, 422);
    assert!(refused.message.contains("spec.times"), "{}", refused.message);
    let echo = Echo::new("a", EchoSpec { what: "ho".into(), times: 2 });
    echoes.create(&PostParams::default(), &echo).await.expect("it is new");
    soon("the status", await_condition(echoes.clone(), "a", says("ho ho"))).await.expect("a watch");
    soon("the map", await_condition(maps.clone(), "a", holds("ho ho"))).await.expect("a watch");
    assert!(cluster.kubectl(&["get", "ec"]).contains("TIMES"));

    say("a change of the owner, and one of what it owns");
    let change = json!({"spec": {"times": 3}});
    echoes.patch("a", &PatchParams::default(), &Patch::Merge(change)).await.expect("a change");
    soon("the map", await_condition(maps.clone(), "a", holds("ho ho ho"))).await.expect("a watch");
    let before = maps.get("a").await.expect("it is there").uid();
    maps.delete("a", &DeleteParams::default()).await.expect("it is there");
    let made_anew = move |map: Option<&ConfigMap>| map.is_some_and(|it| it.uid() != before);
    soon("the map again", await_condition(maps.clone(), "a", made_anew)).await.expect("a watch");

    say("the owner goes, and what it owns with it");
    let uid = maps.get("a").await.expect("it is there").uid().expect("it is stored");
    echoes.delete("a", &DeleteParams::default()).await.expect("it is there");
    let gone = conditions::is_deleted(&uid);
    soon("the map's end", await_condition(maps.clone(), "a", gone)).await.expect("a watch");
}
