//! What everybody asks of a Pod: what it requests, which quality of service it gets, and where its life stands.
//!
//! Start at [`requests`]. The scheduler, the node agent and the controllers count with these same functions, so that
//! they never disagree about whether a pod fits.

use crate::quantity::{Amount, amount};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod, PodCondition, PodSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::BTreeMap;

/// How much of each resource, such as `cpu` and `memory`.
pub type Amounts = BTreeMap<String, Amount>;

type Quantities = BTreeMap<String, Quantity>;

/// What the pod requests while it runs: the sum over its containers and sidecars, or the largest init container when
/// that is more, plus the overhead. Requests of the pod itself win over those of its containers.
pub fn requests(spec: &PodSpec) -> Amounts {
    let mut total = aggregate_requests(spec);
    take_pod_level(&mut total, spec.resources.as_ref().and_then(|it| it.requests.as_ref()));
    for (name, quantity) in spec.overhead.iter().flatten() {
        add_one(&mut total, name, amount(quantity));
    }
    total
}

/// What the pod's containers request together, whatever the pod itself requests.
pub fn aggregate_requests(spec: &PodSpec) -> Amounts {
    total_of(spec, |it| it.requests.as_ref())
}

/// What the pod is limited to. The overhead counts for resources that have a limit only.
pub fn limits(spec: &PodSpec) -> Amounts {
    let mut total = total_of(spec, |it| it.limits.as_ref());
    take_pod_level(&mut total, spec.resources.as_ref().and_then(|it| it.limits.as_ref()));
    for (name, quantity) in spec.overhead.iter().flatten() {
        if total.contains_key(name) {
            add_one(&mut total, name, amount(quantity));
        }
    }
    total
}

/// Whether somebody holds the pod back from being scheduled (KEP-3521).
pub fn is_gated(spec: &PodSpec) -> bool {
    spec.scheduling_gates.as_ref().is_some_and(|it| !it.is_empty())
}

/// What one container requests.
pub fn container_requests(container: &Container) -> Amounts {
    amounts(container.resources.as_ref().and_then(|it| it.requests.as_ref()))
}

/// What one container is limited to.
pub fn container_limits(container: &Container) -> Amounts {
    amounts(container.resources.as_ref().and_then(|it| it.limits.as_ref()))
}

/// Whether an init container keeps running beside the others.
pub fn is_sidecar(init_container: &Container) -> bool {
    init_container.restart_policy.as_deref() == Some("Always")
}

/// `Guaranteed`, `Burstable` or `BestEffort`.
pub fn qos_class(spec: &PodSpec) -> &'static str {
    if let Some(resources) = &spec.resources
        && (resources.requests.is_some() || resources.limits.is_some())
    {
        return qos_of(&[Some(resources)]);
    }
    let all = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    qos_of(&all.map(|it| it.resources.as_ref()).collect::<Vec<_>>())
}

/// The pod's condition of this type.
pub fn condition<'a>(pod: &'a Pod, type_: &str) -> Option<&'a PodCondition> {
    pod.status.as_ref()?.conditions.iter().flatten().find(|it| it.type_ == type_)
}

/// Whether the pod serves: its condition `Ready` is true.
pub fn is_ready(pod: &Pod) -> bool {
    condition(pod, "Ready").is_some_and(|it| it.status == "True")
}

/// Whether the pod has been ready for `min_ready_seconds`.
pub fn is_available(pod: &Pod, min_ready_seconds: i32, now: Timestamp) -> bool {
    let Some(ready) = condition(pod, "Ready").filter(|it| it.status == "True") else { return false };
    let since = ready.last_transition_time.as_ref().map(|it| now.duration_since(it.0).as_secs());
    min_ready_seconds == 0 || since.is_some_and(|it| it >= i64::from(min_ready_seconds))
}

/// `status.phase`, empty when there is none.
pub fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|it| it.phase.as_deref()).unwrap_or_default()
}

/// Whether the pod has run to its end: it succeeded or failed, and never starts again.
pub fn is_finished(pod: &Pod) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

/// Whether somebody asked to delete the pod.
pub fn deletion_requested(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

/// Whether the pod counts for its controller: it is neither finished nor going.
pub fn is_active(pod: &Pod) -> bool {
    !is_finished(pod) && !deletion_requested(pod)
}

/// The node the pod is bound to; empty when it is not scheduled.
pub fn node_name(pod: &Pod) -> &str {
    pod.spec.as_ref().and_then(|it| it.node_name.as_deref()).unwrap_or_default()
}

fn amounts(quantities: Option<&Quantities>) -> Amounts {
    quantities.into_iter().flatten().map(|(name, it)| (name.clone(), amount(it))).collect()
}

fn add_one(total: &mut Amounts, name: &str, more: Amount) {
    let slot = total.entry(name.to_owned()).or_default();
    *slot = *slot + more;
}

fn add(total: &mut Amounts, more: &Amounts) {
    for (name, more) in more {
        add_one(total, name, *more);
    }
}

fn at_least(total: &mut Amounts, least: Amounts) {
    for (name, least) in least {
        let slot = total.entry(name).or_default();
        *slot = (*slot).max(least);
    }
}

/// Init containers run one after the other, each beside the sidecars that were started before it.
fn total_of(spec: &PodSpec, part: impl Fn(&ResourceRequirements) -> Option<&Quantities>) -> Amounts {
    let of = |it: &Container| amounts(it.resources.as_ref().and_then(&part));
    let mut running = Amounts::new();
    for container in &spec.containers {
        add(&mut running, &of(container));
    }
    let (mut sidecars, mut starting) = (Amounts::new(), Amounts::new());
    for container in spec.init_containers.iter().flatten() {
        let mut peak = of(container);
        if is_sidecar(container) {
            add(&mut running, &peak);
            add(&mut sidecars, &peak);
            peak.clone_from(&sidecars);
        } else {
            add(&mut peak, &sidecars);
        }
        at_least(&mut starting, peak);
    }
    at_least(&mut running, starting);
    running
}

/// Whether a pod as a whole can request this resource.
pub(crate) fn is_pod_level(resource: &str) -> bool {
    matches!(resource, "cpu" | "memory") || resource.starts_with("hugepages-")
}

fn take_pod_level(total: &mut Amounts, own: Option<&Quantities>) {
    for (name, quantity) in own.into_iter().flatten() {
        if is_pod_level(name) {
            total.insert(name.clone(), amount(quantity));
        }
    }
}

fn qos_of(all: &[Option<&ResourceRequirements>]) -> &'static str {
    let counts = |it: &Option<&Quantities>, name: &str| {
        it.and_then(|it| it.get(name)).map(amount).filter(|it| *it > Amount::default())
    };
    let (mut any, mut guaranteed) = (false, true);
    for resources in all {
        let limits = resources.and_then(|it| it.limits.as_ref());
        let requests = resources.and_then(|it| it.requests.as_ref());
        for name in ["cpu", "memory"] {
            let (limit, request) = (counts(&limits, name), counts(&requests, name));
            any |= limit.is_some() || request.is_some();
            guaranteed &= limit.is_some() && (request.is_none() || request == limit);
        }
    }
    match (any, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(value: serde_json::Value) -> PodSpec {
        serde_json::from_value(value).expect("it is a pod spec")
    }

    fn with(requests: serde_json::Value, limits: serde_json::Value) -> serde_json::Value {
        json!({"name": "x", "resources": {"requests": requests, "limits": limits}})
    }

    #[test]
    fn requests_are_the_most_that_runs_at_once() {
        let check = |value, expect: i64| {
            let got = requests(&spec(value)).get("cpu").map_or(0, |it| it.milli_value());
            assert_eq!(got, expect);
        };
        let cpu = |text: &str| with(json!({"cpu": text}), json!({}));
        let sidecar = |text: &str| {
            let mut it = cpu(text);
            it["restartPolicy"] = json!("Always");
            it
        };
        check(json!({"containers": []}), 0);
        check(json!({"containers": [cpu("100m"), cpu("200m")]}), 300);
        check(json!({"containers": [cpu("100m")], "initContainers": [cpu("1"), cpu("500m")]}), 1000);
        check(json!({"containers": [cpu("100m")], "initContainers": [sidecar("200m"), cpu("1")]}), 1200);
        check(json!({"containers": [cpu("1")], "initContainers": [cpu("1"), sidecar("200m")]}), 1200);
        check(json!({"containers": [cpu("1")], "overhead": {"cpu": "50m"}}), 1050);
        check(json!({"containers": [cpu("1")], "resources": {"requests": {"cpu": "3"}}}), 3000);
    }

    #[test]
    fn quality_of_service() {
        let check =
            |containers, expect| assert_eq!(qos_class(&spec(json!({"containers": containers}))), expect);
        let both = json!({"cpu": "1", "memory": "1Gi"});
        check(json!([with(json!({}), json!({}))]), "BestEffort");
        check(json!([with(both.clone(), both.clone())]), "Guaranteed");
        check(json!([with(json!({}), both.clone())]), "Guaranteed");
        check(json!([with(json!({}), both.clone()), with(json!({}), json!({}))]), "Burstable");
        check(json!([with(both.clone(), json!({}))]), "Burstable");
        check(json!([with(json!({"cpu": "500m"}), both)]), "Burstable");
    }
}
