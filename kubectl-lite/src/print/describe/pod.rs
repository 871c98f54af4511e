//! Pods, and the templates of pods.

use super::container::{Statuses, containers};
use super::text::{NONE, Text, number, or_none, pairs, plain, time};
use super::volume::volumes;
use crate::print::{at, items, text};
use jiff::Timestamp;
use serde_json::Value;

/// A pod.
pub(super) fn pod(out: &mut Text, pod: &Value, now: Timestamp) {
    out.field(0, "Name", text(pod, "metadata.name"));
    out.field(0, "Namespace", text(pod, "metadata.namespace"));
    out.field(0, "Priority", number(pod, "spec.priority"));
    out.optional(0, "Priority Class Name", pod, "spec.priorityClassName");
    out.optional(0, "Runtime Class Name", pod, "spec.runtimeClassName");
    out.field(0, "Service Account", text(pod, "spec.serviceAccountName"));
    match text(pod, "spec.nodeName") {
        "" => out.field(0, "Node", NONE),
        node => out.field(0, "Node", format!("{node}/{}", text(pod, "status.hostIP"))),
    }
    if !text(pod, "status.startTime").is_empty() {
        out.field(0, "Start Time", time(text(pod, "status.startTime")));
    }
    out.labels(0, pod);
    status(out, pod, now);
    addresses(out, pod);
    out.controller(0, pod);
    out.optional(0, "NominatedNodeName", pod, "status.nominatedNodeName");
    all_containers(out, 0, at(pod, "spec"), at(pod, "status"));
    gates(out, pod);
    conditions(out, pod);
    volumes(out, 0, items(pod, "spec.volumes"));
    out.field(0, "QoS Class", or_none(text(pod, "status.qosClass")));
    out.pairs(0, "Node-Selectors", at(pod, "spec.nodeSelector"));
    out.several(0, "Tolerations", &items(pod, "spec.tolerations").iter().map(toleration).collect::<Vec<_>>());
    spread(out, items(pod, "spec.topologySpreadConstraints"));
}

fn status(out: &mut Text, pod: &Value, now: Timestamp) {
    if pod["metadata"]["deletionTimestamp"].is_string() && text(pod, "status.phase") != "Unknown" {
        let since = text(pod, "metadata.deletionTimestamp").parse::<Timestamp>().unwrap_or(now);
        let lasts = api::strategy::human_duration(now.duration_since(since).as_secs().max(0));
        out.field(0, "Status", format!("Terminating (lasts {lasts})"));
        out.field(
            0,
            "Termination Grace Period",
            format!("{}s", number(pod, "metadata.deletionGracePeriodSeconds")),
        );
    } else {
        out.field(0, "Status", text(pod, "status.phase"));
    }
    out.optional(0, "Reason", pod, "status.reason");
    out.optional(0, "Message", pod, "status.message");
    out.optional(0, "SeccompProfile", pod, "spec.securityContext.seccompProfile.type");
}

fn addresses(out: &mut Text, pod: &Value) {
    out.field(0, "IP", text(pod, "status.podIP"));
    let all = items(pod, "status.podIPs");
    if all.is_empty() {
        return out.field(0, "IPs", NONE);
    }
    out.line(0, "IPs:");
    all.iter().for_each(|it| out.field(1, "IP", text(it, "ip")));
}

fn all_containers(out: &mut Text, level: usize, spec: &Value, status: &Value) {
    let statuses = |name: &str| Statuses(items(status, name).to_vec());
    let (init, ephemeral) = (items(spec, "initContainers"), items(spec, "ephemeralContainers"));
    if !init.is_empty() {
        containers(out, level, "Init Containers", init, &statuses("initContainerStatuses"));
    }
    containers(out, level, "Containers", items(spec, "containers"), &statuses("containerStatuses"));
    if !ephemeral.is_empty() {
        containers(out, level, "Ephemeral Containers", ephemeral, &statuses("ephemeralContainerStatuses"));
    }
}

fn gates(out: &mut Text, pod: &Value) {
    let gates = items(pod, "spec.readinessGates");
    if gates.is_empty() {
        return;
    }
    out.line(0, "Readiness Gates:");
    out.line(1, "Type\tStatus");
    for gate in gates {
        let kind = text(gate, "conditionType");
        let condition = items(pod, "status.conditions").iter().find(|it| it["type"] == kind);
        out.line(1, format!("{kind} \t{} ", condition.map_or(NONE, |it| text(it, "status"))));
    }
}

fn conditions(out: &mut Text, pod: &Value) {
    let conditions = items(pod, "status.conditions");
    if conditions.is_empty() {
        return;
    }
    out.line(0, "Conditions:");
    out.line(1, "Type\tStatus");
    conditions.iter().for_each(|it| out.line(1, format!("{} \t{} ", text(it, "type"), text(it, "status"))));
}

/// A toleration in one line.
pub(super) fn toleration(toleration: &Value) -> String {
    let mut line = text(toleration, "key").to_owned();
    let value = text(toleration, "value");
    if !value.is_empty() {
        line.push_str(&format!("={value}"));
    }
    let effect = text(toleration, "effect");
    if !effect.is_empty() {
        line.push_str(&format!(":{effect}"));
    }
    if text(toleration, "operator") == "Exists" && value.is_empty() {
        line.push_str(if text(toleration, "key").is_empty() && effect.is_empty() {
            "op=Exists"
        } else {
            " op=Exists"
        });
    }
    if let Some(seconds) = toleration["tolerationSeconds"].as_i64() {
        line.push_str(&format!(" for {seconds}s"));
    }
    line
}

fn spread(out: &mut Text, constraints: &[Value]) {
    if constraints.is_empty() {
        return;
    }
    let line = |it: &Value| {
        let (key, unmet) = (text(it, "topologyKey"), text(it, "whenUnsatisfiable"));
        let selector = super::text::selector(&it["labelSelector"]);
        format!("{key}:{unmet} when max skew {} is exceeded for selector {selector}", plain(&it["maxSkew"]))
    };
    out.several(0, "Topology Spread Constraints", &constraints.iter().map(line).collect::<Vec<_>>());
}

/// The template of a workload's pods.
pub(super) fn template(out: &mut Text, template: &Value) {
    out.line(0, "Pod Template:");
    template_body(out, template);
}

/// The template's body, one level in.
pub(super) fn template_body(out: &mut Text, template: &Value) {
    out.pairs(1, "Labels", at(template, "metadata.labels"));
    if at(template, "metadata.annotations").as_object().is_some_and(|it| !it.is_empty()) {
        out.annotations(1, at(template, "metadata.annotations"));
    }
    out.optional(1, "Service Account", template, "spec.serviceAccountName");
    all_containers(out, 1, at(template, "spec"), &Value::Null);
    volumes(out, 1, items(template, "spec.volumes"));
    out.optional(1, "Priority Class Name", template, "spec.priorityClassName");
    out.several(1, "Node-Selectors", &pairs(at(template, "spec.nodeSelector")));
    let tolerations: Vec<String> = items(template, "spec.tolerations").iter().map(toleration).collect();
    out.several(1, "Tolerations", &tolerations);
}
