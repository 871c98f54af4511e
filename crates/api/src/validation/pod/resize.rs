//! What is wrong with a resize of a pod, the subresource `resize` (KEP-1287): its containers may get more or less cpu and
//! memory, as long as the pod keeps its quality of service.

use crate::field::{Error, Errors, Path};
use crate::pod::{is_sidecar, qos_class};
use k8s_openapi::api::core::v1::{Container, Pod, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::BTreeMap;

type Quantities = BTreeMap<String, Quantity>;

/// What is wrong with a resize. The pods have the same containers in the same order, which differ in resources only.
pub fn validate_resize(new: &Pod, old: &Pod) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("spec"));
    let (Some(new), Some(spec)) = (&new.spec, &old.spec) else { return errors };
    if spec.os.as_ref().is_some_and(|it| it.name == "windows") {
        return vec![Error::forbidden(&Path::new("[]"), "windows pods cannot be resized")];
    }
    let own = old.status.as_ref().and_then(|it| it.qos_class.as_deref()).filter(|it| !it.is_empty());
    let before = own.unwrap_or_else(|| qos_class(spec));
    if qos_class(new) != before {
        let detail = "Pod QOS Class may not change as a result of resizing";
        errors.push(Error::invalid(&path, before, detail));
    }
    let init = (new.init_containers.iter().flatten()).zip(spec.init_containers.iter().flatten());
    for (index, (new, old)) in init.enumerate() {
        if is_sidecar(old) {
            let detail = "only cpu and memory resources for sidecar containers are mutable";
            resized(&mut errors, &path, "initContainers", index, (new, old), detail);
        } else if new.resources != old.resources {
            let detail = "resources for non-sidecar init containers are immutable";
            errors.push(Error::forbidden(&path, detail));
        }
    }
    for (index, pair) in new.containers.iter().zip(&spec.containers).enumerate() {
        let detail = "only cpu and memory resources are mutable";
        resized(&mut errors, &path, "containers", index, pair, detail);
    }
    errors
}

fn resized(
    errors: &mut Errors,
    path: &Path,
    list: &str,
    index: usize,
    (new, old): (&Container, &Container),
    immutable: &str,
) {
    let none = ResourceRequirements::default();
    let (new, old) = (new.resources.as_ref().unwrap_or(&none), old.resources.as_ref().unwrap_or(&none));
    let below = path.child(list).index(index).child("resources");
    for (name, new, old) in [("requests", &new.requests, &old.requests), ("limits", &new.limits, &old.limits)]
    {
        let kept = |it: &String| new.as_ref().is_some_and(|new| new.contains_key(it));
        if !old.iter().flat_map(BTreeMap::keys).all(kept) {
            let detail = format!("resource {name} cannot be removed");
            errors.push(Error::forbidden(&below.child(name), detail));
        }
    }
    let others = |it: &ResourceRequirements| (rest(it.requests.as_ref()), rest(it.limits.as_ref()));
    if others(new) != others(old) || new.claims != old.claims {
        errors.push(Error::forbidden(path, immutable));
    }
}

/// What may not be resized.
fn rest(list: Option<&Quantities>) -> Quantities {
    let fixed = |it: &(&String, &Quantity)| !matches!(it.0.as_str(), "cpu" | "memory");
    let fixed = list.into_iter().flatten().filter(fixed);
    fixed.map(|(name, quantity)| (name.clone(), quantity.clone())).collect()
}
