//! What is wrong with disruption budgets.

use crate::field::{Error, Errors, Path};
use crate::validation::common::{at_most_all, int_or_percent, label_selector, optional_one_of, shown};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;

/// What is wrong with a PodDisruptionBudget.
pub fn disruption_budget(budget: &PodDisruptionBudget) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("spec"));
    let spec = budget.spec.clone().unwrap_or_default();
    if spec.min_available.is_some() && spec.max_unavailable.is_some() {
        let detail = "minAvailable and maxUnavailable cannot be both set";
        errors.push(Error::invalid(&path, shown(&spec), detail));
    }
    for (name, value) in [("minAvailable", &spec.min_available), ("maxUnavailable", &spec.max_unavailable)] {
        if let Some(value) = value {
            int_or_percent(&mut errors, &path.child(name), value);
            at_most_all(&mut errors, &path.child(name), value);
        }
    }
    if let Some(selector) = &spec.selector {
        label_selector(&mut errors, &path.child("selector"), selector);
    }
    let policy = spec.unhealthy_pod_eviction_policy.as_deref();
    let known = ["AlwaysAllow", "IfHealthyBudget"];
    optional_one_of(&mut errors, &path.child("unhealthyPodEvictionPolicy"), policy, &known);
    errors
}
