//! How far a roll-out is, and what its revisions were.

use super::describe::template_text;
use super::tabs::{DETAILS, align};
use super::{at, items, text};
use crate::resolve::Resource;
use anyhow::{Result, bail};
use serde_json::Value;

const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";

/// How far a roll-out is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// What is said of it.
    pub(crate) text: String,
    /// Whether it is over.
    pub(crate) done: bool,
}

fn waiting(text: String) -> Progress {
    Progress { text, done: false }
}

fn done(text: String) -> Progress {
    Progress { text, done: true }
}

/// How far the roll-out of an object is.
pub(crate) fn progress(resource: &Resource, object: &Value) -> Result<Progress> {
    match resource.kind.as_str() {
        "Deployment" => deployment(object),
        "DaemonSet" => daemon_set(object),
        "StatefulSet" => stateful_set(object),
        kind => bail!("no status viewer has been implemented for {kind}"),
    }
}

fn number(object: &Value, path: &str) -> i64 {
    at(object, path).as_i64().unwrap_or(0)
}

fn is_observed(object: &Value) -> bool {
    number(object, "metadata.generation") <= number(object, "status.observedGeneration")
}

fn deployment(object: &Value) -> Result<Progress> {
    let name = text(object, "metadata.name");
    if !is_observed(object) {
        return Ok(waiting("Waiting for deployment spec update to be observed...".to_owned()));
    }
    let mut conditions = items(object, "status.conditions").iter();
    if conditions.any(|it| it["type"] == "Progressing" && it["reason"] == "ProgressDeadlineExceeded") {
        bail!("deployment {name:?} exceeded its progress deadline");
    }
    let (wanted, total) = (number(object, "spec.replicas"), number(object, "status.replicas"));
    let (updated, available) =
        (number(object, "status.updatedReplicas"), number(object, "status.availableReplicas"));
    let so_far = format!("Waiting for deployment {name:?} rollout to finish: ");
    Ok(if updated < wanted {
        waiting(format!("{so_far}{updated} out of {wanted} new replicas have been updated..."))
    } else if total > updated {
        waiting(format!("{so_far}{} old replicas are pending termination...", total - updated))
    } else if available < updated {
        waiting(format!("{so_far}{available} of {updated} updated replicas are available..."))
    } else {
        done(format!("deployment {name:?} successfully rolled out"))
    })
}

fn daemon_set(object: &Value) -> Result<Progress> {
    let name = text(object, "metadata.name");
    if text(object, "spec.updateStrategy.type") != "RollingUpdate" {
        bail!("rollout status is only available for RollingUpdate strategy type");
    }
    if !is_observed(object) {
        return Ok(waiting("Waiting for daemon set spec update to be observed...".to_owned()));
    }
    let count = |name: &str| number(object, &format!("status.{name}"));
    let (wanted, updated) = (count("desiredNumberScheduled"), count("updatedNumberScheduled"));
    let so_far = format!("Waiting for daemon set {name:?} rollout to finish: ");
    Ok(if updated < wanted {
        waiting(format!("{so_far}{updated} out of {wanted} new pods have been updated..."))
    } else if count("numberAvailable") < wanted {
        waiting(format!("{so_far}{} of {wanted} updated pods are available...", count("numberAvailable")))
    } else {
        done(format!("daemon set {name:?} successfully rolled out"))
    })
}

fn stateful_set(object: &Value) -> Result<Progress> {
    if text(object, "spec.updateStrategy.type") != "RollingUpdate" {
        bail!("rollout status is only available for RollingUpdate strategy type");
    }
    if number(object, "status.observedGeneration") == 0 || !is_observed(object) {
        return Ok(waiting("Waiting for statefulset spec update to be observed...".to_owned()));
    }
    let count = |name: &str| number(object, &format!("status.{name}"));
    let (wanted, ready, updated) =
        (number(object, "spec.replicas"), count("readyReplicas"), count("updatedReplicas"));
    if ready < wanted {
        return Ok(waiting(format!("Waiting for {} pods to be ready...", wanted - ready)));
    }
    let partition = number(object, "spec.updateStrategy.rollingUpdate.partition");
    if partition > 0 {
        let part = wanted - partition;
        return Ok(if updated < part {
            waiting(format!(
                "Waiting for partitioned roll out to finish: {updated} out of {part} new pods have been updated..."
            ))
        } else {
            done(format!("partitioned roll out complete: {updated} new pods have been updated..."))
        });
    }
    let (current, next) = (text(object, "status.currentRevision"), text(object, "status.updateRevision"));
    Ok(if current == next {
        done(format!(
            "statefulset rolling update complete {} pods at revision {current}...",
            count("currentReplicas")
        ))
    } else {
        waiting(format!(
            "waiting for statefulset rolling update to complete {updated} pods at revision {next}..."
        ))
    })
}

/// One revision of a template.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Revision {
    /// Counts up.
    pub(crate) number: i64,
    /// What keeps it: a replica set or a controller revision.
    pub(crate) keeper: Value,
}

/// The table of revisions.
pub(crate) fn history(name: &str, revisions: &[Revision]) -> String {
    if revisions.is_empty() {
        return format!("{name} \nNo rollout history found.\n");
    }
    let mut table = "REVISION\tCHANGE-CAUSE\n".to_owned();
    for revision in revisions {
        let cause = revision.keeper["metadata"]["annotations"][CHANGE_CAUSE].as_str().unwrap_or("<none>");
        table.push_str(&format!("{}\t{cause}\n", revision.number));
    }
    format!("{name} \n{}\n", align(&table, DETAILS))
}

/// One revision's template.
pub(crate) fn revision(name: &str, revision: &Revision, template: &Value) -> String {
    format!("{name} with revision #{}\n{}", revision.number, template_text(template))
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
    use serde_json::json;

    fn check(resource: &Resource, object: Value, expect: &str, done: bool) {
        let expect = Progress { text: expect.to_owned(), done };
        assert_eq!(progress(resource, &object).unwrap(), expect);
    }

    #[test]
    fn deployments_go_through_stages() {
        let object = |generation: i64, total: i64, updated: i64, available: i64| {
            json!({"metadata": {"name": "web", "generation": generation}, "spec": {"replicas": 2},
                "status": {"observedGeneration": 1, "replicas": total, "updatedReplicas": updated, "availableReplicas": available}})
        };
        let check = |object, expect: &str, done| check(&Resource::of::<Deployment>(), object, expect, done);
        check(object(2, 0, 0, 0), "Waiting for deployment spec update to be observed...", false);
        let so_far = "Waiting for deployment \"web\" rollout to finish: ";
        check(object(1, 2, 1, 1), &format!("{so_far}1 out of 2 new replicas have been updated..."), false);
        check(object(1, 3, 2, 1), &format!("{so_far}1 old replicas are pending termination..."), false);
        check(object(1, 2, 2, 1), &format!("{so_far}1 of 2 updated replicas are available..."), false);
        check(object(1, 2, 2, 2), "deployment \"web\" successfully rolled out", true);
        let mut late = object(1, 2, 1, 1);
        late["status"]["conditions"] = json!([{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]);
        let error = progress(&Resource::of::<Deployment>(), &late).unwrap_err();
        assert_eq!(error.to_string(), "deployment \"web\" exceeded its progress deadline");
    }

    #[test]
    fn sets_go_through_stages() {
        let daemons = json!({"metadata": {"name": "d"}, "spec": {"updateStrategy": {"type": "RollingUpdate"}},
            "status": {"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 1}});
        let expect = "Waiting for daemon set \"d\" rollout to finish: 1 of 3 updated pods are available...";
        check(&Resource::of::<DaemonSet>(), daemons, expect, false);
        let stateful = json!({"metadata": {"generation": 1}, "spec": {"replicas": 2, "updateStrategy": {"type": "RollingUpdate"}},
            "status": {"observedGeneration": 1, "readyReplicas": 2, "currentReplicas": 2, "currentRevision": "s-1", "updateRevision": "s-1"}});
        check(
            &Resource::of::<StatefulSet>(),
            stateful,
            "statefulset rolling update complete 2 pods at revision s-1...",
            true,
        );
    }

    #[test]
    fn revisions_are_listed() {
        let keeper = json!({"metadata": {"annotations": {CHANGE_CAUSE: "better"}}});
        let revisions = [Revision { number: 1, keeper: Value::Null }, Revision { number: 12, keeper }];
        let expect = "deployment.apps/web \nREVISION  CHANGE-CAUSE\n1         <none>\n12        better\n\n";
        assert_eq!(history("deployment.apps/web", &revisions), expect);
    }
}
