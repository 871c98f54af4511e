//! Pods on a real Docker Engine: what only the engine can prove. Needs Docker and a static `/bin/busybox` on the host.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod support;

use std::{path::PathBuf, sync::Arc, time::Duration};

use api::k8s::api::core::v1::{ContainerStatus, Pod};
use bollard::{
    Docker,
    models::{Ipam, IpamConfig, NetworkCreateRequest},
    query_parameters::CreateImageOptionsBuilder,
};
use daemon::{Clock, clock};
use futures::StreamExt;
use kubelet::container_runtime::{ContainerId, ContainerRuntime, ExecSpec, LogQuery, docker::DockerRuntime};
use serde_json::{Value, json};
use support::{Node, Setting};

/// A network, an image and a node of a test's own; [`World::end`] removes them.
struct World {
    node: Node,
    engine: Arc<DockerRuntime>,
    docker: Docker,
    name: String,
    range: String,
    folder: PathBuf,
}

const IMAGE: &str = "skiff-test/busybox:1";

impl World {
    /// `number` tells the networks of tests that run at the same time apart.
    async fn new(number: u8) -> World {
        let docker = Docker::connect_with_defaults().unwrap().negotiate_version().await.unwrap();
        let (name, range) = (format!("skiff-test-{number}"), format!("10.213.{number}.0/24"));
        import_busybox(&docker).await;
        let _left_over = docker.remove_network(&name).await;
        let config = IpamConfig { subnet: Some(range.clone()), ..IpamConfig::default() };
        let ipam = Ipam { config: Some(vec![config]), ..Ipam::default() };
        let network =
            NetworkCreateRequest { name: name.clone(), ipam: Some(ipam), ..NetworkCreateRequest::default() };
        docker.create_network(network).await.unwrap();
        let engine = Arc::new(DockerRuntime::connect().await.unwrap());
        let folder = tempfile::tempdir().unwrap().keep();
        let node = Node::start(setting(&engine, &name, &range, &folder));
        World { node, engine, docker, name, range, folder }
    }

    /// The agent dies and another one starts.
    async fn restart(&mut self) {
        self.node.tasks.shutdown().await;
        let setting = setting(&self.engine, &self.name, &self.range, &self.folder);
        self.node = Node::restart(setting, &self.node.cluster);
    }

    async fn log(&self, pod: &Pod) -> String {
        let id = id_of(pod);
        let mut chunks = self.engine.logs(&id, &LogQuery::default());
        let mut text = Vec::new();
        while let Some(chunk) = chunks.next().await {
            text.extend_from_slice(&chunk.unwrap().bytes);
        }
        String::from_utf8(text).unwrap()
    }

    /// What a shell script prints in a pod's first container.
    async fn sh(&self, pod: &Pod, script: &str) -> String {
        let command = ["sh", "-c", script].map(str::to_owned).to_vec();
        let spec = ExecSpec { command, ..ExecSpec::default() };
        let mut session = self.engine.exec(&id_of(pod), &spec).await.unwrap();
        let mut text = Vec::new();
        while let Some(chunk) = session.output.next().await {
            text.extend_from_slice(&chunk.unwrap().bytes);
        }
        String::from_utf8(text).unwrap()
    }

    /// Deletes the pods, checks that nothing is left of them, and removes what the test made.
    async fn end(self, pods: &[&str]) {
        for pod in pods {
            self.node.cluster.delete(pod, 2);
        }
        for pod in pods {
            self.node.cluster.gone(pod).await;
        }
        let owner = kubelet::labels::Owner { cluster: self.name.clone(), node: "one".to_owned() };
        assert_eq!(self.engine.list(&owner.labels()).await.unwrap(), [], "containers are left");
        assert_eq!(std::fs::read_dir(self.folder.join("pods")).unwrap().count(), 0, "folders are left");
        self.node.tasks.shutdown().await;
        self.docker.remove_network(&self.name).await.unwrap();
        std::fs::remove_dir_all(&self.folder).unwrap();
    }
}

fn setting<'a>(
    engine: &Arc<DockerRuntime>,
    name: &'a str,
    range: &'a str,
    folder: &'a std::path::Path,
) -> Setting<'a> {
    Setting {
        runtime: engine.clone(),
        clock: Clock::system(),
        folder,
        cluster_name: name,
        network: Some(name.to_owned()),
        range,
        pause_image: IMAGE,
    }
}

/// Makes the tests' image: busybox, and a shell for its default command.
async fn import_busybox(docker: &Docker) {
    if docker.inspect_image(IMAGE).await.is_ok() {
        return;
    }
    let mut archive = tar::Builder::new(Vec::new());
    archive
        .append_path_with_name("/bin/busybox", "bin/busybox")
        .expect("a static /bin/busybox is on the host");
    for applet in [
        "sh", "sleep", "cat", "ls", "id", "stat", "hostname", "nc", "test", "touch", "true", "false", "grep",
        "mount", "pwd", "env", "df", "kill",
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        header.set_mode(0o777);
        archive.append_link(&mut header, format!("bin/{applet}"), "busybox").unwrap();
    }
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Directory);
    header.set_size(0);
    header.set_mode(0o1777);
    archive.append_data(&mut header, "tmp/", std::io::empty()).unwrap();
    let bytes = archive.into_inner().unwrap();
    let options = CreateImageOptionsBuilder::new().from_src("-").repo("skiff-test/busybox").tag("1");
    // It is the pause image too: without a command it sleeps.
    let changes = vec!["ENV PATH=/bin".to_owned(), r#"CMD ["sleep","100000"]"#.to_owned()];
    let options = bollard::query_parameters::CreateImageOptions { changes, ..options.build() };
    let body = bollard::body_full(bytes.into());
    let mut steps = std::pin::pin!(docker.create_image(Some(options), Some(body), None));
    while let Some(step) = steps.next().await {
        step.unwrap();
    }
}

fn id_of(pod: &Pod) -> ContainerId {
    main(pod).container_id.unwrap().strip_prefix("docker://").unwrap().into()
}

fn main(pod: &Pod) -> ContainerStatus {
    pod.status.as_ref().unwrap().container_statuses.as_ref().unwrap()[0].clone()
}

const FOREVER: &str = "trap 'exit 0' TERM; while true; do sleep 0.1; done";

fn shell(script: &str) -> Value {
    json!({ "name": "main", "image": IMAGE, "command": ["sh", "-c", script] })
}

fn once(script: &str) -> Value {
    json!({ "containers": [shell(script)], "restartPolicy": "Never" })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_runs_with_its_address_and_goes_without_a_trace() {
    let world = World::new(1).await;
    let cluster = &world.node.cluster;
    cluster.create("web", json!({ "containers": [shell(FOREVER)] }));
    let pod = cluster.ready("web").await;
    let address = pod.status.as_ref().unwrap().pod_ip.clone().unwrap();
    let seen = world.sh(&pod, "hostname; cat /etc/hosts; busybox ip -o addr show").await;
    assert!(seen.starts_with("web\n") && seen.contains(&format!("{address}\tweb")), "{seen}");
    assert!(seen.contains(&format!("inet {address}/")), "{seen}");
    assert_eq!(cluster.reasons("web"), ["Pulled", "Created", "Started"]);
    world.end(&["web"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_words_and_start_errors_are_told() {
    let world = World::new(2).await;
    let cluster = &world.node.cluster;
    cluster.create("seven", once("echo out; printf why > /dev/termination-log; exit 7"));
    let mut broken = once("");
    broken["containers"][0]["command"] = json!(["/no/such/program"]);
    cluster.create("broken", broken);
    let seven = cluster.phase("seven", "Failed").await;
    let ended = main(&seven).state.unwrap().terminated.unwrap();
    assert_eq!(
        (ended.exit_code, ended.reason.as_deref(), ended.message.as_deref()),
        (7, Some("Error"), Some("why"))
    );
    assert_eq!(world.log(&seven).await, "out\n");
    let broken = cluster.phase("broken", "Failed").await;
    let ended = main(&broken).state.unwrap().terminated.unwrap();
    assert_eq!(ended.reason.as_deref(), Some("StartError"));
    assert!(ended.message.unwrap().contains("no such file"));
    world.end(&["seven", "broken"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn volumes_environment_and_rights_arrive() {
    let world = World::new(3).await;
    let cluster = &world.node.cluster;
    cluster.add_config_map(json!({ "metadata": { "name": "c" }, "data": { "color": "blue" } }));
    cluster.add_secret(json!({ "metadata": { "name": "s" }, "data": { "word": "aHVzaA==" } }));
    let script = "echo $COLOR $WORD; cat /c/color /s/word; echo; stat -c %a:%g /empty; touch /empty/x; stat -c %g /empty/x; \
                  ls -d /sub; grep ' /mem ' /proc/mounts | cut -d' ' -f3; id -u; touch /c/y || echo refused; cat /token";
    let mut spec = once(&script.replace("cut", "busybox cut"));
    spec["securityContext"] = json!({ "runAsUser": 1000, "fsGroup": 3000 });
    spec["volumes"] = json!([
        { "name": "c", "configMap": { "name": "c" } },
        { "name": "s", "secret": { "secretName": "s" } },
        { "name": "empty", "emptyDir": {} },
        { "name": "mem", "emptyDir": { "medium": "Memory", "sizeLimit": "8Mi" } },
        { "name": "token", "projected": { "sources": [{ "serviceAccountToken": { "path": "token" } }] } },
    ]);
    let main = &mut spec["containers"][0];
    main["env"] = json!([
        { "name": "COLOR", "valueFrom": { "configMapKeyRef": { "name": "c", "key": "color" } } },
        { "name": "WORD", "valueFrom": { "secretKeyRef": { "name": "s", "key": "word" } } },
    ]);
    main["volumeMounts"] = json!([
        { "name": "c", "mountPath": "/c" },
        { "name": "s", "mountPath": "/s" },
        { "name": "empty", "mountPath": "/empty" },
        { "name": "empty", "mountPath": "/sub", "subPath": "part" },
        { "name": "mem", "mountPath": "/mem" },
        { "name": "token", "mountPath": "/token", "subPath": "token" },
    ]);
    cluster.create("all", spec);
    let pod = cluster.wait("all", |pod| pod.is_some_and(api::pod::is_finished)).await.unwrap();
    let log = world.log(&pod).await;
    let lines: Vec<&str> = log.lines().filter(|it| !it.contains("Read-only")).collect();
    let expect =
        ["blue hush", "bluehush", "2777:3000", "3000", "/sub", "tmpfs", "1000", "refused", "token for \"\""];
    assert_eq!(lines, expect);
    world.end(&["all"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_agent_disturbs_nothing_and_sees_what_happened_meanwhile() {
    let mut world = World::new(4).await;
    world.node.cluster.create("stays", json!({ "containers": [shell(FOREVER)] }));
    world.node.cluster.create("ends", once("sleep 1; exit 5"));
    let before = world.node.cluster.ready("stays").await;
    world.node.tasks.shutdown().await;
    clock::sleep(Duration::from_secs(2)).await;
    world.restart().await;
    let cluster = &world.node.cluster;
    let ends = cluster.phase("ends", "Failed").await;
    assert_eq!(main(&ends).state.unwrap().terminated.unwrap().exit_code, 5);
    let after = cluster.ready("stays").await;
    assert_eq!(main(&before).container_id, main(&after).container_id);
    // The engine of a busy machine may fail to start a container once; what a new agent must not do is start another.
    assert_eq!(main(&before).restart_count, main(&after).restart_count, "before: {:#?}", main(&before));
    assert_eq!(main(&before).last_state, main(&after).last_state);
    world.end(&["stays", "ends"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_runs_the_hook_then_signals_then_kills() {
    let world = World::new(5).await;
    let cluster = &world.node.cluster;
    let mut spec = json!({ "containers": [shell("trap 'echo term' TERM; while true; do sleep 0.1; done")] });
    spec["containers"][0]["lifecycle"] =
        json!({ "preStop": { "exec": { "command": ["sh", "-c", "echo hook > /proc/1/fd/1"] } } });
    cluster.create("slow", spec);
    let pod = cluster.ready("slow").await;
    clock::sleep(Duration::from_millis(300)).await;
    let (begun, id) = (clock::instant(), id_of(&pod));
    let query = LogQuery { follow: true, ..LogQuery::default() };
    let mut log = world.engine.logs(&id, &query);
    cluster.delete("slow", 3);
    let mut text = String::new();
    while let Some(Ok(chunk)) = log.next().await {
        text.push_str(&String::from_utf8_lossy(&chunk.bytes));
    }
    cluster.gone("slow").await;
    assert_eq!(text, "hook\nterm\n");
    assert!(begun.elapsed() >= Duration::from_secs(3));
    world.end(&[]).await;
}
