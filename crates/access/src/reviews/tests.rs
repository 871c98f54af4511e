use super::*;
use api::ObjectMeta;

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn pods(namespace: &str) -> ResourceAttributes {
    ResourceAttributes {
        verb: some("list"),
        resource: some("pods"),
        version: some("v1"),
        namespace: some(namespace),
        ..ResourceAttributes::default()
    }
}

fn spec(user: &str) -> SubjectAccessReviewSpec {
    SubjectAccessReviewSpec {
        user: some(user),
        resource_attributes: Some(pods("shop")),
        ..SubjectAccessReviewSpec::default()
    }
}

/// Allows and gives the question itself as the reason.
fn echo(attributes: &Attributes<'_>) -> Decision {
    Decision::Allow { reason: attributes.refusal("") }
}

#[track_caller]
fn check(answer: Result<SubjectAccessReviewStatus, Errors>, expect: &str) {
    let text = match answer {
        Ok(status) => status.reason.unwrap_or_default(),
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(text, expect);
}

const LISTS_PODS: &str = r#"User "jane" cannot list resource "pods" in API group "" in the namespace "shop""#;

#[test]
fn questions_are_translated() {
    check(answer(&spec("jane"), echo), LISTS_PODS);
    let path = NonResourceAttributes { verb: some("get"), path: some("/metrics") };
    let jane = UserInfo::authenticated("jane", []);
    let asks = SelfSubjectAccessReviewSpec {
        non_resource_attributes: Some(path),
        ..SelfSubjectAccessReviewSpec::default()
    };
    check(answer_self(&jane, &asks, echo), r#"User "jane" cannot get path "/metrics""#);
}

#[test]
fn nonsense_is_refused() {
    let both = SubjectAccessReviewSpec {
        non_resource_attributes: Some(NonResourceAttributes::default()),
        ..spec("jane")
    };
    let neither = SubjectAccessReviewSpec { resource_attributes: None, ..spec("jane") };
    check(
        answer(&both, echo),
        r#"spec.nonResourceAttributes: Invalid value: "": cannot be specified in combination with resourceAttributes"#,
    );
    check(
        answer(&neither, echo),
        r#"spec.resourceAttributes: Invalid value: "": exactly one of nonResourceAttributes or resourceAttributes must be specified"#,
    );
    check(
        answer(&spec(""), echo),
        r#"spec.user: Invalid value: "": at least one of user or group must be specified"#,
    );
}

#[test]
fn a_local_review_stays_at_home() {
    let review = |namespace: &str| LocalSubjectAccessReview {
        metadata: ObjectMeta { namespace: some(namespace), ..ObjectMeta::default() },
        spec: spec("jane"),
        status: None,
    };
    check(answer_local(&review("shop"), echo), LISTS_PODS);
    check(
        answer_local(&review("other"), echo),
        r#"spec.resourceAttributes.namespace: Invalid value: "shop": must match metadata.namespace"#,
    );
}

#[test]
fn field_selectors_come_along() {
    let selector = api::k8s::api::authorization::v1::FieldSelectorAttributes {
        raw_selector: some("spec.nodeName=one"),
        requirements: None,
    };
    let resource = ResourceAttributes { field_selector: Some(selector), ..pods("") };
    let asks = SelfSubjectAccessReviewSpec {
        resource_attributes: Some(resource),
        ..SelfSubjectAccessReviewSpec::default()
    };
    let status = answer_self(&UserInfo::anonymous(), &asks, |attributes| {
        let Target::Resource(target) = attributes.target else { return echo(attributes) };
        Decision::Allow { reason: target.selected("spec.nodeName").unwrap_or_default().to_owned() }
    });
    check(status, "one");
}

#[test]
fn decisions_become_statuses() {
    let no = status_of(&Decision::NoOpinion { reason: String::new() });
    assert_eq!((no.allowed, no.denied, no.reason), (false, None, None));
}

#[test]
fn rules_are_split_by_what_they_are_about() {
    let rules =
        UserRules { rules: crate::rbac::cover::everything().to_vec(), errors: vec!["gone".to_owned()] };
    let status = rules_status(&rules);
    assert_eq!((status.resource_rules.len(), status.non_resource_rules.len()), (1, 1));
    assert_eq!((status.incomplete, status.evaluation_error.as_deref()), (true, Some("gone")));
}
