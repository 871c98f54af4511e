use super::*;
use crate::attributes::{Attributes, ResourceTarget};
use crate::rbac::rule::allows;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

fn list(text: &str) -> Option<Vec<String>> {
    (text != "-").then(|| text.split(',').map(str::to_owned).collect())
}

/// `VERBS GROUPS RESOURCES NAMES` or `VERBS PATHS`; `-` is absent and lists are separated by commas.
fn rule(text: &str) -> PolicyRule {
    let parts: Vec<&str> = text.split(' ').collect();
    let verbs = list(parts[0]).unwrap_or_default();
    match parts.as_slice() {
        [_, urls] => PolicyRule { verbs, non_resource_urls: list(urls), ..PolicyRule::default() },
        [_, groups, resources, names] => PolicyRule {
            verbs,
            api_groups: list(groups),
            resources: list(resources),
            resource_names: list(names),
            ..PolicyRule::default()
        },
        _ => panic!("{text}"),
    }
}

#[track_caller]
fn check(owned: &[&str], requested: &str, expect: usize) {
    let owned: Vec<_> = owned.iter().map(|it| rule(it)).collect();
    assert_eq!(missing(&owned, &[rule(requested)]).len(), expect, "{requested}");
}

#[test]
fn rules_are_compared_atom_by_atom() {
    check(&["get apps a,b -"], "get apps a,b -", 0);
    check(&["get apps a -", "list apps a -"], "get,list apps a -", 0);
    check(&["get apps a -"], "get,list apps a,b -", 3);
    check(&["get apps a -", "get batch b -"], "get apps,batch a,b -", 2);
    check(&["* * * -"], "get apps a x", 0);
    check(&["get apps a -"], "* apps a -", 1);
    check(&["get apps a -"], "get * a -", 1);
}

#[test]
fn names_subresources_and_paths() {
    check(&["get apps a x,y"], "get apps a x", 0);
    check(&["get apps a x"], "get apps a x,y", 1);
    check(&["get apps a x"], "get apps a -", 1);
    check(&["get apps */scale -"], "get apps a/scale -", 0);
    check(&["get apps a/scale -"], "get apps */scale -", 1);
    check(&["get apps */scale -"], "get apps * -", 1);
    check(&["get apps a -"], "get apps a/scale -", 1);
    check(&["get /a/*"], "get /a/b,/a/b/*", 0);
    check(&["get /a/b"], "get /a/*", 1);
    check(&["* * * -"], "get /a", 1);
}

#[test]
fn the_refusal_joins_verbs() {
    let user = UserInfo::authenticated("jane", ["dev".to_owned()]);
    let missing = missing(&[], &[rule("get,list apps deployments,replicasets -"), rule("get /x")]);
    assert_eq!(
        refusal(&user, &UserRules::default(), &missing),
        r#"user "jane" (groups=["dev" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:
{APIGroups:["apps"], Resources:["deployments"], Verbs:["get" "list"]}
{APIGroups:["apps"], Resources:["replicasets"], Verbs:["get" "list"]}
{NonResourceURLs:["/x"], Verbs:["get"]}"#
    );
}

fn some_of(words: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    subsequence(words, 0..=words.len()).prop_map(|it| it.into_iter().map(str::to_owned).collect())
}

fn any_rule() -> impl Strategy<Value = PolicyRule> {
    let verbs = some_of(&["get", "list", "*"]);
    let groups = some_of(&["", "apps", "*"]);
    let resources = some_of(&["pods", "pods/log", "*/log", "*"]);
    let names = some_of(&["a", "b"]);
    let urls = some_of(&["/a", "/a/*", "/a/b", "*"]);
    let filled = |list: Vec<String>| Some(list).filter(|it| !it.is_empty());
    (verbs, groups, resources, names, urls).prop_map(move |(verbs, groups, resources, names, urls)| {
        PolicyRule {
            verbs,
            api_groups: filled(groups),
            resources: filled(resources),
            resource_names: filled(names),
            non_resource_urls: filled(urls),
        }
    })
}

fn any_rules() -> impl Strategy<Value = Vec<PolicyRule>> {
    prop::collection::vec(any_rule(), 0..4)
}

/// A request: verb, group, resource, subresource, name; or, with an empty resource, verb and path.
fn any_request() -> impl Strategy<Value = [&'static str; 6]> {
    (
        select(&["get", "list", "drop"][..]),
        select(&["", "apps", "made.up"][..]),
        select(&["pods", "nodes", ""][..]),
        select(&["", "log", "exec"][..]),
        select(&["", "a", "b", "c"][..]),
        select(&["/a", "/a/b", "/a/b/c", "/b"][..]),
    )
        .prop_map(|(verb, group, resource, sub, name, path)| [verb, group, resource, sub, name, path])
}

fn allow(rules: &[PolicyRule], [verb, group, resource, sub, name, path]: [&str; 6]) -> bool {
    let user = UserInfo::anonymous();
    let target = ResourceTarget::of(group, "v1", resource).subresource(sub).named(name);
    let attributes = if resource.is_empty() {
        Attributes::path(&user, verb, path)
    } else {
        Attributes::resource(&user, verb, target)
    };
    rules.iter().any(|it| allows(it, &attributes))
}

proptest! {
    /// The safety property: whoever covers rules may do whatever these allow.
    #[test]
    fn what_is_covered_is_held(owned in any_rules(), requested in any_rules(), request in any_request()) {
        prop_assume!(covers(&owned, &requested));
        prop_assert!(!allow(&requested, request) || allow(&owned, request));
    }

    /// The same without the assumption: what the missing atoms do not allow is held.
    #[test]
    fn what_is_not_missing_is_held(owned in any_rules(), requested in any_rules(), request in any_request()) {
        let missing = missing(&owned, &requested);
        prop_assert!(!allow(&requested, request) || allow(&owned, request) || allow(&missing, request));
    }

    #[test]
    fn everybody_holds_their_own_rules(rules in any_rules(), more in any_rules()) {
        prop_assert!(covers(&rules, &rules));
        prop_assert!(covers(&[rules.clone(), more].concat(), &rules));
        prop_assert!(covers(&everything(), &rules));
    }

    #[test]
    fn granting_what_is_missing_closes_the_gap(owned in any_rules(), requested in any_rules()) {
        let missing = missing(&owned, &requested);
        prop_assert!(covers(&[owned, missing].concat(), &requested));
    }
}
