use super::*;
use crate::admission::Options;
use access::UserInfo;
use api::Subresource;
use api::k8s::api::{apps, core, events};
use serde_json::json;

const NOBODY: Options<'static> = Options::None;

fn facts<'a>(
    user: &'a UserInfo,
    operation: Operation,
    resource: Kind,
    place: (&'a str, &'a str),
) -> Facts<'a> {
    let (namespace, subresource) = place;
    Facts { operation, resource, subresource, namespace, name: "n", user, options: NOBODY, sent: None }
}

fn rule(text: &str) -> NamedRuleWithOperations {
    let mut parts =
        text.split_whitespace().map(|it| Some(it.split(',').map(str::to_owned).collect::<Vec<_>>()));
    let group =
        |it: Option<Vec<String>>| it.map(|it| it.into_iter().map(|it| it.replace("core", "")).collect());
    NamedRuleWithOperations {
        api_groups: group(parts.next().flatten()),
        api_versions: parts.next().flatten(),
        resources: parts.next().flatten(),
        operations: parts.next().flatten(),
        scope: parts.next().flatten().and_then(|it| it.into_iter().next()),
        resource_names: parts.next().flatten(),
    }
}

fn criteria(rules: &[&str], excluded: &[&str]) -> Criteria {
    Criteria::of_resources(&MatchResources {
        resource_rules: Some(rules.iter().map(|it| rule(it)).collect()),
        exclude_resource_rules: Some(excluded.iter().map(|it| rule(it)).collect()),
        ..MatchResources::default()
    })
}

#[track_caller]
fn check(rules: &[&str], facts: &Facts<'_>, expect: bool) {
    assert_eq!(criteria(rules, &[]).rule_for(facts, &[]).is_some(), expect, "{rules:?}");
}

#[test]
fn rules_name_requests() {
    let user = UserInfo::anonymous();
    let pod = facts(&user, Operation::Create, core::v1::Pod::KIND, ("ns", ""));
    check(&["core v1 pods CREATE"], &pod, true);
    check(&["* * * *"], &pod, true);
    check(&["* * */* *"], &pod, true);
    check(&["apps v1 pods CREATE", "core v1 pods CREATE"], &pod, true);
    check(&["apps v1 pods CREATE"], &pod, false);
    check(&["core v2 pods CREATE"], &pod, false);
    check(&["core v1 pods UPDATE,DELETE"], &pod, false);
    check(&["core v1 pods/status,services CREATE"], &pod, false);
    check(&["core v1 pods CREATE Namespaced"], &pod, true);
    check(&["core v1 pods CREATE Cluster"], &pod, false);
    check(&["core v1 pods CREATE * m,n"], &pod, true);
    check(&["core v1 pods CREATE * m"], &pod, false);
}

#[test]
fn subresources_have_to_be_named() {
    let user = UserInfo::anonymous();
    let name = Subresource::Status.name();
    let status = facts(&user, Operation::Update, core::v1::Pod::KIND, ("ns", name));
    check(&["core v1 pods UPDATE"], &status, false);
    check(&["core v1 * UPDATE"], &status, false);
    check(&["core v1 pods/status UPDATE"], &status, true);
    check(&["core v1 */status UPDATE"], &status, true);
    check(&["core v1 pods/* UPDATE"], &status, true);
    check(&["core v1 */* UPDATE"], &status, true);
}

#[test]
fn namespaces_belong_to_the_cluster() {
    let user = UserInfo::anonymous();
    let namespace = facts(&user, Operation::Update, core::v1::Namespace::KIND, ("n", ""));
    check(&["core v1 namespaces UPDATE Cluster"], &namespace, true);
    check(&["core v1 namespaces UPDATE Namespaced"], &namespace, false);
}

#[test]
fn other_versions_of_a_resource_are_as_good_unless_exact_ones_are_wanted() {
    let user = UserInfo::anonymous();
    let (own, other) = (core::v1::Event::KIND, events::v1::Event::KIND);
    let event = facts(&user, Operation::Create, own, ("ns", ""));
    let mut criteria = criteria(&["events.k8s.io v1 events CREATE"], &[]);
    assert_eq!(criteria.rule_for(&event, &[other]), Some(other));
    criteria.equivalent = false;
    assert_eq!(criteria.rule_for(&event, &[other]), None);
}

#[test]
fn exclusions_outweigh_rules_and_no_rules_mean_everything() {
    let user = UserInfo::anonymous();
    let set = facts(&user, Operation::Create, apps::v1::ReplicaSet::KIND, ("ns", ""));
    assert!(criteria(&["* * * *"], &["apps v1 replicasets *"]).rule_for(&set, &[]).is_none());
    assert!(criteria(&["* * * *"], &["apps v1 deployments *"]).rule_for(&set, &[]).is_some());
    assert!(criteria(&[], &[]).rule_for(&set, &[]).is_some());
}

#[test]
fn objects_are_selected_by_what_they_are_or_were() {
    let labels = json!({ "matchLabels": { "a": "b" } });
    let selector: LabelSelector = serde_json::from_value(labels).unwrap();
    let criteria = Criteria::of_webhook(&[], None, None, Some(&selector));
    assert!(criteria.selects_object(&json!({ "metadata": { "labels": { "a": "b" } } })));
    assert!(!criteria.selects_object(&json!({ "metadata": {} })));
    assert!(!criteria.selects_object(&json!({ "stdin": true })));
}
