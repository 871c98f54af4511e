//! Whether a request may go on: the node authorizer, then roles and bindings.

use crate::request::ResourcePath;
use crate::state::State;
use access::{Attributes, Decision, ResourceTarget, UserInfo};
use api::ApiError;
use api::selector::FieldRequirement;

/// Decides a question, of a request or of a review.
pub(crate) fn decide(state: &State, attributes: &Attributes<'_>) -> Decision {
    state.rights.decide(attributes)
}

/// Refuses a request to a resource that the user has no right to.
pub(crate) fn check_resource(
    state: &State,
    user: &UserInfo,
    path: &ResourcePath,
    fields: &[FieldRequirement],
) -> Result<(), ApiError> {
    let target = ResourceTarget::of(&path.group, &path.version, &path.resource)
        .subresource(&path.subresource)
        .in_namespace(&path.namespace)
        .named(&path.name)
        .selecting(fields);
    check(state, &Attributes::resource(user, path.verb.name(), target))
}

/// Refuses a request to any other path.
pub(crate) fn check_path(state: &State, user: &UserInfo, method: &str, path: &str) -> Result<(), ApiError> {
    check(state, &Attributes::path(user, method, path))
}

/// Refuses what the user has no right to.
pub(crate) fn check(state: &State, attributes: &Attributes<'_>) -> Result<(), ApiError> {
    let decision = decide(state, attributes);
    if decision.is_allowed() { Ok(()) } else { Err(attributes.forbidden(decision.reason())) }
}
