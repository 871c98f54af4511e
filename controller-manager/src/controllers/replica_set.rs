//! ReplicaSets: as many pods of one template as asked for. The work is done by [`super::replicas`].

use super::replicas::{Counts, Failure, Replicas, Replicated};
use api::Time;
use api::selector::Selector;
use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetCondition, ReplicaSetStatus};
use k8s_openapi::api::core::v1::PodTemplateSpec;

/// The controller of ReplicaSets.
pub(crate) type ReplicaSetController = Replicas<ReplicaSet>;

impl Replicated for ReplicaSet {
    const CONTROLLER: &'static str = "replicaset-controller";
    type Status = ReplicaSetStatus;

    fn replicas(&self) -> i32 {
        self.spec.replicas.unwrap_or(1)
    }

    fn min_ready_seconds(&self) -> i32 {
        self.spec.min_ready_seconds.unwrap_or(0)
    }

    fn selector(&self) -> Option<Selector> {
        Selector::of(&self.spec.selector).ok().filter(|it| !it.is_empty())
    }

    fn template(&self) -> Option<&PodTemplateSpec> {
        self.spec.template.as_ref()
    }

    fn status(&self) -> Option<&ReplicaSetStatus> {
        self.status.as_ref()
    }

    fn status_of(&self, counts: &Counts, failure: &Failure) -> ReplicaSetStatus {
        let some = |it: i32| (it != 0).then_some(it);
        let old = self.status.as_ref().and_then(|it| it.conditions.clone()).unwrap_or_default();
        let conditions = conditions_of(old, failure);
        ReplicaSetStatus {
            replicas: counts.replicas,
            fully_labeled_replicas: some(counts.fully_labeled),
            ready_replicas: some(counts.ready),
            available_replicas: some(counts.available),
            terminating_replicas: Some(counts.terminating),
            observed_generation: self.metadata.generation,
            conditions: (!conditions.is_empty()).then_some(conditions),
        }
    }
}

fn conditions_of(mut conditions: Vec<ReplicaSetCondition>, failure: &Failure) -> Vec<ReplicaSetCondition> {
    const TYPE: &str = "ReplicaFailure";
    match failure {
        Failure::Clear => conditions.retain(|it| it.type_.as_deref() != Some(TYPE)),
        Failure::Set { reason, message, now }
            if conditions.iter().all(|it| it.type_.as_deref() != Some(TYPE)) =>
        {
            conditions.push(ReplicaSetCondition {
                type_: Some(TYPE.to_owned()),
                status: Some("True".to_owned()),
                reason: Some((*reason).to_owned()),
                message: Some(message.clone()),
                last_transition_time: Some(Time(*now)),
            });
        }
        Failure::Keep | Failure::Set { .. } => {}
    }
    conditions
}
