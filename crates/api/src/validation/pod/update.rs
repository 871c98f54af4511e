//! What of a pod may change after its creation: images, a shorter deadline, more tolerations, and little else.

use crate::field::{Error, Errors, Path};
use k8s_openapi::api::core::v1::{Container, EphemeralContainer, Pod, PodSpec, Toleration};

const UPDATABLE: &str = "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// What is wrong with a change of a pod.
pub fn validate(new: &Pod, old: &Pod) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("spec"));
    let (Some(new), Some(old)) = (&new.spec, &old.spec) else { return errors };
    if new == old {
        return errors;
    }
    let counts = |it: &Option<Vec<Container>>| it.as_ref().map_or(0, Vec::len);
    for (name, same) in [
        ("containers", new.containers.len() == old.containers.len()),
        ("initContainers", counts(&new.init_containers) == counts(&old.init_containers)),
    ] {
        if !same {
            let detail = format!("pod updates may not add or remove {}", spoken(name));
            errors.push(Error::forbidden(&path.child(name), detail));
        }
    }
    if !errors.is_empty() {
        return errors;
    }
    deadline(&mut errors, &path.child("activeDeadlineSeconds"), new, old);
    added_tolerations(&mut errors, &path.child("tolerations"), new, old);
    gates(&mut errors, &path.child("schedulingGates"), new, old);
    if munged(new, old) != *old {
        let changed = changed_fields(&munged(new, old), old).join(", ");
        let detail = format!("pod updates may not change fields other than {UPDATABLE}\nchanged: {changed}");
        errors.push(Error::forbidden(&path, detail));
    }
    errors
}

/// What is wrong with a change by the subresource `ephemeralcontainers`: containers may be added, nothing else.
pub fn validate_ephemeral_containers(new: &Pod, old: &Pod) -> Errors {
    let list = |pod: &Pod| -> Vec<EphemeralContainer> {
        pod.spec.as_ref().and_then(|it| it.ephemeral_containers.clone()).unwrap_or_default()
    };
    let (new, path, mut errors) = (list(new), Path::new("spec").child("ephemeralContainers"), Errors::new());
    for old in list(old) {
        match new.iter().find(|it| it.name == old.name) {
            None => {
                let detail = format!("existing ephemeral containers {:?} may not be removed\n", old.name);
                errors.push(Error::forbidden(&path, detail));
            }
            Some(it) if *it != old => {
                let detail = format!("existing ephemeral containers {:?} may not be changed\n", old.name);
                errors.push(Error::forbidden(&path, detail));
            }
            Some(_) => {}
        }
    }
    errors
}

fn spoken(field: &str) -> &str {
    if field == "containers" { "containers" } else { "init containers" }
}

fn deadline(errors: &mut Errors, path: &Path, new: &PodSpec, old: &PodSpec) {
    match (new.active_deadline_seconds, old.active_deadline_seconds) {
        (None, Some(_)) => {
            let value = serde_json::Value::Null;
            errors.push(Error::invalid(path, value, "must not update from a positive integer to nil value"));
        }
        (Some(new), Some(old)) if new > old => {
            errors.push(Error::invalid(path, new, "must be less than or equal to previous value"));
        }
        _ => {}
    }
}

fn added_tolerations(errors: &mut Errors, path: &Path, new: &PodSpec, old: &PodSpec) {
    let kept = |old: &Toleration| {
        let same = |it: &&Toleration| {
            Toleration { toleration_seconds: None, ..(*it).clone() }
                == Toleration { toleration_seconds: None, ..old.clone() }
        };
        new.tolerations.iter().flatten().any(|it| same(&it))
    };
    if !old.tolerations.iter().flatten().all(kept) {
        let detail = "existing toleration can not be modified except its tolerationSeconds";
        errors.push(Error::forbidden(path, detail));
    }
}

fn gates(errors: &mut Errors, path: &Path, new: &PodSpec, old: &PodSpec) {
    let before = old.scheduling_gates.as_deref().unwrap_or_default();
    for gate in new.scheduling_gates.iter().flatten().filter(|it| !before.contains(it)) {
        let detail = format!("only deletion is allowed, but found new scheduling gate '{}'", gate.name);
        errors.push(Error::forbidden(path, detail));
    }
}

/// The new spec with everything that may change as it was before.
fn munged(new: &PodSpec, old: &PodSpec) -> PodSpec {
    let mut spec = new.clone();
    let images = |new: &mut [Container], old: &[Container]| {
        for (new, old) in new.iter_mut().zip(old) {
            new.image.clone_from(&old.image);
        }
    };
    images(&mut spec.containers, &old.containers);
    if let (Some(new), Some(old)) = (&mut spec.init_containers, &old.init_containers) {
        images(new, old);
    }
    spec.active_deadline_seconds = old.active_deadline_seconds;
    spec.tolerations.clone_from(&old.tolerations);
    spec.ephemeral_containers.clone_from(&old.ephemeral_containers);
    // Fields that upstream keeps for old clients.
    spec.service_account.clone_from(&old.service_account);
    if old.termination_grace_period_seconds.is_some_and(|it| it < 0)
        && new.termination_grace_period_seconds == Some(1)
    {
        spec.termination_grace_period_seconds = old.termination_grace_period_seconds;
    }
    if old.scheduling_gates.as_ref().is_some_and(|it| !it.is_empty()) {
        spec.scheduling_gates.clone_from(&old.scheduling_gates);
        if extends(new.node_selector.as_ref(), old.node_selector.as_ref()) {
            spec.node_selector.clone_from(&old.node_selector);
        }
        if old.affinity.is_none() {
            spec.affinity.clone_from(&old.affinity);
        }
    }
    spec
}

type Labels = std::collections::BTreeMap<String, String>;

/// A pod that is still gated may become choosier about its node.
fn extends(new: Option<&Labels>, old: Option<&Labels>) -> bool {
    old.into_iter().flatten().all(|(key, value)| new.is_some_and(|it| it.get(key) == Some(value)))
}

/// Names of the top-level fields that differ.
fn changed_fields(new: &PodSpec, old: &PodSpec) -> Vec<String> {
    let (new, old) = (crate::validation::common::shown(new), crate::validation::common::shown(old));
    let (Some(new), Some(old)) = (new.as_object(), old.as_object()) else { return Vec::new() };
    let mut names: Vec<String> =
        new.keys().chain(old.keys()).filter(|it| new.get(*it) != old.get(*it)).cloned().collect();
    names.sort();
    names.dedup();
    names
}
