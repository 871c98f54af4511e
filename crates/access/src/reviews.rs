//! Access reviews: a question in the API's form becomes [`Attributes`], a [`Decision`] becomes a status.
//!
//! Start at [`answer`]; [`answer_self`] is the same for whoever asks about themselves. The handler brings the
//! authorizer as a closure, so that a review is decided exactly as a request would be.

use crate::attributes::{Attributes, ResourceTarget, Target};
use crate::identity::UserInfo;
use crate::rbac::{Decision, UserRules, rule};
use api::field::{Error, Errors, Path};
use api::k8s::api::authorization::v1::{
    LocalSubjectAccessReview, NonResourceAttributes, NonResourceRule, ResourceAttributes, ResourceRule,
    SelfSubjectAccessReviewSpec, SubjectAccessReviewSpec, SubjectAccessReviewStatus,
    SubjectRulesReviewStatus,
};
use api::k8s::apimachinery::pkg::apis::meta::v1::FieldSelectorRequirement;
use api::selector::{FieldRequirement, FieldSelector};

/// Answers a `SubjectAccessReview`: may the user of the spec do that? Errors are those of an invalid object.
pub fn answer(
    spec: &SubjectAccessReviewSpec,
    authorize: impl FnOnce(&Attributes<'_>) -> Decision,
) -> Result<SubjectAccessReviewStatus, Errors> {
    let user = user_of(spec)?;
    let question = Question::new(spec.resource_attributes.as_ref(), spec.non_resource_attributes.as_ref())?;
    Ok(question.answer(&user, authorize))
}

/// Answers a `SelfSubjectAccessReview`: may the caller do that?
pub fn answer_self(
    user: &UserInfo,
    spec: &SelfSubjectAccessReviewSpec,
    authorize: impl FnOnce(&Attributes<'_>) -> Decision,
) -> Result<SubjectAccessReviewStatus, Errors> {
    let question = Question::new(spec.resource_attributes.as_ref(), spec.non_resource_attributes.as_ref())?;
    Ok(question.answer(user, authorize))
}

/// Answers a `LocalSubjectAccessReview`, which asks about resources of its own namespace only.
pub fn answer_local(
    review: &LocalSubjectAccessReview,
    authorize: impl FnOnce(&Attributes<'_>) -> Decision,
) -> Result<SubjectAccessReviewStatus, Errors> {
    let path = Path::new("spec").child("resourceAttributes").child("namespace");
    let resource = review.spec.resource_attributes.as_ref();
    let asked = resource.and_then(|it| it.namespace.as_deref()).unwrap_or_default();
    if resource.is_some() && asked != review.metadata.namespace.as_deref().unwrap_or_default() {
        return Err(vec![Error::invalid(&path, asked, "must match metadata.namespace")]);
    }
    if review.spec.non_resource_attributes.is_some() {
        let path = Path::new("spec").child("nonResourceAttributes");
        return Err(vec![Error::invalid(&path, "", "disallowed on this kind of request")]);
    }
    answer(&review.spec, authorize)
}

/// The user that a review asks about.
pub fn user_of(spec: &SubjectAccessReviewSpec) -> Result<UserInfo, Errors> {
    let user = UserInfo {
        name: spec.user.clone().unwrap_or_default(),
        uid: spec.uid.clone().unwrap_or_default(),
        groups: spec.groups.clone().unwrap_or_default(),
        extra: spec.extra.clone().unwrap_or_default(),
    };
    if user.name.is_empty() && user.groups.is_empty() {
        let path = Path::new("spec").child("user");
        return Err(vec![Error::invalid(&path, "", "at least one of user or group must be specified")]);
    }
    Ok(user)
}

/// The answer in the API's form.
pub fn status_of(decision: &Decision) -> SubjectAccessReviewStatus {
    let reason = Some(decision.reason().to_owned()).filter(|it| !it.is_empty());
    SubjectAccessReviewStatus {
        allowed: decision.is_allowed(),
        reason,
        ..SubjectAccessReviewStatus::default()
    }
}

/// The answer to a `SelfSubjectRulesReview`. It is incomplete when a role was missing, or when another authorizer
/// than these rules has a say.
pub fn rules_status(rules: &UserRules) -> SubjectRulesReviewStatus {
    SubjectRulesReviewStatus {
        resource_rules: rules.rules.iter().filter_map(resource_rule).collect(),
        non_resource_rules: rules.rules.iter().filter_map(path_rule).collect(),
        incomplete: !rules.errors.is_empty(),
        evaluation_error: (!rules.errors.is_empty()).then(|| rules.errors.join(", ")),
    }
}

fn resource_rule(rule: &api::k8s::api::rbac::v1::PolicyRule) -> Option<ResourceRule> {
    (!rule::words(&rule.resources).is_empty()).then(|| ResourceRule {
        verbs: rule.verbs.clone(),
        api_groups: rule.api_groups.clone(),
        resources: rule.resources.clone(),
        resource_names: rule.resource_names.clone(),
    })
}

fn path_rule(rule: &api::k8s::api::rbac::v1::PolicyRule) -> Option<NonResourceRule> {
    (!rule::words(&rule.non_resource_urls).is_empty()).then(|| NonResourceRule {
        verbs: rule.verbs.clone(),
        non_resource_urls: rule.non_resource_urls.clone(),
    })
}

/// What a review asks; exactly one of the two forms.
enum Question<'a> {
    Resource(&'a ResourceAttributes, Vec<FieldRequirement>),
    Path(&'a NonResourceAttributes),
}

impl<'a> Question<'a> {
    fn new(
        resource: Option<&'a ResourceAttributes>,
        path: Option<&'a NonResourceAttributes>,
    ) -> Result<Self, Errors> {
        let spec = Path::new("spec");
        match (resource, path) {
            (Some(resource), None) => Ok(Self::Resource(resource, fields_of(resource))),
            (None, Some(path)) => Ok(Self::Path(path)),
            (Some(_), Some(_)) => Err(vec![Error::invalid(
                &spec.child("nonResourceAttributes"),
                "",
                "cannot be specified in combination with resourceAttributes",
            )]),
            (None, None) => Err(vec![Error::invalid(
                &spec.child("resourceAttributes"),
                "",
                "exactly one of nonResourceAttributes or resourceAttributes must be specified",
            )]),
        }
    }

    fn answer(
        &self,
        user: &UserInfo,
        authorize: impl FnOnce(&Attributes<'_>) -> Decision,
    ) -> SubjectAccessReviewStatus {
        let (verb, target) = match self {
            Self::Resource(resource, fields) => (text(&resource.verb), target_of(resource, fields)),
            Self::Path(path) => (text(&path.verb), Target::Path(text(&path.path))),
        };
        status_of(&authorize(&Attributes { user, verb, target }))
    }
}

fn target_of<'a>(resource: &'a ResourceAttributes, fields: &'a [FieldRequirement]) -> Target<'a> {
    Target::Resource(ResourceTarget {
        group: text(&resource.group),
        version: text(&resource.version),
        resource: text(&resource.resource),
        subresource: text(&resource.subresource),
        namespace: text(&resource.namespace),
        name: text(&resource.name),
        fields,
    })
}

/// A selector only narrows what is asked for, so what cannot be read asks for more, not for less.
fn fields_of(resource: &ResourceAttributes) -> Vec<FieldRequirement> {
    let Some(selector) = &resource.field_selector else { return Vec::new() };
    let raw = selector.raw_selector.as_deref().and_then(|it| FieldSelector::parse(it).ok());
    let listed = selector.requirements.iter().flatten().filter_map(field_of);
    raw.unwrap_or_default().0.into_iter().chain(listed).collect()
}

fn field_of(it: &FieldSelectorRequirement) -> Option<FieldRequirement> {
    let equal = match it.operator.as_str() {
        "In" => true,
        "NotIn" => false,
        _ => return None,
    };
    let [value] = it.values.as_deref()? else { return None };
    Some(FieldRequirement { field: it.key.clone(), value: value.clone(), equal })
}

fn text(text: &Option<String>) -> &str {
    text.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests;
