//! A new node takes no pods until it is known to be ready (upstream: "Taint Nodes by Condition", KEP-382). The controller of
//! nodes takes the taint away.

use super::{Attempt, Plugin, View};
use api::ApiError;
use api::k8s::api::core::v1::{Node, Taint};

/// See the module.
pub(super) struct NotReady;

const KEY: &str = "node.kubernetes.io/not-ready";
const EFFECT: &str = "NoSchedule";

impl Plugin for NotReady {
    fn mutate(&self, attempt: &mut Attempt<'_>, _view: &View<'_>) -> Result<(), ApiError> {
        let Some(node) = attempt.created::<Node>() else { return Ok(()) };
        let taints = node.spec.get_or_insert_default().taints.get_or_insert_default();
        if !taints.iter().any(|it| it.key == KEY && it.effect == EFFECT) {
            taints.push(Taint { key: KEY.to_owned(), effect: EFFECT.to_owned(), ..Taint::default() });
        }
        Ok(())
    }
}
