//! Reviews: questions that are answered and forgotten, about rights and about who somebody is.

use crate::admission::{Operation, Options};
use crate::authn;
use crate::authz;
use crate::handlers::{Call, pods};
use crate::options::WriteOptions;
use crate::respond::{self, Answer};
use crate::state::State;
use crate::webhooks::{self, subject::Facts};
use access::reviews;
use api::field::Errors;
use api::k8s::api::authentication::v1::{SelfSubjectReview, SelfSubjectReviewStatus, TokenReview};
use api::k8s::api::authorization::v1::{
    LocalSubjectAccessReview, SelfSubjectAccessReview, SelfSubjectRulesReview, SubjectAccessReview,
};
use api::k8s::api::core::v1::Binding;
use api::{ApiError, Object, Resource};
use http::StatusCode;

/// POST of a kind that is answered and forgotten.
pub(crate) async fn create(state: &State, call: &mut Call) -> Answer {
    if call.kind == Binding::KIND {
        return pods::bind(state, call).await;
    }
    let form = call.form()?;
    let options = WriteOptions::of(call.path.verb, &call.query)?;
    let mut object = call.object(options.validation).await?;
    crate::metadata::check_new(&call.key.namespace, call.kind.row(), object.meta_mut())?;
    state.caches.fresh().await;
    if !webhooks::are_idle(state) {
        object = admit(state, call, &object, options.dry_run).await?;
    }
    check(&object)?;
    let row = call.kind.row();
    answer(state, call, &mut object).map_err(|errors| ApiError::invalid(row, "", &errors))?;
    respond::json(StatusCode::CREATED, form, object.to_json().into())
}

/// The question as webhooks leave it. Policies never see questions.
async fn admit(state: &State, call: &mut Call, object: &Object, dry_run: bool) -> Result<Object, ApiError> {
    let facts = Facts {
        operation: Operation::Create,
        resource: call.kind,
        subresource: "",
        namespace: &call.key.namespace,
        name: object.meta().name.as_deref().unwrap_or_default(),
        user: &call.user,
        options: Options::Write { dry_run, manager: &call.manager },
        sent: None,
    };
    let body = webhooks::posted(state, facts, object.to_value(), &call.notes).await?;
    call.kind.decode_value(body).map_err(ApiError::internal)
}

/// Questions that ask nothing.
fn check(object: &Object) -> Result<(), ApiError> {
    let rules = object.get::<SelfSubjectRulesReview>();
    if rules.is_some_and(|it| it.spec.namespace.as_deref().unwrap_or_default().is_empty()) {
        return Err(ApiError::bad_request("no namespace on request"));
    }
    if object.get::<TokenReview>().is_some_and(|it| it.spec.token.is_empty()) {
        return Err(ApiError::bad_request("token is required for TokenReview in authentication"));
    }
    Ok(())
}

fn answer(state: &State, call: &Call, object: &mut Object) -> Result<(), Errors> {
    let authorize = |attributes: &access::Attributes<'_>| authz::decide(state, attributes);
    if let Some(review) = object.get_mut::<SubjectAccessReview>() {
        review.status = Some(reviews::answer(&review.spec, authorize)?);
    } else if let Some(review) = object.get_mut::<LocalSubjectAccessReview>() {
        review.status = Some(reviews::answer_local(review, authorize)?);
    } else if let Some(review) = object.get_mut::<SelfSubjectAccessReview>() {
        review.status = Some(reviews::answer_self(&call.user, &review.spec, authorize)?);
    } else if let Some(review) = object.get_mut::<SelfSubjectRulesReview>() {
        let namespace = review.spec.namespace.clone().unwrap_or_default();
        review.status = Some(reviews::rules_status(&state.rights.roles().rules_for(&call.user, &namespace)));
    } else if let Some(review) = object.get_mut::<SelfSubjectReview>() {
        review.metadata.creation_timestamp = Some(api::Time(crate::metadata::whole_seconds(state.now())));
        review.status = Some(SelfSubjectReviewStatus { user_info: Some(call.user.to_wire()) });
    } else if let Some(review) = object.get_mut::<TokenReview>() {
        review.status = Some(authn::review(state, &review.spec));
    }
    Ok(())
}
