//! A pod's priority class becomes a number. Only one class is the default.

use super::{Attempt, Plugin, View};
use api::ApiError;
use api::k8s::api::core::v1::Pod;
use api::k8s::api::scheduling::v1::PriorityClass;
use api::meta;

/// See the module.
pub(super) struct Priority;

impl Plugin for Priority {
    fn mutate(&self, attempt: &mut Attempt<'_>, view: &View<'_>) -> Result<(), ApiError> {
        let Some(pod) = attempt.created::<Pod>() else { return Ok(()) };
        let spec = pod.spec.get_or_insert_default();
        let class = match spec.priority_class_name.clone().filter(|it| !it.is_empty()) {
            None => default_class(view)?,
            Some(name) => match view.object::<PriorityClass>("", &name)? {
                Some(class) => class.get::<PriorityClass>().cloned(),
                None => {
                    return Err(attempt.forbidden(&format!("no PriorityClass with name {name} was found")));
                }
            },
        };
        let value = class.as_ref().and_then(|it| it.value).unwrap_or(0);
        if let Some(own) = spec.priority.filter(|it| *it != value) {
            let why = format!(
                "the integer value of priority ({own}) must not be provided in pod spec; priority admission controller \
                 computed {value} from the given PriorityClass name"
            );
            return Err(attempt.forbidden(&why));
        }
        spec.priority = Some(value);
        let policy = class.as_ref().and_then(|it| it.preemption_policy.clone());
        let policy = policy.unwrap_or_else(|| "PreemptLowerPriority".to_owned());
        if let Some(own) = spec.preemption_policy.clone().filter(|it| *it != policy) {
            let why = format!(
                "the string value of PreemptionPolicy ({own}) must not be provided in pod spec; priority admission \
                 controller computed {policy} from the given PriorityClass name"
            );
            return Err(attempt.forbidden(&why));
        }
        spec.preemption_policy = Some(policy);
        if let Some(class) = class {
            spec.priority_class_name = Some(meta::name(&class.metadata).to_owned());
        }
        Ok(())
    }

    fn validate(&self, attempt: &Attempt<'_>, view: &View<'_>) -> Result<(), ApiError> {
        let class = attempt.object.as_ref().and_then(|it| it.get::<PriorityClass>());
        if class.is_none_or(|it| it.global_default != Some(true)) {
            return Ok(());
        }
        let other = default_class(view)?.map(|it| meta::name(&it.metadata).to_owned());
        match other.filter(|it| *it != attempt.key.name) {
            None => Ok(()),
            Some(other) => Err(attempt.forbidden(&format!(
                "PriorityClass {other} is already marked as default. Only one default can exist"
            ))),
        }
    }
}

/// The class of pods that name none: of several defaults the one that ranks lowest.
fn default_class(view: &View<'_>) -> Result<Option<PriorityClass>, ApiError> {
    let classes = view.all::<PriorityClass>()?;
    let classes = classes.iter().filter_map(|it| it.get::<PriorityClass>());
    Ok(classes.filter(|it| it.global_default == Some(true)).min_by_key(|it| it.value).cloned())
}
