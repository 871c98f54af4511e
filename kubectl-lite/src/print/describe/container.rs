//! Containers of pods and of templates.

use super::text::{NONE, Text, number, plain, time, title};
use crate::print::{at, items, text};
use serde_json::Value;

/// The statuses of some containers; empty for templates.
pub(super) struct Statuses(pub(super) Vec<Value>);

impl Statuses {
    fn of(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|it| it["name"] == name)
    }
}

/// Containers below a title.
pub(super) fn containers(out: &mut Text, level: usize, heading: &str, list: &[Value], statuses: &Statuses) {
    out.line(level, format_args!("{heading}:{}", if list.is_empty() { " <none>" } else { "" }));
    for container in list {
        let name = text(container, "name");
        out.line(1, format_args!("{}{name}:", name_pad(level)));
        one(out, 2, container, statuses.of(name));
    }
}

/// In templates, which stand one level in, names do so by a single space, as upstream writes them.
pub(super) fn name_pad(level: usize) -> &'static str {
    if level == 0 { "" } else { " " }
}

fn one(out: &mut Text, level: usize, container: &Value, status: Option<&Value>) {
    if let Some(status) = status {
        out.field(level, "Container ID", text(status, "containerID"));
    }
    out.field(level, "Image", text(container, "image"));
    if let Some(status) = status {
        out.field(level, "Image ID", text(status, "imageID"));
    }
    ports(out, level, items(container, "ports"));
    out.lines(level, "Command", items(container, "command"));
    out.lines(level, "Args", items(container, "args"));
    if let Some(status) = status {
        state(out, level, "State", at(status, "state"));
        if at(status, "lastState").as_object().is_some_and(|it| !it.is_empty()) {
            state(out, level, "Last State", at(status, "lastState"));
        }
        out.field(level, "Ready", title(status["ready"] == true));
        out.field(level, "Restart Count", number(status, "restartCount"));
    }
    out.block(level, "Limits", at(container, "resources.limits"));
    out.block(level, "Requests", at(container, "resources.requests"));
    for (name, field) in
        [("Liveness", "livenessProbe"), ("Readiness", "readinessProbe"), ("Startup", "startupProbe")]
    {
        if container[field].is_object() {
            out.field(level, name, probe(&container[field]));
        }
    }
    environment_from(out, level, items(container, "envFrom"));
    environment(out, level, items(container, "env"));
    mounts(out, level, items(container, "volumeMounts"));
}

fn ports(out: &mut Text, level: usize, ports: &[Value]) {
    let written = |field: &str| -> String {
        let one = |port: &Value| {
            let protocol = Some(text(port, "protocol")).filter(|it| !it.is_empty()).unwrap_or("TCP");
            format!("{}/{protocol}", number(port, field))
        };
        let all: Vec<String> = ports.iter().map(one).collect();
        if all.is_empty() { NONE.to_owned() } else { all.join(", ") }
    };
    let s = if ports.len() > 1 { "s" } else { "" };
    out.field(level, &format!("Port{s}"), written("containerPort"));
    out.field(level, &format!("Host Port{s}"), written("hostPort"));
}

fn state(out: &mut Text, level: usize, heading: &str, state: &Value) {
    let inner = level + 1;
    let terminated = &state["terminated"];
    if state["running"].is_object() {
        out.field(level, heading, "Running");
        out.field(inner, "Started", time(text(state, "running.startedAt")));
    } else if terminated.is_object() {
        out.field(level, heading, "Terminated");
        out.optional(inner, "Reason", terminated, "reason");
        out.optional(inner, "Message", terminated, "message");
        out.field(inner, "Exit Code", number(terminated, "exitCode"));
        out.optional(inner, "Signal", terminated, "signal");
        out.field(inner, "Started", time(text(terminated, "startedAt")));
        out.field(inner, "Finished", time(text(terminated, "finishedAt")));
    } else {
        out.field(level, heading, "Waiting");
        out.optional(inner, "Reason", state, "waiting.reason");
    }
}

/// A probe in one line.
fn probe(probe: &Value) -> String {
    let or = |field: &str, default: i64| probe[field].as_i64().unwrap_or(default);
    let times = format!(
        "delay={}s timeout={}s period={}s #success={} #failure={}",
        or("initialDelaySeconds", 0),
        or("timeoutSeconds", 1),
        or("periodSeconds", 10),
        or("successThreshold", 1),
        or("failureThreshold", 3)
    );
    format!("{} {times}", check(probe))
}

fn check(probe: &Value) -> String {
    if probe["exec"].is_object() {
        let words: Vec<String> = items(probe, "exec.command").iter().map(plain).collect();
        return format!("exec [{}]", words.join(" "));
    }
    let port = |path: &str| plain(at(probe, path));
    if probe["httpGet"].is_object() {
        let scheme =
            Some(text(probe, "httpGet.scheme")).filter(|it| !it.is_empty()).unwrap_or("HTTP").to_lowercase();
        let host = text(probe, "httpGet.host");
        return format!("http-get {scheme}://{host}:{}{}", port("httpGet.port"), text(probe, "httpGet.path"));
    }
    if probe["tcpSocket"].is_object() {
        return format!("tcp-socket {}:{}", text(probe, "tcpSocket.host"), port("tcpSocket.port"));
    }
    if probe["grpc"].is_object() {
        return format!("grpc <pod>:{} {}", port("grpc.port"), text(probe, "grpc.service"));
    }
    "unknown".to_owned()
}

fn environment_from(out: &mut Text, level: usize, sources: &[Value]) {
    if sources.is_empty() {
        return;
    }
    out.line(level, "Environment Variables from:");
    for source in sources {
        let (kind, of) = if source["configMapRef"].is_object() {
            ("ConfigMap", &source["configMapRef"])
        } else {
            ("Secret", &source["secretRef"])
        };
        let prefix = text(source, "prefix");
        let prefix = if prefix.is_empty() { String::new() } else { format!(" with prefix '{prefix}'") };
        let optional = of["optional"] == true;
        out.line(level + 1, format!("{}\t{kind}{prefix}\tOptional: {optional}", text(of, "name")));
    }
}

fn environment(out: &mut Text, level: usize, variables: &[Value]) {
    if variables.is_empty() {
        return out.field(level, "Environment", NONE);
    }
    out.line(level, "Environment:");
    for variable in variables {
        out.field(level + 1, text(variable, "name"), value_of(variable));
    }
}

fn value_of(variable: &Value) -> String {
    let from = &variable["valueFrom"];
    if from["fieldRef"].is_object() {
        let version = Some(text(from, "fieldRef.apiVersion")).filter(|it| !it.is_empty()).unwrap_or("v1");
        return format!(" ({version}:{})", text(from, "fieldRef.fieldPath"));
    }
    if from["resourceFieldRef"].is_object() {
        return format!(" ({})", text(from, "resourceFieldRef.resource"));
    }
    for (field, what) in [("secretKeyRef", "secret"), ("configMapKeyRef", "config map")] {
        let of = &from[field];
        if of.is_object() {
            let (key, name) = (text(of, "key"), text(of, "name"));
            return format!(
                "<set to the key '{key}' of {what} '{name}'>\tOptional: {}",
                of["optional"] == true
            );
        }
    }
    text(variable, "value").replace('\n', "\n\t")
}

fn mounts(out: &mut Text, level: usize, mounts: &[Value]) {
    if mounts.is_empty() {
        return out.field(level, "Mounts", NONE);
    }
    out.line(level, "Mounts:");
    let mut mounts: Vec<&Value> = mounts.iter().collect();
    mounts.sort_by_key(|it| text(it, "mountPath"));
    for mount in mounts {
        let mut flags = vec![if mount["readOnly"] == true { "ro".to_owned() } else { "rw".to_owned() }];
        if let Some(path) = mount["subPath"].as_str() {
            flags.push(format!("path={path:?}"));
        }
        let (path, name) = (text(mount, "mountPath"), text(mount, "name"));
        out.line(level + 1, format!("{path} from {name} ({})", flags.join(",")));
    }
}
