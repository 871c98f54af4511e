//! Pods as workloads make them, and what workloads ask of them.

use api::{ObjectMeta, Resource, meta, owner, pod};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use std::time::Duration;

/// A pod of `owner` made from a template; the server completes its name.
pub(crate) fn from_template<O: Resource>(template: &PodTemplateSpec, owner: &O) -> Pod {
    let described = template.metadata.clone().unwrap_or_default();
    Pod {
        metadata: ObjectMeta {
            generate_name: Some(format!("{}-", meta::name(owner.meta()))),
            namespace: owner.meta().namespace.clone(),
            labels: described.labels,
            annotations: described.annotations,
            finalizers: described.finalizers,
            owner_references: Some(vec![owner::controller_of(owner)]),
            ..ObjectMeta::default()
        },
        spec: template.spec.clone(),
        status: None,
    }
}

/// Since when the pod is ready, if it is.
pub(crate) fn ready_since(it: &Pod) -> Option<Timestamp> {
    let ready = pod::condition(it, "Ready").filter(|it| it.status == "True")?;
    ready.last_transition_time.as_ref().map(|it| it.0)
}

/// How long until the first ready pod that isn't available yet becomes so.
pub(crate) fn next_available<'a>(
    pods: impl IntoIterator<Item = &'a Pod>,
    min_ready_seconds: i32,
    now: Timestamp,
) -> Option<Duration> {
    let wait = SignedDuration::from_secs(min_ready_seconds.into());
    let left = pods.into_iter().filter_map(|it| until(ready_since(it)?, wait, now));
    left.min()
}

/// How long until `wait` after `since`; nothing when that has passed.
pub(crate) fn until(since: Timestamp, wait: SignedDuration, now: Timestamp) -> Option<Duration> {
    let moment = since.saturating_add(wait).ok()?;
    Duration::try_from(moment.duration_since(now)).ok().filter(|it| !it.is_zero())
}

/// How often the most restarted container has restarted.
pub(crate) fn most_restarts(it: &Pod) -> i32 {
    let status = it.status.as_ref();
    let main = status.and_then(|it| it.container_statuses.as_deref()).unwrap_or_default();
    let init = status.and_then(|it| it.init_container_statuses.as_deref()).unwrap_or_default();
    main.iter().chain(init).map(|it| it.restart_count).max().unwrap_or(0)
}
