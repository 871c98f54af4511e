//! ReplicationControllers, the elders of ReplicaSets. The work is done by [`super::replicas`].

use super::replicas::{Counts, Failure, Replicas, Replicated};
use api::Time;
use api::selector::{Requirement, Selector, Test};
use k8s_openapi::api::core::v1::{
    PodTemplateSpec, ReplicationController, ReplicationControllerCondition, ReplicationControllerStatus,
};

/// The controller of ReplicationControllers.
pub(crate) type ReplicationControllerController = Replicas<ReplicationController>;

impl Replicated for ReplicationController {
    const CONTROLLER: &'static str = "replicationcontroller-controller";
    type Status = ReplicationControllerStatus;

    fn replicas(&self) -> i32 {
        self.spec.as_ref().and_then(|it| it.replicas).unwrap_or(1)
    }

    fn min_ready_seconds(&self) -> i32 {
        self.spec.as_ref().and_then(|it| it.min_ready_seconds).unwrap_or(0)
    }

    fn selector(&self) -> Option<Selector> {
        let labels = self.spec.as_ref()?.selector.iter().flatten();
        let all: Vec<Requirement> = labels
            .map(|(key, value)| Requirement { key: key.clone(), test: Test::In(vec![value.clone()]) })
            .collect();
        (!all.is_empty()).then_some(Selector(all))
    }

    fn template(&self) -> Option<&PodTemplateSpec> {
        self.spec.as_ref()?.template.as_ref()
    }

    fn status(&self) -> Option<&ReplicationControllerStatus> {
        self.status.as_ref()
    }

    fn status_of(&self, counts: &Counts, failure: &Failure) -> ReplicationControllerStatus {
        let some = |it: i32| (it != 0).then_some(it);
        let old = self.status.as_ref().and_then(|it| it.conditions.clone()).unwrap_or_default();
        let conditions = conditions_of(old, failure);
        ReplicationControllerStatus {
            replicas: counts.replicas,
            fully_labeled_replicas: some(counts.fully_labeled),
            ready_replicas: some(counts.ready),
            available_replicas: some(counts.available),
            observed_generation: self.metadata.generation,
            conditions: (!conditions.is_empty()).then_some(conditions),
        }
    }
}

fn conditions_of(
    mut conditions: Vec<ReplicationControllerCondition>,
    failure: &Failure,
) -> Vec<ReplicationControllerCondition> {
    const TYPE: &str = "ReplicaFailure";
    match failure {
        Failure::Clear => conditions.retain(|it| it.type_ != TYPE),
        Failure::Set { reason, message, now } if conditions.iter().all(|it| it.type_ != TYPE) => {
            conditions.push(ReplicationControllerCondition {
                type_: TYPE.to_owned(),
                status: "True".to_owned(),
                reason: Some((*reason).to_owned()),
                message: Some(message.clone()),
                last_transition_time: Some(Time(*now)),
            });
        }
        Failure::Keep | Failure::Set { .. } => {}
    }
    conditions
}
