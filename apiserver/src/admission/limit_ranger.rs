//! Limit ranges: what containers, pods and claims of a namespace get when they say nothing, and between which bounds they
//! have to stay.
//!
//! Follows upstream's "Limit Ranges"; the messages are upstream's.

use super::{Attempt, Operation, Plugin, View};
use api::k8s::api::core::v1::{Container, LimitRange, LimitRangeItem, PersistentVolumeClaim, Pod, PodSpec};
use api::k8s::apimachinery::pkg::api::resource::Quantity;
use api::pod::{self, Amounts};
use api::quantity::{Amount, Format, amount};
use api::{ApiError, Object, meta};
use std::collections::BTreeMap;

/// See the module.
pub(super) struct LimitRanger;

type Quantities = BTreeMap<String, Quantity>;

/// Where it is written what a pod got.
const ANNOTATION: &str = "kubernetes.io/limit-ranger";

impl Plugin for LimitRanger {
    fn mutate(&self, attempt: &mut Attempt<'_>, view: &View<'_>) -> Result<(), ApiError> {
        if !concerns(attempt) {
            return Ok(());
        }
        let ranges = view.within::<LimitRange>(&attempt.key.namespace)?;
        if let Some(pod) = attempt.object.as_mut().and_then(|it| it.get_mut::<Pod>()) {
            ranges.iter().filter_map(|it| it.get()).for_each(|it| fill(pod, it));
        }
        Ok(())
    }

    fn validate(&self, attempt: &Attempt<'_>, view: &View<'_>) -> Result<(), ApiError> {
        let Some(object) = attempt.object.as_deref().filter(|_| concerns(attempt)) else { return Ok(()) };
        for range in view.within::<LimitRange>(&attempt.key.namespace)? {
            let items = range.get::<LimitRange>().and_then(|it| it.spec.as_ref()).map(|it| &it.limits);
            let wrong = items.into_iter().flatten().flat_map(|it| violations(it, object)).collect();
            if let Some(why) = aggregate(wrong) {
                return Err(attempt.forbidden(&why));
            }
        }
        Ok(())
    }
}

/// New pods and claims, changed claims, and pods that are resized. What is on its way out may do as it likes.
fn concerns(attempt: &Attempt<'_>) -> bool {
    let Some(object) = &attempt.object else { return false };
    let (is_pod, is_claim) = (object.get::<Pod>().is_some(), object.get::<PersistentVolumeClaim>().is_some());
    let fits = match (attempt.operation, attempt.subresource) {
        (Operation::Create, "") => is_pod || is_claim,
        (Operation::Update, "") => is_claim,
        (Operation::Update, "resize") => is_pod,
        _ => false,
    };
    fits && object.meta().deletion_timestamp.is_none()
}

/// Gives the pod's containers what they say nothing of, and notes it.
fn fill(pod: &mut Pod, range: &LimitRange) {
    let Some(spec) = &mut pod.spec else { return };
    let items = range.spec.iter().flat_map(|it| &it.limits).filter(|it| it.type_ == "Container");
    let (mut limits, mut requests) = (Quantities::new(), Quantities::new());
    for item in items {
        limits.extend(item.default.clone().unwrap_or_default());
        requests.extend(item.default_request.clone().unwrap_or_default());
    }
    let mut notes = Vec::new();
    for container in &mut spec.containers {
        notes.extend(fill_container(container, "container", &requests, &limits));
    }
    for container in spec.init_containers.iter_mut().flatten() {
        notes.extend(fill_container(container, "init container", &requests, &limits));
    }
    if !notes.is_empty() {
        let note = format!("LimitRanger plugin set: {}", notes.join("; "));
        meta::set_annotation(&mut pod.metadata, ANNOTATION, &note);
    }
}

fn fill_container(
    container: &mut Container,
    what: &str,
    requests: &Quantities,
    limits: &Quantities,
) -> Vec<String> {
    let Container { name, resources, .. } = container;
    if requests.is_empty() && limits.is_empty() {
        return Vec::new();
    }
    let resources = resources.get_or_insert_default();
    let mut notes = Vec::new();
    for (of, own, defaults) in
        [("request", &mut resources.requests, requests), ("limit", &mut resources.limits, limits)]
    {
        let own = own.get_or_insert_default();
        let missing: Vec<_> = defaults.iter().filter(|(name, _)| !own.contains_key(*name)).collect();
        let names: Vec<&str> = missing.iter().map(|(name, _)| name.as_str()).collect();
        if !names.is_empty() {
            notes.push(format!("{} {of} for {what} {name}", names.join(", ")));
        }
        own.extend(missing.into_iter().map(|(name, it)| (name.clone(), it.clone())));
    }
    notes
}

/// What of an object is outside the bounds of one item.
fn violations(item: &LimitRangeItem, object: &Object) -> Vec<String> {
    let spec = object.get::<Pod>().and_then(|it| it.spec.as_ref());
    match (item.type_.as_str(), spec, object.get::<PersistentVolumeClaim>()) {
        ("Container", Some(spec), _) => {
            let containers = spec.containers.iter().chain(spec.init_containers.iter().flatten());
            containers.flat_map(|it| Asked::of_container(it).violations(item)).collect()
        }
        ("Pod", Some(spec), _) => Asked::of_pod(spec).violations(item),
        ("PersistentVolumeClaim", _, Some(claim)) => of_claim(item, claim),
        _ => Vec::new(),
    }
}

/// What is asked for and what is allowed.
struct Asked {
    requests: Quantities,
    limits: Quantities,
}

impl Asked {
    fn of_container(container: &Container) -> Self {
        let own = container.resources.clone().unwrap_or_default();
        Self { requests: own.requests.unwrap_or_default(), limits: own.limits.unwrap_or_default() }
    }

    fn of_pod(spec: &PodSpec) -> Self {
        Self { requests: written(spec, pod::requests(spec)), limits: written(spec, pod::limits(spec)) }
    }

    fn violations(&self, item: &LimitRangeItem) -> Vec<String> {
        let kind = &item.type_;
        let each = |list: &Option<Quantities>, judge: &dyn Fn(&str, &Quantity) -> Option<String>| {
            list.iter().flatten().filter_map(|(name, it)| judge(name, it)).collect::<Vec<_>>()
        };
        let mut found = each(&item.min, &|name, it| self.below(kind, name, it));
        found.extend(each(&item.max, &|name, it| self.above(kind, name, it)));
        found.extend(each(&item.max_limit_request_ratio, &|name, it| self.stretched(kind, name, it)));
        found
    }

    fn of(&self, name: &str) -> (Option<&Quantity>, Option<&Quantity>) {
        (self.requests.get(name), self.limits.get(name))
    }

    fn below(&self, kind: &str, name: &str, least: &Quantity) -> Option<String> {
        let rule = format!("minimum {name} usage per {kind} is {}", least.0);
        let is_low = |it: &&Quantity| amount(it) < amount(least);
        match self.of(name) {
            (None, _) => Some(format!("{rule}.  No request is specified")),
            (Some(request), _) if is_low(&request) => Some(format!("{rule}, but request is {}", request.0)),
            (_, limit) => limit.filter(is_low).map(|it| format!("{rule}, but limit is {}", it.0)),
        }
    }

    fn above(&self, kind: &str, name: &str, most: &Quantity) -> Option<String> {
        let rule = format!("maximum {name} usage per {kind} is {}", most.0);
        let is_high = |it: &&Quantity| amount(it) > amount(most);
        match self.of(name) {
            (_, None) => Some(format!("{rule}.  No limit is specified")),
            (_, Some(limit)) if is_high(&limit) => Some(format!("{rule}, but limit is {}", limit.0)),
            (request, _) => request.filter(is_high).map(|it| format!("{rule}, but request is {}", it.0)),
        }
    }

    fn stretched(&self, kind: &str, name: &str, most: &Quantity) -> Option<String> {
        let rule = format!("{name} max limit to request ratio per {kind} is {}", most.0);
        let known = |it: Option<&Quantity>| it.map(amount).filter(|it| *it != Amount::default());
        let (request, limit) = self.of(name);
        let Some(request) = known(request) else {
            return Some(format!("{rule}, but no request is specified or request is 0"));
        };
        let Some(limit) = known(limit) else {
            return Some(format!("{rule}, but no limit is specified or limit is 0"));
        };
        let ratio = limit.milli_value() as f64 / request.milli_value() as f64;
        let most = amount(most).milli_value() as f64 / 1000.0;
        (ratio > most).then(|| format!("{rule}, but provided ratio is {ratio:.6}"))
    }
}

/// Sums as the pod writes them.
fn written(spec: &PodSpec, amounts: Amounts) -> Quantities {
    let resources = spec.containers.iter().filter_map(|it| it.resources.as_ref());
    let lists: Vec<&Quantities> =
        resources.flat_map(|it| [it.requests.as_ref(), it.limits.as_ref()]).flatten().collect();
    let format = |name: &str| {
        let first = lists.iter().find_map(|it| it.get(name));
        first.map(|it| Format::of(&it.0)).unwrap_or_default()
    };
    amounts.into_iter().map(|(name, it)| (name.clone(), it.written(format(&name)))).collect()
}

/// A claim only asks; nobody takes its limits for anything.
fn of_claim(item: &LimitRangeItem, claim: &PersistentVolumeClaim) -> Vec<String> {
    let own = claim.spec.as_ref().and_then(|it| it.resources.as_ref()?.requests.clone());
    let asked = Asked { requests: own.unwrap_or_default(), limits: Quantities::new() };
    let below = item.min.iter().flatten().filter_map(|(name, it)| asked.below(&item.type_, name, it));
    let above = item.max.iter().flatten().filter_map(|(name, most)| {
        let rule = format!("maximum {name} usage per {} is {}", item.type_, most.0);
        match asked.requests.get(name) {
            None => Some(format!("{rule}.  No request is specified")),
            Some(it) if amount(it) > amount(most) => Some(format!("{rule}, but request is {}", it.0)),
            Some(_) => None,
        }
    });
    below.chain(above).collect()
}

/// Several faults as Go's tools print them: each once, in brackets when there is more than one.
fn aggregate(mut all: Vec<String>) -> Option<String> {
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|it| seen.insert(it.clone()));
    match all.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        several => Some(format!("[{}]", several.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(containers: Value) -> Pod {
        serde_json::from_value(json!({"spec": {"containers": containers}})).unwrap()
    }

    fn with(requests: Value, limits: Value) -> Value {
        json!({"name": "c", "resources": {"requests": requests, "limits": limits}})
    }

    #[test]
    fn containers_get_what_they_do_not_say() {
        let range = json!({"spec": {"limits": [{"type": "Container", "default": {"cpu": "200m", "memory": "1Gi"},
            "defaultRequest": {"cpu": "100m"}}, {"type": "Pod", "max": {"cpu": "1"}}]}});
        let range: LimitRange = serde_json::from_value(range).unwrap();
        let check = |container: Value, resources: Value, note: Option<&str>| {
            let mut pod = pod(json!([container]));
            fill(&mut pod, &range);
            let container = &pod.spec.as_ref().unwrap().containers[0];
            assert_eq!(serde_json::to_value(&container.resources).unwrap(), resources);
            assert_eq!(meta::annotation(&pod.metadata, ANNOTATION), note);
        };
        check(
            json!({"name": "c"}),
            json!({"requests": {"cpu": "100m"}, "limits": {"cpu": "200m", "memory": "1Gi"}}),
            Some("LimitRanger plugin set: cpu request for container c; cpu, memory limit for container c"),
        );
        let full = json!({"requests": {"cpu": "1"}, "limits": {"cpu": "1", "memory": "2Gi"}});
        check(with(full["requests"].clone(), full["limits"].clone()), full, None);
    }

    #[test]
    fn bounds_hold() {
        let check = |item: Value, containers: Value, expect: Option<&str>| {
            let item: LimitRangeItem = serde_json::from_value(item).unwrap();
            assert_eq!(aggregate(violations(&item, &pod(containers).into())).as_deref(), expect);
        };
        let item = |field: &str, value: &str| json!({"type": "Container", field: {"cpu": value}});
        let one = |request: &str, limit: &str| json!([with(json!({"cpu": request}), json!({"cpu": limit}))]);
        check(item("max", "2"), one("1", "2"), None);
        check(item("max", "2"), one("1", "3"), Some("maximum cpu usage per Container is 2, but limit is 3"));
        check(
            item("max", "2"),
            json!([{"name": "c"}]),
            Some("maximum cpu usage per Container is 2.  No limit is specified"),
        );
        check(
            item("min", "200m"),
            one("100m", "1"),
            Some("minimum cpu usage per Container is 200m, but request is 100m"),
        );
        check(
            item("min", "200m"),
            json!([{"name": "c"}, {"name": "d"}]),
            Some("minimum cpu usage per Container is 200m.  No request is specified"),
        );
        check(
            item("maxLimitRequestRatio", "4"),
            one("200m", "2"),
            Some("cpu max limit to request ratio per Container is 4, but provided ratio is 10.000000"),
        );
        check(item("maxLimitRequestRatio", "1500m"), one("1", "1500m"), None);
        check(
            item("maxLimitRequestRatio", "4"),
            one("0", "2"),
            Some(
                "cpu max limit to request ratio per Container is 4, but no request is specified or request is 0",
            ),
        );
        let memory = |it: &str| with(json!({"memory": it}), json!({"memory": it}));
        check(
            json!({"type": "Pod", "max": {"memory": "1Gi", "cpu": "1"}}),
            json!([memory("600Mi"), memory("512Mi")]),
            Some(
                "[maximum cpu usage per Pod is 1.  No limit is specified, maximum memory usage per Pod is 1Gi, \
                 but limit is 1112Mi]",
            ),
        );
    }

    #[test]
    fn claims_stay_within_bounds() {
        let item =
            json!({"type": "PersistentVolumeClaim", "min": {"storage": "1Gi"}, "max": {"storage": "2Gi"}});
        let item: LimitRangeItem = serde_json::from_value(item).unwrap();
        let check = |size: &str, expect: Option<&str>| {
            let claim = json!({"spec": {"resources": {"requests": {"storage": size}}}});
            let claim: PersistentVolumeClaim = serde_json::from_value(claim).unwrap();
            assert_eq!(aggregate(violations(&item, &claim.into())).as_deref(), expect);
        };
        let rule = "usage per PersistentVolumeClaim is";
        check("1Gi", None);
        check("3Gi", Some(&format!("maximum storage {rule} 2Gi, but request is 3Gi")));
        check("1Mi", Some(&format!("minimum storage {rule} 1Gi, but request is 1Mi")));
    }
}
