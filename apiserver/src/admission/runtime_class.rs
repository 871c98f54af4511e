//! A pod gets the overhead of its runtime class, and goes to the nodes that have it.
//!
//! Upstream: the page "Runtime Class", KEP-688 (pod overhead), KEP-894 (scheduling).

use super::{Attempt, Plugin, View};
use api::ApiError;
use api::k8s::api::core::v1::{Pod, PodSpec, Toleration};
use api::k8s::api::node::v1::RuntimeClass;

/// See the module.
pub(super) struct RuntimeClasses;

const OTHER_OVERHEAD: &str = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";
const NO_OVERHEAD: &str =
    "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead";

impl Plugin for RuntimeClasses {
    fn mutate(&self, attempt: &mut Attempt<'_>, view: &View<'_>) -> Result<(), ApiError> {
        let Some(spec) = attempt.created::<Pod>().map(|it| it.spec.get_or_insert_default()) else {
            return Ok(());
        };
        let settled = match class_of(spec, view)? {
            Found::None => Ok(()),
            Found::Missing(why) => Err(why),
            Found::Class(class) => settle(spec, &class),
        };
        settled.map_err(|why| attempt.forbidden(&why))
    }

    fn validate(&self, attempt: &Attempt<'_>, view: &View<'_>) -> Result<(), ApiError> {
        let creates = attempt.operation == super::Operation::Create && attempt.subresource.is_empty();
        let pod = attempt.object.as_ref().filter(|_| creates).and_then(|it| it.get::<Pod>());
        let Some(spec) = pod.and_then(|it| it.spec.as_ref()) else { return Ok(()) };
        let overhead = match class_of(spec, view)? {
            Found::None => None,
            Found::Missing(why) => return Err(attempt.forbidden(&why)),
            Found::Class(class) => class.overhead.and_then(|it| it.pod_fixed),
        };
        match (&overhead, &spec.overhead) {
            (None, Some(_)) => Err(attempt.forbidden(NO_OVERHEAD)),
            (Some(fixed), own) if own.as_ref() != Some(fixed) => Err(attempt.forbidden(OTHER_OVERHEAD)),
            _ => Ok(()),
        }
    }
}

/// The class that a pod names.
enum Found {
    /// It names none.
    None,
    /// There is none of this name; the words to refuse the pod with.
    Missing(String),
    Class(Box<RuntimeClass>),
}

fn class_of(spec: &PodSpec, view: &View<'_>) -> Result<Found, ApiError> {
    let Some(name) = &spec.runtime_class_name else { return Ok(Found::None) };
    let object = view.object::<RuntimeClass>("", name)?;
    let class = object.and_then(|it| it.get::<RuntimeClass>().cloned());
    Ok(match class {
        Some(class) => Found::Class(Box::new(class)),
        None => Found::Missing(format!("pod rejected: RuntimeClass {name:?} not found")),
    })
}

/// Merges what the class says into the pod.
fn settle(spec: &mut PodSpec, class: &RuntimeClass) -> Result<(), String> {
    if let Some(fixed) = class.overhead.as_ref().and_then(|it| it.pod_fixed.as_ref()) {
        if spec.overhead.as_ref().is_some_and(|it| it != fixed) {
            return Err(OTHER_OVERHEAD.to_owned());
        }
        spec.overhead = Some(fixed.clone());
    }
    let Some(scheduling) = &class.scheduling else { return Ok(()) };
    for (key, value) in scheduling.node_selector.iter().flatten() {
        let selector = spec.node_selector.get_or_insert_default();
        let own = selector.entry(key.clone()).or_insert_with(|| value.clone());
        if own != value {
            return Err(format!(
                "conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; pod.spec.nodeSelector[{key}] = {own}"
            ));
        }
    }
    if let Some(tolerations) = scheduling.tolerations.as_ref().filter(|it| !it.is_empty()) {
        let all = spec.tolerations.take().unwrap_or_default().into_iter().chain(tolerations.iter().cloned());
        spec.tolerations = Some(merged(all.collect()));
    }
    Ok(())
}

/// Without those that another one covers; of equal ones the first stays.
fn merged(all: Vec<Toleration>) -> Vec<Toleration> {
    let mut merged: Vec<Toleration> = Vec::new();
    for (index, toleration) in all.iter().enumerate() {
        let before = merged.iter().any(|it| covers(it, toleration));
        let after = all[index + 1..].iter().any(|it| it != toleration && covers(it, toleration));
        if !before && !after {
            merged.push(toleration.clone());
        }
    }
    merged
}

/// Whether whatever `small` tolerates, `big` tolerates too.
fn covers(big: &Toleration, small: &Toleration) -> bool {
    let text = |it: &Option<String>| it.clone().unwrap_or_default();
    let exists = text(&big.operator) == "Exists";
    let key = big.key == small.key || (text(&big.key).is_empty() && exists);
    let effect = text(&big.effect).is_empty() || big.effect == small.effect;
    let ends = big.toleration_seconds.filter(|_| text(&big.effect) == "NoExecute");
    let lasts = ends.is_none_or(|most| small.toleration_seconds.is_some_and(|it| it <= most));
    let equals = text(&small.operator) == "Equal" && big.value == small.value;
    big == small || (key && effect && lasts && (exists || equals))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn what_is_covered_goes() {
        let check = |all: Value, expect: Value| {
            let all: Vec<Toleration> = serde_json::from_value(all).unwrap();
            assert_eq!(json!(merged(all)), expect);
        };
        let any = json!({ "operator": "Exists" });
        let key = json!({ "key": "a", "operator": "Exists" });
        let value = json!({ "key": "a", "operator": "Equal", "value": "b" });
        let short =
            json!({ "key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5 });
        check(json!([value, key]), json!([key]));
        check(json!([key, value]), json!([key]));
        check(json!([key, key]), json!([key]));
        check(json!([value, short, any]), json!([any]));
        check(json!([short, value]), json!([short, value]));
    }
}
