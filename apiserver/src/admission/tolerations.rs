//! Pods stay for five minutes on a node that stops answering, unless they say otherwise.

use super::{Attempt, Plugin, View};
use api::ApiError;
use api::k8s::api::core::v1::{Pod, Toleration};

const TAINTS: &[&str] = &["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];
const SECONDS: i64 = 300;
const EFFECT: &str = "NoExecute";

/// See the module.
pub(super) struct DefaultTolerations;

impl Plugin for DefaultTolerations {
    fn mutate(&self, attempt: &mut Attempt<'_>, _view: &View<'_>) -> Result<(), ApiError> {
        let Some(pod) = attempt.created::<Pod>() else { return Ok(()) };
        let tolerations = pod.spec.get_or_insert_default().tolerations.get_or_insert_default();
        for taint in TAINTS {
            if !tolerations.iter().any(|it| tolerates(it, taint)) {
                tolerations.push(toleration(taint));
            }
        }
        Ok(())
    }
}

fn tolerates(toleration: &Toleration, taint: &str) -> bool {
    let key = toleration.key.as_deref().unwrap_or_default();
    let effect = toleration.effect.as_deref().unwrap_or_default();
    (key == taint || key.is_empty()) && (effect == EFFECT || effect.is_empty())
}

fn toleration(taint: &str) -> Toleration {
    Toleration {
        key: Some(taint.to_owned()),
        operator: Some("Exists".to_owned()),
        effect: Some(EFFECT.to_owned()),
        toleration_seconds: Some(SECONDS),
        ..Toleration::default()
    }
}
