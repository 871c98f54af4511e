//! Which pod and which container a word means, for logs, exec, attach and port-forward.

use crate::output;
use crate::print::{at, items, text};
use crate::resolve::{Resource, Target, targets};
use crate::session::{Session, Wanted};
use anyhow::{Result, bail};
use api::selector::Selector;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde_json::Value;

const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// Names one pod by itself, or through what made it: `web`, `pod/web`, `deploy/web`, `svc/web`.
pub(super) async fn pod_of(session: &Session, word: &str) -> Result<Value> {
    let target = target_of(session, word).await?;
    let object = session.get(&target.resource, &target.namespace, target.name()).await?;
    if target.resource.is("", "pods") {
        return Ok(object);
    }
    let mut pods = pods_of(session, &target.resource, &object).await?;
    if pods.is_empty() {
        bail!(
            "timed out waiting for the condition: no pods of {word} are there; see `kubectl-lite describe {word}`"
        );
    }
    pods.sort_by_key(|it| (!is_ready(it), text(it, "metadata.creationTimestamp").to_owned()));
    Ok(pods.remove(0))
}

/// The object that a word names; a word without a kind is a pod.
pub(super) async fn target_of(session: &Session, word: &str) -> Result<Target> {
    let full = if word.contains('/') { word.to_owned() } else { format!("pods/{word}") };
    let mut found = targets(session, &[full], &Default::default(), &Default::default()).await?;
    match found.pop() {
        Some(target) => Ok(target),
        None => bail!("{word:?} names no object"),
    }
}

/// The pods that an object selects.
pub(super) async fn pods_of(session: &Session, resource: &Resource, object: &Value) -> Result<Vec<Value>> {
    let Some(selector) = selector_of(object)? else {
        bail!("selector for {} not implemented: name a pod", resource.named(text(object, "metadata.name")));
    };
    let pods = Resource::of::<Pod>();
    let wanted = Wanted { labels: Some(&selector), ..Wanted::all(&pods, text(object, "metadata.namespace")) };
    let list = session.list(&wanted).await?;
    Ok(items(&list, "items").to_vec())
}

/// An object's pod selector as a query.
pub(super) fn selector_of(object: &Value) -> Result<Option<String>> {
    let selector = at(object, "spec.selector");
    if selector["matchLabels"].is_object() || selector["matchExpressions"].is_array() {
        let selector: LabelSelector = serde_json::from_value(selector.clone())?;
        return Ok(Some(Selector::of(&selector)?.to_string()));
    }
    let pairs = selector.as_object().filter(|it| !it.is_empty());
    Ok(pairs.map(|map| {
        let pairs = map.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
        pairs.collect::<Vec<_>>().join(",")
    }))
}

/// Whether a pod says that it is ready.
pub(super) fn is_ready(pod: &Value) -> bool {
    items(pod, "status.conditions").iter().any(|it| it["type"] == "Ready" && it["status"] == "True")
}

/// The names of a pod's containers, init containers first.
pub(super) fn containers(pod: &Value) -> Vec<&str> {
    let kinds = ["spec.initContainers", "spec.containers", "spec.ephemeralContainers"];
    kinds.into_iter().flat_map(|it| items(pod, it)).map(|it| text(it, "name")).collect()
}

/// The container that is meant: the given one, the one that the pod recommends, or its first.
pub(super) fn container_of(pod: &Value, given: Option<&str>, quiet: bool) -> Result<String> {
    let all = containers(pod);
    if let Some(given) = given {
        if all.contains(&given) {
            return Ok(given.to_owned());
        }
        bail!(
            "container {given} is not valid for pod {}; it has: {}",
            text(pod, "metadata.name"),
            all.join(", ")
        );
    }
    let recommended =
        pod["metadata"]["annotations"][DEFAULT_CONTAINER].as_str().filter(|it| all.contains(it));
    if let Some(name) = recommended {
        return Ok(name.to_owned());
    }
    let Some(first) = items(pod, "spec.containers").first() else { bail!("the pod has no containers") };
    let first = text(first, "name");
    if all.len() > 1 && !quiet {
        let shown: Vec<String> = described(pod);
        output::note(format!("Defaulted container {first:?} out of: {}", shown.join(", ")));
    }
    Ok(first.to_owned())
}

/// The containers' names, main ones first, with what the others are.
fn described(pod: &Value) -> Vec<String> {
    let names = |path: &str, suffix: &str| -> Vec<String> {
        items(pod, path).iter().map(|it| format!("{}{suffix}", text(it, "name"))).collect()
    };
    [
        names("spec.containers", ""),
        names("spec.ephemeralContainers", " (ephem)"),
        names("spec.initContainers", " (init)"),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn containers_are_chosen() {
        let pod = |annotation: &str| {
            json!({"metadata": {"name": "p", "annotations": {DEFAULT_CONTAINER: annotation}},
                "spec": {"initContainers": [{"name": "i"}], "containers": [{"name": "a"}, {"name": "b"}]}})
        };
        let check = |annotation: &str, given: Option<&str>, expect: &str| {
            assert_eq!(container_of(&pod(annotation), given, true).unwrap(), expect);
        };
        check("", None, "a");
        check("b", None, "b");
        check("gone", None, "a");
        check("b", Some("i"), "i");
        let refused = container_of(&pod(""), Some("x"), true).unwrap_err().to_string();
        assert_eq!(refused, "container x is not valid for pod p; it has: i, a, b");
        assert_eq!(described(&pod("")), ["a", "b", "i (init)"]);
    }

    #[test]
    fn selectors_become_queries() {
        let check = |selector: Value, expect: Option<&str>| {
            assert_eq!(selector_of(&json!({"spec": {"selector": selector}})).unwrap().as_deref(), expect);
        };
        check(json!({"matchLabels": {"a": "1", "b": "2"}}), Some("a=1,b=2"));
        check(json!({"app": "web"}), Some("app=web"));
        check(Value::Null, None);
    }
}
