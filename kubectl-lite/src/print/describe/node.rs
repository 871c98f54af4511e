//! Nodes, with what their pods ask for.

use super::Around;
use super::text::{Text, or_none, plain, time};
use crate::print::table::age;
use crate::print::{at, items, text};
use api::pod::{limits, requests};
use api::quantity::Amount;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::PodSpec;
use serde_json::Value;
use std::collections::BTreeMap;

const ROLE: &str = "node-role.kubernetes.io/";

/// A node.
pub(super) fn node(out: &mut Text, object: &Value, around: &Around, now: Timestamp) {
    out.field(0, "Name", text(object, "metadata.name"));
    out.field(0, "Roles", or_none(&roles(object).join(",")));
    out.labels(0, object);
    out.field(0, "CreationTimestamp", time(text(object, "metadata.creationTimestamp")));
    out.several(0, "Taints", &items(object, "spec.taints").iter().map(taint).collect::<Vec<_>>());
    out.field(0, "Unschedulable", at(object, "spec.unschedulable") == true);
    lease(out, object, around);
    conditions(out, object);
    out.line(0, "Addresses:");
    items(object, "status.addresses")
        .iter()
        .for_each(|it| out.field(1, text(it, "type"), text(it, "address")));
    out.block(0, "Capacity", at(object, "status.capacity"));
    out.block(0, "Allocatable", at(object, "status.allocatable"));
    system(out, object);
    if !text(object, "spec.podCIDR").is_empty() {
        out.field(0, "PodCIDR", text(object, "spec.podCIDR"));
        out.field(
            0,
            "PodCIDRs",
            items(object, "spec.podCIDRs").iter().map(plain).collect::<Vec<_>>().join(","),
        );
    }
    out.optional(0, "ProviderID", object, "spec.providerID");
    pods(out, object, &around.pods, now);
}

fn roles(object: &Value) -> Vec<String> {
    let labels = at(object, "metadata.labels").as_object().into_iter().flatten();
    labels.filter_map(|(key, _)| key.strip_prefix(ROLE)).map(str::to_owned).collect()
}

/// A taint in one line.
pub(super) fn taint(taint: &Value) -> String {
    let (key, value, effect) = (text(taint, "key"), text(taint, "value"), text(taint, "effect"));
    if value.is_empty() { format!("{key}:{effect}") } else { format!("{key}={value}:{effect}") }
}

fn lease(out: &mut Text, object: &Value, around: &Around) {
    out.line(0, "Lease:");
    let lease = around.lease.as_ref();
    let holder = lease.map_or("", |it| text(it, "spec.holderIdentity"));
    out.field(1, "HolderIdentity", if holder.is_empty() { text(object, "metadata.name") } else { holder });
    out.field(1, "AcquireTime", "<unset>");
    match lease.map_or("", |it| text(it, "spec.renewTime")) {
        "" => out.field(1, "RenewTime", "<unset>"),
        renewed => out.field(1, "RenewTime", time(renewed)),
    }
}

fn conditions(out: &mut Text, object: &Value) {
    out.line(0, "Conditions:");
    out.line(1, "Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage");
    out.line(1, "----\t------\t-----------------\t------------------\t------\t-------");
    for it in items(object, "status.conditions") {
        let times = [time(text(it, "lastHeartbeatTime")), time(text(it, "lastTransitionTime"))];
        let cells = [
            text(it, "type"),
            text(it, "status"),
            &times[0],
            &times[1],
            or_none(text(it, "reason")),
            or_none(text(it, "message")),
        ];
        out.line(1, cells.join(" \t"));
    }
}

fn system(out: &mut Text, object: &Value) {
    out.line(0, "System Info:");
    for (name, field) in [
        ("Machine ID", "machineID"),
        ("System UUID", "systemUUID"),
        ("Boot ID", "bootID"),
        ("Kernel Version", "kernelVersion"),
        ("OS Image", "osImage"),
        ("Operating System", "operatingSystem"),
        ("Architecture", "architecture"),
        ("Container Runtime Version", "containerRuntimeVersion"),
        ("Kubelet Version", "kubeletVersion"),
        ("Kube-Proxy Version", "kubeProxyVersion"),
    ] {
        out.field(1, name, text(object, &format!("status.nodeInfo.{field}")));
    }
}

/// Requests and limits by resource.
type Asked = BTreeMap<String, [Amount; 2]>;

/// The resources that are always shown.
const USUAL: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];

fn asked_by(pod: &Value) -> Asked {
    let Ok(spec) = serde_json::from_value::<PodSpec>(pod["spec"].clone()) else { return Asked::default() };
    let mut asked = Asked::default();
    for (side, amounts) in [requests(&spec), limits(&spec)].into_iter().enumerate() {
        amounts.into_iter().for_each(|(name, amount)| asked.entry(name).or_default()[side] = amount);
    }
    asked
}

fn pods(out: &mut Text, object: &Value, pods: &[Value], now: Timestamp) {
    let running = |it: &&Value| !matches!(text(it, "status.phase"), "Succeeded" | "Failed");
    let pods: Vec<&Value> = pods.iter().filter(running).collect();
    out.line(0, format_args!("Non-terminated Pods:\t({} in total)", pods.len()));
    out.line(1, "Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge");
    out.line(1, "---------\t----\t\t------------\t----------\t---------------\t-------------\t---");
    let mut total = Asked::default();
    for pod in pods {
        let asked = asked_by(pod);
        let cells = [cells(object, &asked, "cpu"), cells(object, &asked, "memory")].join("\t");
        let (namespace, name) = (text(pod, "metadata.namespace"), text(pod, "metadata.name"));
        out.line(1, format!("{namespace}\t{name}\t\t{cells}\t{}", age(pod, now)));
        for (name, amounts) in asked {
            let sum = total.entry(name).or_default();
            (0..2).for_each(|side| sum[side] = sum[side] + amounts[side]);
        }
    }
    totals(out, object, &total);
}

fn totals(out: &mut Text, object: &Value, total: &Asked) {
    out.line(0, "Allocated resources:");
    out.line(1, "(Total limits may be over 100 percent, i.e., overcommitted.)");
    out.line(1, "Resource\tRequests\tLimits");
    out.line(1, "--------\t--------\t------");
    USUAL.iter().for_each(|name| out.line(1, format!("{name}\t{}", cells(object, total, name))));
    let others = at(object, "status.allocatable").as_object().into_iter().flatten().map(|(name, _)| name);
    for name in others.filter(|it| *it != "pods" && !USUAL.contains(&it.as_str())) {
        let [requests, limits] = total.get(name).copied().unwrap_or_default().map(|it| it.value());
        out.line(1, format!("{name}\t{requests}\t{limits}"));
    }
}

/// Requests and limits, each with its share of what the node has.
fn cells(object: &Value, asked: &Asked, name: &str) -> String {
    let whole = Amount::parse(&plain(&object["status"]["allocatable"][name])).unwrap_or_default();
    let cell = |part: Amount| if name == "cpu" { cpu_cell(part, whole) } else { bytes_cell(part, whole) };
    asked.get(name).copied().unwrap_or_default().map(cell).join("\t")
}

fn share(part: i64, whole: i64) -> i64 {
    if whole == 0 { 0 } else { (part as f64 / whole as f64 * 100.0) as i64 }
}

fn cpu_cell(part: Amount, whole: Amount) -> String {
    let millis = part.milli_value();
    let shown = if millis % 1000 == 0 { (millis / 1000).to_string() } else { format!("{millis}m") };
    format!("{shown} ({}%)", share(millis, whole.milli_value()))
}

fn bytes_cell(part: Amount, whole: Amount) -> String {
    let bytes = part.value();
    let units = ["", "Ki", "Mi", "Gi", "Ti"];
    let (mut shown, mut unit) = (bytes, 0);
    while shown != 0 && shown % 1024 == 0 && unit + 1 < units.len() {
        shown /= 1024;
        unit += 1;
    }
    format!("{shown}{} ({}%)", units[unit], share(bytes, whole.value()))
}
