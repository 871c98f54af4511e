//! What makes pods: deployments, replica sets, stateful sets, daemon sets, jobs.

use super::Around;
use super::pod::{template, template_body};
use super::text::{NONE, Text, number, or_none, plain, selector, time};
use crate::print::{at, items, text};
use jiff::Timestamp;
use serde_json::Value;

const REVISION: &str = "deployment.kubernetes.io/revision";

/// A deployment.
pub(super) fn deployment(out: &mut Text, object: &Value, around: &Around) {
    out.field(0, "Name", text(object, "metadata.name"));
    out.field(0, "Namespace", text(object, "metadata.namespace"));
    out.field(0, "CreationTimestamp", time(text(object, "metadata.creationTimestamp")));
    out.labels(0, object);
    out.field(0, "Selector", selector(at(object, "spec.selector")));
    let count = |name: &str| number(object, &format!("status.{name}"));
    out.field(
        0,
        "Replicas",
        format!(
            "{} desired | {} updated | {} total | {} available | {} unavailable",
            number(object, "spec.replicas"),
            count("updatedReplicas"),
            count("replicas"),
            count("availableReplicas"),
            count("unavailableReplicas")
        ),
    );
    out.field(0, "StrategyType", text(object, "spec.strategy.type"));
    out.field(0, "MinReadySeconds", number(object, "spec.minReadySeconds"));
    if at(object, "spec.strategy.rollingUpdate").is_object() {
        let of = |name: &str| plain(at(object, &format!("spec.strategy.rollingUpdate.{name}")));
        let (unavailable, surge) = (of("maxUnavailable"), of("maxSurge"));
        out.field(0, "RollingUpdateStrategy", format!("{unavailable} max unavailable, {surge} max surge"));
    }
    template(out, at(object, "spec.template"));
    conditions(out, object);
    replica_sets(out, object, around);
}

fn conditions(out: &mut Text, object: &Value) {
    let conditions = items(object, "status.conditions");
    if conditions.is_empty() {
        return;
    }
    out.line(0, "Conditions:");
    out.line(1, "Type\tStatus\tReason");
    out.line(1, "----\t------\t------");
    for condition in conditions {
        let cells = [text(condition, "type"), text(condition, "status"), text(condition, "reason")];
        out.line(1, cells.join("\t"));
    }
}

/// The deployment's replica sets: the one of its template, and older ones that still count.
fn replica_sets(out: &mut Text, object: &Value, around: &Around) {
    if around.replica_sets.is_empty() {
        return;
    }
    let revision = &object["metadata"]["annotations"][REVISION];
    let is_new = |it: &&Value| it["metadata"]["annotations"][REVISION] == *revision;
    let (new, mut old): (Vec<&Value>, Vec<&Value>) = around.replica_sets.iter().partition(is_new);
    old.sort_by_key(|it| text(it, "metadata.creationTimestamp"));
    let line = |it: &&Value| {
        let (name, made) = (text(it, "metadata.name"), number(it, "status.replicas"));
        format!("{name} ({made}/{} replicas created)", number(it, "spec.replicas"))
    };
    let lines = |list: &[&Value]| or_none(&list.iter().map(line).collect::<Vec<_>>().join(", ")).to_owned();
    out.field(0, "OldReplicaSets", lines(&old));
    out.field(0, "NewReplicaSet", lines(&new));
}

/// `2 Running / 0 Waiting / 0 Succeeded / 0 Failed`.
fn pods_status(pods: &[Value]) -> String {
    let count = |phase: &str| pods.iter().filter(|it| text(it, "status.phase") == phase).count();
    format!(
        "{} Running / {} Waiting / {} Succeeded / {} Failed",
        count("Running"),
        count("Pending"),
        count("Succeeded"),
        count("Failed")
    )
}

/// A replica set or a replication controller.
pub(super) fn replica_set(out: &mut Text, object: &Value, around: &Around) {
    out.field(0, "Name", text(object, "metadata.name"));
    out.field(0, "Namespace", text(object, "metadata.namespace"));
    let chosen = at(object, "spec.selector");
    if chosen["matchLabels"].is_null() && chosen["matchExpressions"].is_null() {
        out.pairs(0, "Selector", chosen);
    } else {
        out.field(0, "Selector", selector(chosen));
    }
    out.labels(0, object);
    out.controller(0, object);
    let (current, desired) = (number(object, "status.replicas"), number(object, "spec.replicas"));
    out.field(0, "Replicas", format!("{current} current / {desired} desired"));
    out.field(0, "Pods Status", pods_status(&around.pods));
    template(out, at(object, "spec.template"));
    conditions(out, object);
}

/// A stateful set.
pub(super) fn stateful_set(out: &mut Text, object: &Value, around: &Around) {
    out.field(0, "Name", text(object, "metadata.name"));
    out.field(0, "Namespace", text(object, "metadata.namespace"));
    out.field(0, "CreationTimestamp", time(text(object, "metadata.creationTimestamp")));
    out.field(0, "Selector", selector(at(object, "spec.selector")));
    out.labels(0, object);
    let (desired, total) = (number(object, "spec.replicas"), number(object, "status.replicas"));
    out.field(0, "Replicas", format!("{desired} desired | {total} total"));
    out.field(0, "Update Strategy", text(object, "spec.updateStrategy.type"));
    out.optional(1, "Partition", object, "spec.updateStrategy.rollingUpdate.partition");
    out.field(0, "Pods Status", pods_status(&around.pods));
    template(out, at(object, "spec.template"));
    claims(out, items(object, "spec.volumeClaimTemplates"));
}

fn claims(out: &mut Text, claims: &[Value]) {
    if claims.is_empty() {
        return out.field(0, "Volume Claims", NONE);
    }
    out.line(0, "Volume Claims:");
    for claim in claims {
        out.field(1, "Name", text(claim, "metadata.name"));
        out.field(1, "StorageClass", text(claim, "spec.storageClassName"));
        out.pairs(1, "Labels", at(claim, "metadata.labels"));
        out.annotations(1, at(claim, "metadata.annotations"));
        out.field(1, "Capacity", plain(at(claim, "spec.resources.requests.storage")));
        let modes: Vec<String> = items(claim, "spec.accessModes").iter().map(plain).collect();
        out.field(1, "Access Modes", format!("[{}]", modes.join(" ")));
    }
}

/// A daemon set.
pub(super) fn daemon_set(out: &mut Text, object: &Value, around: &Around) {
    out.field(0, "Name", text(object, "metadata.name"));
    out.field(0, "Selector", selector(at(object, "spec.selector")));
    out.pairs(0, "Node-Selector", at(object, "spec.template.spec.nodeSelector"));
    out.labels(0, object);
    for (name, field) in [
        ("Desired Number of Nodes Scheduled", "desiredNumberScheduled"),
        ("Current Number of Nodes Scheduled", "currentNumberScheduled"),
        ("Number of Nodes Scheduled with Up-to-date Pods", "updatedNumberScheduled"),
        ("Number of Nodes Scheduled with Available Pods", "numberAvailable"),
        ("Number of Nodes Misscheduled", "numberMisscheduled"),
    ] {
        out.field(0, name, number(object, &format!("status.{field}")));
    }
    out.field(0, "Pods Status", pods_status(&around.pods));
    template(out, at(object, "spec.template"));
}

/// A job.
pub(super) fn job(out: &mut Text, object: &Value) {
    out.field(0, "Name", text(object, "metadata.name"));
    out.field(0, "Namespace", text(object, "metadata.namespace"));
    out.field(0, "Selector", selector(at(object, "spec.selector")));
    out.labels(0, object);
    out.controller(0, object);
    out.field(0, "Parallelism", or_unset(at(object, "spec.parallelism")));
    out.field(0, "Completions", or_unset(at(object, "spec.completions")));
    out.optional(0, "Completion Mode", object, "spec.completionMode");
    out.optional(0, "Suspend", object, "spec.suspend");
    out.optional(0, "Backoff Limit", object, "spec.backoffLimit");
    times(out, object);
    if let Some(seconds) = at(object, "spec.activeDeadlineSeconds").as_i64() {
        out.field(0, "Active Deadline Seconds", format!("{seconds}s"));
    }
    let count = |name: &str| number(object, &format!("status.{name}"));
    let (active, succeeded, failed) = (count("active"), count("succeeded"), count("failed"));
    match at(object, "status.ready").as_i64() {
        Some(ready) => out.field(
            0,
            "Pods Statuses",
            format!("{active} Active ({ready} Ready) / {succeeded} Succeeded / {failed} Failed"),
        ),
        None => out.field(
            0,
            "Pods Statuses",
            format!("{active} Active / {succeeded} Succeeded / {failed} Failed"),
        ),
    }
    out.optional(0, "Completed Indexes", object, "status.completedIndexes");
    template(out, at(object, "spec.template"));
}

fn or_unset(value: &Value) -> String {
    if value.is_null() { "<unset>".to_owned() } else { plain(value) }
}

fn times(out: &mut Text, object: &Value) {
    let (started, completed) = (text(object, "status.startTime"), text(object, "status.completionTime"));
    if !started.is_empty() {
        out.field(0, "Start Time", time(started));
    }
    if completed.is_empty() {
        return;
    }
    out.field(0, "Completed At", time(completed));
    if let (Ok(started), Ok(completed)) = (started.parse::<Timestamp>(), completed.parse::<Timestamp>()) {
        let seconds = completed.duration_since(started).as_secs();
        out.field(0, "Duration", api::strategy::human_duration(seconds));
    }
}

/// A cron job.
pub(super) fn cron_job(out: &mut Text, object: &Value) {
    out.head(object);
    out.field(0, "Schedule", text(object, "spec.schedule"));
    out.optional(0, "Time Zone", object, "spec.timeZone");
    out.field(0, "Concurrency Policy", text(object, "spec.concurrencyPolicy"));
    out.field(0, "Suspend", title_of(at(object, "spec.suspend")));
    out.field(0, "Successful Job History Limit", or_unset(at(object, "spec.successfulJobsHistoryLimit")));
    out.field(0, "Failed Job History Limit", or_unset(at(object, "spec.failedJobsHistoryLimit")));
    match at(object, "spec.startingDeadlineSeconds").as_i64() {
        Some(seconds) => out.field(0, "Starting Deadline Seconds", format!("{seconds}s")),
        None => out.field(0, "Starting Deadline Seconds", "<unset>"),
    }
    let job = at(object, "spec.jobTemplate");
    out.field(0, "Selector", or_unset_text(&selector(at(job, "spec.selector"))));
    out.field(0, "Parallelism", or_unset(at(job, "spec.parallelism")));
    out.field(0, "Completions", or_unset(at(job, "spec.completions")));
    out.line(0, "Pod Template:");
    template_body(out, at(job, "spec.template"));
    let last = text(object, "status.lastScheduleTime");
    out.field(0, "Last Schedule Time", if last.is_empty() { "<unset>".to_owned() } else { time(last) });
    let active: Vec<&str> = items(object, "status.active").iter().map(|it| text(it, "name")).collect();
    out.field(0, "Active Jobs", or_none(&active.join(", ")));
}

fn title_of(value: &Value) -> &'static str {
    super::text::title(*value == true)
}

fn or_unset_text(text: &str) -> &str {
    if text == NONE { "<unset>" } else { text }
}
