//! Golden scenarios: scripts that read as stories, with what every controller did in between.
//!
//! Each file in `golden/` holds both. Lines with `> ` are commands, lines with `#` are for the reader, everything else
//! is what came out. `UPDATE_GOLDEN=1 cargo test` writes what comes out now. The commands:
//!
//! - `controllers NAME ...`: which controllers run; must be the first.
//! - `create KIND NAME [{...}]`: creates an object from the kind's plain form, with a merge patch applied.
//! - `patch KIND/NAME [status] {...}`, `delete KIND/NAME [{...}]`: as users do.
//! - `settle`: reconciles until nobody has anything to do.
//! - `step [N]`: runs N reconciles that act.
//! - `run [N]`: N pods without a node get one and become ready; all when there is no number.
//! - `end NAME PHASE [CODE]`: the pod runs to its end. `stop`: the pods that were asked to go are gone.
//! - `advance SECONDS`: time passes.
//! - `quota N`: only so many more pods may be created. `quota none` lifts it.
//! - `pods`, `list KIND`, `show KIND/NAME FIELD ...`: looks.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod sim;

use api::{Key, Kind, Object, pod};
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};
use sim::store::merge;
use sim::{Cluster, Step};
use std::fmt::Write as _;
use std::path::Path;

#[test]
fn scenarios_come_out_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let written = std::fs::read_to_string(&path).unwrap();
        let came_out = play(&written);
        if written == came_out {
            continue;
        }
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, came_out).unwrap();
        } else {
            wrong.push(format!("{}:\n{}", path.display(), first_difference(&written, &came_out)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn first_difference(written: &str, came_out: &str) -> String {
    let pair = written.lines().zip(came_out.lines()).find(|(a, b)| a != b);
    let (written, came_out) = pair.unwrap_or(("one has more lines", "than the other"));
    format!("  written:  {written}\n  came out: {came_out}")
}

fn play(script: &str) -> String {
    let mut output = String::new();
    let mut stage = Stage { cluster: Cluster::new(&[]) };
    let mut after_comment = true;
    for line in script.lines() {
        let comment = line.starts_with('#');
        if comment && !after_comment {
            output.push('\n');
        }
        if let Some(command) = line.strip_prefix("> ") {
            writeln!(output, "{line}").unwrap();
            output.push_str(&stage.command(command));
        } else if comment {
            writeln!(output, "{line}").unwrap();
        }
        after_comment = comment;
    }
    output
}

struct Stage {
    cluster: Cluster,
}

impl Stage {
    fn command(&mut self, line: &str) -> String {
        let (head, tree) = match line.find('{') {
            Some(at) => {
                (&line[..at], serde_json::from_str(&line[at..]).unwrap_or_else(|it| panic!("{line}: {it}")))
            }
            None => (line, json!({})),
        };
        let words: Vec<&str> = head.split_whitespace().collect();
        match words.as_slice() {
            ["controllers", names @ ..] => self.cluster = Cluster::new(names),
            ["create", kind, name] => {
                self.cluster.create(plain(kind, name, &tree)).unwrap_or_else(|it| panic!("{line}: {it}"));
            }
            ["patch", key] => {
                self.cluster.patch(&self.key(key), None, &tree).unwrap_or_else(|it| panic!("{line}: {it}"));
            }
            ["patch", key, "status"] => {
                let status = Some(api::Subresource::Status);
                drop(self.cluster.patch(&self.key(key), status, &json!({"status": tree})).unwrap());
            }
            ["delete", key] => self.cluster.delete(&self.key(key), &tree).unwrap(),
            ["settle"] => return self.steps(usize::MAX),
            ["step"] => return self.steps(1),
            ["step", number] => return self.steps(number.parse().unwrap()),
            ["run"] => self.run(usize::MAX),
            ["run", number] => self.run(number.parse().unwrap()),
            ["end", name, phase] => self.end(name, phase, 0),
            ["end", name, phase, code] => self.end(name, phase, code.parse().unwrap()),
            ["stop"] => self.stop(),
            ["advance", seconds] => self.cluster.advance(seconds.parse().unwrap()),
            ["quota", number] => self.cluster.store.quota = number.parse().ok(),
            ["pods"] => return self.pods(),
            ["list", kind] => return self.list(kind),
            ["show", key, fields @ ..] => return self.show(key, fields),
            _ => panic!("no such command: {line}"),
        }
        String::new()
    }

    /// `pod/web`, `pod/other-namespace/web`, `node/n1`. A name that ends in `*` is the first that fits.
    fn key(&self, text: &str) -> Key {
        let (kind, name) = text.split_once('/').unwrap();
        let kind = kind_of(kind);
        let namespace = if kind.row().namespaced() { "d" } else { "" };
        let (namespace, name) = name.split_once('/').unwrap_or((namespace, name));
        let key = Key { kind, namespace: namespace.to_owned(), name: name.to_owned() };
        let Some(prefix) = name.strip_suffix('*') else { return key };
        let all = self.cluster.store.all(kind);
        all.iter().map(|it| it.key()).find(|it| it.name.starts_with(prefix)).unwrap_or(key)
    }

    fn steps(&mut self, number: usize) -> String {
        let (mut output, mut acted) = (String::new(), 0);
        for _ in 0..1000 {
            if acted == number {
                return output;
            }
            let Some(step) = self.cluster.step() else { return output };
            acted += usize::from(!step.lines.is_empty());
            output.push_str(&told(&step));
        }
        panic!("the controllers do not come to rest:\n{output}");
    }

    fn each_pod(&self) -> Vec<Pod> {
        let pods = self.cluster.store.all(kind_of("pod"));
        pods.iter().filter_map(|it| it.get::<Pod>().cloned()).collect()
    }

    fn set_status(&mut self, pod: &Pod, status: Value) {
        let key = Object::from(pod.clone()).key();
        self.cluster.patch(&key, Some(api::Subresource::Status), &json!({"status": status})).unwrap();
    }

    fn run(&mut self, number: usize) {
        let waiting = self.each_pod().into_iter().filter(|it| pod::is_active(it) && !pod::is_ready(it));
        for it in waiting.take(number).collect::<Vec<_>>() {
            let key = Object::from(it.clone()).key();
            if pod::node_name(&it).is_empty() {
                self.cluster.patch(&key, None, &json!({"spec": {"nodeName": "n1"}})).unwrap();
            }
            let ready = json!({"type": "Ready", "status": "True", "lastTransitionTime": self.cluster.now.to_string()});
            self.set_status(&it, json!({"phase": "Running", "conditions": [ready]}));
        }
    }

    fn end(&mut self, name: &str, phase: &str, code: i32) {
        let key = self.key(&format!("pod/{name}"));
        let it = self.cluster.store.get(&key).and_then(|it| it.get::<Pod>()).unwrap().clone();
        let finished = self.cluster.now.to_string();
        let state = json!({"terminated": {"exitCode": code, "finishedAt": finished, "reason": "Done"}});
        let container = json!({"name": "main", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state});
        self.set_status(&it, json!({"phase": phase, "conditions": [], "containerStatuses": [container]}));
    }

    fn stop(&mut self) {
        for it in self.each_pod().into_iter().filter(pod::deletion_requested) {
            let key = Object::from(it).key();
            _ = self.cluster.delete(&key, &json!({"gracePeriodSeconds": 0}));
        }
    }

    fn pods(&self) -> String {
        let mut output = String::new();
        for it in self.each_pod() {
            let state = match (pod::deletion_requested(&it), pod::is_ready(&it), pod::phase(&it)) {
                (true, ..) => "going",
                (_, true, _) => "ready",
                (_, _, "") => "new",
                (.., phase) => phase,
            };
            writeln!(output, "  {} {state}", api::meta::name(&it.metadata)).unwrap();
        }
        if output.is_empty() { "  none\n".to_owned() } else { output }
    }

    fn list(&self, kind: &str) -> String {
        let all = self.cluster.store.all(kind_of(kind));
        let lines = all.iter().map(|it| {
            format!("  {}{}\n", it.key(), if it.meta().deletion_timestamp.is_some() { " going" } else { "" })
        });
        let output: String = lines.collect();
        if output.is_empty() { "  none\n".to_owned() } else { output }
    }

    fn show(&self, key: &str, fields: &[&str]) -> String {
        let Some(object) = self.cluster.store.get(&self.key(key)) else { return "  gone\n".to_owned() };
        let tree = object.to_value();
        let value = |field: &str| {
            let mut value = field.split('.').fold(&tree, |it, part| &it[part]).clone();
            sim::shorten(&mut value);
            value
        };
        fields.iter().map(|it| format!("  {it} {}\n", value(it))).collect()
    }
}

fn told(step: &Step) -> String {
    if step.lines.is_empty() {
        return String::new();
    }
    let mut output = format!("{} {}", step.controller, step.key);
    if let Some(wait) = step.again {
        write!(output, " (again in {} s)", wait.as_secs()).unwrap();
    }
    output.push('\n');
    for line in &step.lines {
        writeln!(output, "  {line}").unwrap();
    }
    output
}

fn kind_of(name: &str) -> Kind {
    let all = Kind::all();
    let mut named = all.filter(|it| it.row().singular == name || it.row().short_names.contains(&name));
    named.next().unwrap_or_else(|| panic!("no such kind: {name}"))
}

/// The plain form of a kind, patched.
fn plain(kind: &str, name: &str, patch: &Value) -> Object {
    let kind = kind_of(kind);
    let mut tree = json!({
        "apiVersion": kind.row().api_version(),
        "kind": kind.row().kind,
        "metadata": {"name": name},
    });
    if kind.row().namespaced() {
        tree["metadata"]["namespace"] = json!("d");
    }
    merge(&mut tree, &workload(kind.row().kind, name));
    merge(&mut tree, patch);
    kind.decode_value(tree).unwrap_or_else(|it| panic!("{name}: {it}"))
}

fn workload(kind: &str, name: &str) -> Value {
    let pod = json!({"containers": [{"name": "main", "image": "v1"}]});
    let template = json!({"metadata": {"labels": {"app": name}}, "spec": pod});
    let set = json!({"selector": {"matchLabels": {"app": name}}, "template": template, "replicas": 1});
    let job = json!({"template": {"spec": {"containers": pod["containers"], "restartPolicy": "Never"}}});
    match kind {
        "Pod" => json!({"metadata": {"labels": {"app": name}}, "spec": pod}),
        "ReplicaSet" | "Deployment" => json!({"spec": set}),
        "Job" => json!({"spec": job}),
        "CronJob" => json!({"spec": {"schedule": "* * * * *", "jobTemplate": {"spec": job}}}),
        "Namespace" => json!({"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}),
        _ => json!({}),
    }
}
