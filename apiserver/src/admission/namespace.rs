//! Namespace life cycle: objects need a namespace that is there and stays, and some namespaces always stay.

use super::{Attempt, Operation, Plugin, View};
use api::k8s::api::core::v1::Namespace;
use api::{ApiError, Resource};

/// Namespaces that nobody may delete.
const IMMORTAL: &[&str] = &["default", "kube-system", "kube-public"];

/// See the module.
pub(super) struct NamespaceLifecycle;

impl Plugin for NamespaceLifecycle {
    fn mutate(&self, attempt: &mut Attempt<'_>, view: &View<'_>) -> Result<(), ApiError> {
        if attempt.operation != Operation::Create || attempt.key.namespace.is_empty() {
            return Ok(());
        }
        let name = &attempt.key.namespace;
        let Some(namespace) = view.entry::<Namespace>("", name) else {
            return Err(ApiError::not_found(Namespace::KIND.row(), name));
        };
        if namespace.field("status.phase") == Some("Terminating") {
            let why =
                format!("unable to create new content in namespace {name} because it is being terminated");
            let field = "metadata.namespace";
            let message = format!("namespace {name} is being terminated");
            return Err(attempt.forbidden(&why).with_cause("NamespaceTerminating", field, &message));
        }
        Ok(())
    }

    fn validate(&self, attempt: &Attempt<'_>, _view: &View<'_>) -> Result<(), ApiError> {
        let deletes = attempt.operation == Operation::Delete && attempt.kind == Namespace::KIND;
        if deletes && IMMORTAL.contains(&attempt.key.name.as_str()) {
            return Err(attempt.forbidden("this namespace may not be deleted"));
        }
        Ok(())
    }
}
