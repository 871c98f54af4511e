//! The schemas of custom resource definitions: what the vocabulary of the API cannot judge.

use super::{Attempt, Plugin, View};
use api::ApiError;
use api::k8s::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

/// See the module.
pub(super) struct Definitions;

impl Plugin for Definitions {
    fn validate(&self, attempt: &Attempt<'_>, _view: &View<'_>) -> Result<(), ApiError> {
        let new = attempt.object.as_ref().and_then(|it| it.get::<CustomResourceDefinition>());
        let Some(new) = new else { return Ok(()) };
        let old = attempt.old.and_then(|it| it.get::<CustomResourceDefinition>());
        // What was let in once stays; only a change is judged.
        if old.is_some_and(|old| old.spec == new.spec) {
            return Ok(());
        }
        let errors = structural::check(new);
        if errors.is_empty() {
            return Ok(());
        }
        Err(ApiError::invalid(attempt.kind.row(), &attempt.key.name, &errors))
    }
}
