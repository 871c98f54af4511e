//! Whether a request may go on: the node authorizer, then roles and bindings.

use crate::notes::Notes;
use crate::request::ResourcePath;
use crate::state::State;
use access::{Attributes, Decision, ResourceTarget, UserInfo};
use api::ApiError;
use api::selector::FieldRequirement;

/// Under which keys decisions are noted.
const DECISION: &str = "authorization.k8s.io/decision";
const REASON: &str = "authorization.k8s.io/reason";

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
    notes: &Notes,
) -> Result<(), ApiError> {
    let target = ResourceTarget::of(&path.group, &path.version, &path.resource)
        .subresource(&path.subresource)
        .in_namespace(&path.namespace)
        .named(&path.name)
        .selecting(fields);
    check_noted(state, &Attributes::resource(user, path.verb.name(), target), notes)
}

/// Refuses a request to any other path.
pub(crate) fn check_path(
    state: &State,
    user: &UserInfo,
    method: &str,
    path: &str,
    notes: &Notes,
) -> Result<(), ApiError> {
    check_noted(state, &Attributes::path(user, method, path), notes)
}

/// Refuses what the user has no right to, and notes the decision.
fn check_noted(state: &State, attributes: &Attributes<'_>, notes: &Notes) -> Result<(), ApiError> {
    let decision = decide(state, attributes);
    if state.audit.is_some() {
        notes.annotate(DECISION, if decision.is_allowed() { "allow" } else { "forbid" });
        notes.annotate(REASON, decision.reason());
    }
    if decision.is_allowed() { Ok(()) } else { Err(attributes.forbidden(decision.reason())) }
}

/// Refuses what the user has no right to.
pub(crate) fn check(state: &State, attributes: &Attributes<'_>) -> Result<(), ApiError> {
    let decision = decide(state, attributes);
    if decision.is_allowed() { Ok(()) } else { Err(attributes.forbidden(decision.reason())) }
}
