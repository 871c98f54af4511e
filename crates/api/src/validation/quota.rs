//! What is wrong with the kinds that share out resources within a namespace: quotas and limit ranges.

use crate::field::{Error, Errors, Path};
use crate::quantity::{Amount, amount};
use crate::validation::common::{IMMUTABLE, all, shown};
use crate::validation::{names, pod};
use k8s_openapi::api::core::v1::{
    LimitRange, LimitRangeItem, ResourceQuota, ResourceQuotaSpec, ScopeSelector,
    ScopedResourceSelectorRequirement,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::{BTreeMap, BTreeSet};

/// Resources without a domain that a quota can limit.
const STANDARD: [&str; 19] = [
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.storage",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "persistentvolumeclaims",
    "configmaps",
    "services.nodeports",
    "services.loadbalancers",
];
/// Scopes that do not go together.
const CONFLICTING: [[&str; 2]; 2] = [["BestEffort", "NotBestEffort"], ["Terminating", "NotTerminating"]];

/// What is wrong with a ResourceQuota.
pub fn resource_quota(quota: &ResourceQuota) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("spec"));
    let spec = quota.spec.clone().unwrap_or_default();
    hard(&mut errors, &path.child("hard"), spec.hard.as_ref());
    scopes(&mut errors, &path.child("scopes"), &spec);
    if let Some(selector) = &spec.scope_selector {
        scope_selector(&mut errors, &path.child("scopeSelector").child("matchExpressions"), &spec, selector);
    }
    if let Some(status) = &quota.status {
        hard(&mut errors, &Path::new("status").child("hard"), status.hard.as_ref());
        hard(&mut errors, &Path::new("status").child("used"), status.used.as_ref());
    }
    errors
}

/// What is wrong with a change of a ResourceQuota: it counts what it counted.
pub fn resource_quota_update(new: &ResourceQuota, old: &ResourceQuota) -> Errors {
    let scopes = |it: &ResourceQuota| it.spec.as_ref().and_then(|it| it.scopes.clone()).unwrap_or_default();
    let (new, old) = (scopes(new), scopes(old));
    if new.iter().collect::<BTreeSet<_>>() == old.iter().collect::<BTreeSet<_>>() {
        return Errors::new();
    }
    vec![Error::invalid(&Path::new("spec").child("scopes"), shown(&new), IMMUTABLE)]
}

fn hard(errors: &mut Errors, path: &Path, list: Option<&BTreeMap<String, Quantity>>) {
    for (resource, quantity) in list.into_iter().flatten() {
        let path = path.key(resource);
        pod::resource_name(errors, &path, resource);
        if !resource.contains('/') && !is_standard(resource) {
            errors.push(Error::invalid(&path, resource.as_str(), "must be a standard resource for quota"));
        }
        pod::quantity(errors, &path, resource, quantity);
    }
}

fn is_standard(resource: &str) -> bool {
    STANDARD.contains(&resource)
        || resource.starts_with("hugepages-")
        || resource.starts_with("requests.hugepages-")
}

/// Whether a quota can count this resource of the objects in a scope alone; `None` for a scope that there is not.
fn counts(scope: &str, resource: &str) -> Option<bool> {
    let computed = ["cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory"];
    match scope {
        "BestEffort" => Some(resource == "pods"),
        "Terminating"
        | "NotTerminating"
        | "NotBestEffort"
        | "PriorityClass"
        | "CrossNamespacePodAffinity" => Some(resource == "pods" || computed.contains(&resource)),
        "VolumeAttributesClass" => Some(matches!(resource, "persistentvolumeclaims" | "requests.storage")),
        _ => None,
    }
}

/// Resources that the quota limits, and that it cannot count within this scope.
fn uncounted<'a>(spec: &'a ResourceQuotaSpec, scope: &'a str) -> impl Iterator<Item = &'a String> {
    let standard = spec.hard.iter().flat_map(BTreeMap::keys).filter(|it| is_standard(it));
    standard.filter(move |it| counts(scope, it) == Some(false))
}

fn scopes(errors: &mut Errors, path: &Path, spec: &ResourceQuotaSpec) {
    let given = spec.scopes.as_deref().unwrap_or_default();
    let mut wrong = |detail: &str| errors.push(Error::invalid(path, shown(&given), detail));
    for scope in given {
        if counts(scope, "").is_none() {
            wrong("unsupported scope");
        }
        uncounted(spec, scope).for_each(|_| wrong("unsupported scope applied to resource"));
    }
    if conflict(given.iter().map(String::as_str)) {
        wrong("conflicting scopes");
    }
}

fn conflict<'a>(scopes: impl Iterator<Item = &'a str>) -> bool {
    let scopes: BTreeSet<&str> = scopes.collect();
    CONFLICTING.iter().any(|pair| pair.iter().all(|it| scopes.contains(it)))
}

fn scope_selector(errors: &mut Errors, path: &Path, spec: &ResourceQuotaSpec, selector: &ScopeSelector) {
    let requirements = selector.match_expressions.as_deref().unwrap_or_default();
    for it in requirements {
        if counts(&it.scope_name, "").is_none() {
            let path = path.child("scopeName");
            errors.push(Error::invalid(&path, it.scope_name.as_str(), "unsupported scope"));
        }
        uncounted(spec, &it.scope_name).for_each(|_| {
            errors.push(Error::invalid(path, shown(selector), "unsupported scope applied to resource"));
        });
        requirement(errors, path, it);
    }
    if conflict(requirements.iter().map(|it| it.scope_name.as_str())) {
        errors.push(Error::invalid(path, shown(&spec.scopes), "conflicting scopes"));
    }
}

fn requirement(errors: &mut Errors, path: &Path, it: &ScopedResourceSelectorRequirement) {
    let (operator, values) = (path.child("operator"), path.child("values"));
    let none = it.values.as_ref().is_none_or(Vec::is_empty);
    let classes = matches!(it.scope_name.as_str(), "PriorityClass" | "VolumeAttributesClass");
    if it.operator != "Exists" && !classes && counts(&it.scope_name, "").is_some() {
        let detail = "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
        errors.push(Error::invalid(&operator, it.operator.as_str(), detail));
    }
    match it.operator.as_str() {
        "In" | "NotIn" if none => {
            let detail = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
            errors.push(Error::required(&values, detail));
        }
        "Exists" | "DoesNotExist" if !none => {
            let detail = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
            errors.push(Error::invalid(&values, shown(&it.values), detail));
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other => errors.push(Error::invalid(&operator, other, "not a valid selector operator")),
    }
}

/// What is wrong with a LimitRange.
pub fn limit_range(range: &LimitRange) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("spec").child("limits"));
    let mut types = BTreeSet::new();
    for (index, item) in range.spec.iter().flat_map(|it| &it.limits).enumerate() {
        let path = path.index(index);
        limit_type(&mut errors, &path.child("type"), &item.type_);
        if !types.insert(&item.type_) {
            errors.push(Error::duplicate(&path.child("type"), item.type_.as_str()));
        }
        limits(&mut errors, &path, item);
    }
    errors
}

fn limit_type(errors: &mut Errors, path: &Path, type_: &str) {
    let messages = names::qualified_name(type_);
    let standard = matches!(type_, "Pod" | "Container" | "PersistentVolumeClaim");
    if messages.is_empty() && !type_.contains('/') && !standard {
        let detail = "must be a standard limit type or fully qualified";
        errors.push(Error::invalid(path, type_, detail));
    }
    all(errors, path, type_, messages);
}

fn limits(errors: &mut Errors, path: &Path, item: &LimitRangeItem) {
    let of_pod = item.type_ == "Pod";
    let check: fn(&mut Errors, &Path, &str) = match item.type_.as_str() {
        "Pod" | "Container" => pod::container_resource,
        _ => pod::resource_name,
    };
    let mut resources = BTreeSet::new();
    for (name, list, is_default) in [
        ("max", &item.max, false),
        ("min", &item.min, false),
        ("default", &item.default, true),
        ("defaultRequest", &item.default_request, true),
        ("maxLimitRequestRatio", &item.max_limit_request_ratio, false),
    ] {
        if is_default && of_pod {
            if list.as_ref().is_some_and(|it| !it.is_empty()) {
                let detail = "may not be specified when `type` is 'Pod'";
                errors.push(Error::forbidden(&path.child(name), detail));
            }
            continue;
        }
        for resource in list.iter().flat_map(BTreeMap::keys) {
            check(errors, &path.child(name).key(resource), resource);
            resources.insert(resource.as_str());
        }
    }
    let storage = |list: &Option<BTreeMap<String, Quantity>>| {
        list.as_ref().is_some_and(|it| it.contains_key("storage"))
    };
    if item.type_ == "PersistentVolumeClaim" && !storage(&item.min) && !storage(&item.max) {
        let detail = "either minimum or maximum storage value is required, but neither was provided";
        errors.push(Error::required(&path.child("limits"), detail));
    }
    for resource in resources {
        in_order(errors, path, item, resource);
        ratio(errors, path, item, resource);
    }
}

/// The least, the defaults and the most must stand in this order.
fn in_order(errors: &mut Errors, path: &Path, item: &LimitRangeItem, resource: &str) {
    let of = |list: &'_ Option<BTreeMap<String, Quantity>>| list.as_ref()?.get(resource).cloned();
    let (min, max) = (of(&item.min), of(&item.max));
    let defaults = item.type_ != "Pod";
    let default = of(&item.default).filter(|_| defaults);
    let request = of(&item.default_request).filter(|_| defaults);
    // Where it is said, what may not be more than what, and in which words.
    for (field, less, less_name, more, more_name) in [
        ("min", &min, "min", &max, "max"),
        ("defaultRequest", &min, "min", &request, "default request"),
        ("defaultRequest", &request, "default request", &max, "max"),
        ("defaultRequest", &request, "default request", &default, "default limit"),
        ("default", &min, "min", &default, "default"),
        ("default", &default, "default", &max, "max"),
    ] {
        let (Some(less), Some(more)) = (less, more) else { continue };
        if amount(less) > amount(more) {
            let detail = format!("{less_name} value {} is greater than {more_name} value {}", less.0, more.0);
            let value = if less_name == "min" && field == "defaultRequest" { more } else { less };
            errors.push(Error::invalid(&path.child(field).key(resource), value.0.as_str(), detail));
        }
    }
    if let (Some(default), Some(request)) = (&default, &request)
        && !pod::overcommits(resource)
        && amount(default) != amount(request)
    {
        let detail = format!(
            "default value {} must equal to defaultRequest value {} in {resource}",
            default.0, request.0
        );
        let path = path.child("defaultRequest").key(resource);
        errors.push(Error::invalid(&path, request.0.as_str(), detail));
    }
}

/// How much more than it requests something may be limited to.
fn ratio(errors: &mut Errors, path: &Path, item: &LimitRangeItem, resource: &str) {
    let Some(ratio) = item.max_limit_request_ratio.as_ref().and_then(|it| it.get(resource)) else { return };
    let path = path.child("maxLimitRequestRatio").key(resource);
    if amount(ratio) < Amount::whole(1) {
        let detail = format!("ratio {} is less than 1", ratio.0);
        errors.push(Error::invalid(&path, ratio.0.as_str(), detail));
    }
    let of = |list: &Option<BTreeMap<String, Quantity>>| {
        Some(amount(list.as_ref()?.get(resource)?).milli_value() as f64)
    };
    let (Some(min), Some(max)) = (of(&item.min), of(&item.max)) else { return };
    if amount(ratio).milli_value() as f64 / 1000.0 > max / min {
        let detail = format!("ratio {} is greater than max/min = {:.6}", ratio.0, max / min);
        errors.push(Error::invalid(&path, ratio.0.as_str(), detail));
    }
}
