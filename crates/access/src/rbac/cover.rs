//! Whether rules contain other rules: nobody grants more than they hold.
//!
//! Start at [`missing`]. Both sides are compared after the requested rules are broken down to atoms: one verb on one
//! resource (or one named object, or one path).

use super::UserRules;
use super::rule::{ALL, path_matches, resource_matches, words};
use crate::identity::UserInfo;
use api::k8s::api::rbac::v1::PolicyRule;
use std::collections::BTreeMap;

/// The parts of `requested` that no rule of `owned` contains, as atoms; empty when the owner holds all of them.
pub fn missing(owned: &[PolicyRule], requested: &[PolicyRule]) -> Vec<PolicyRule> {
    requested.iter().flat_map(atoms).filter(|atom| !owned.iter().any(|it| contains(it, atom))).collect()
}

/// Whether the owner holds everything requested.
pub fn covers(owned: &[PolicyRule], requested: &[PolicyRule]) -> bool {
    missing(owned, requested).is_empty()
}

/// The rules of somebody who may do everything.
pub fn everything() -> [PolicyRule; 2] {
    let all = || vec![ALL.to_owned()];
    [
        PolicyRule { verbs: all(), api_groups: Some(all()), resources: Some(all()), ..PolicyRule::default() },
        PolicyRule { verbs: all(), non_resource_urls: Some(all()), ..PolicyRule::default() },
    ]
}

/// Upstream's sentence for a refused grant. `held` are the granter's rules, `missing` what they lack.
pub fn refusal(user: &UserInfo, held: &UserRules, missing: &[PolicyRule]) -> String {
    let mut shown: Vec<String> = compacted(missing).iter().map(describe).collect();
    shown.sort();
    let mut text = format!(
        "user {:?} (groups={}) is attempting to grant RBAC permissions not currently held:\n{}",
        user.name,
        quoted(&user.groups),
        shown.join("\n")
    );
    if !held.errors.is_empty() {
        text.push_str(&format!("; resolution errors: [{}]", held.errors.join(" ")));
    }
    text
}

/// One verb, one group, one resource, at most one name; or one verb and one path.
fn atoms(rule: &PolicyRule) -> Vec<PolicyRule> {
    rule.verbs.iter().flat_map(|verb| resource_atoms(rule, verb).chain(path_atoms(rule, verb))).collect()
}

fn resource_atoms(rule: &PolicyRule, verb: &str) -> impl Iterator<Item = PolicyRule> {
    let one = |it: &String| Some(vec![it.clone()]);
    let names = words(&rule.resource_names);
    let names: Vec<_> = if names.is_empty() { vec![None] } else { names.iter().map(one).collect() };
    let pairs = words(&rule.api_groups)
        .iter()
        .flat_map(|group| words(&rule.resources).iter().map(move |it| (group, it)));
    pairs.flat_map(move |(group, resource)| {
        let atom = PolicyRule {
            verbs: vec![verb.to_owned()],
            api_groups: one(group),
            resources: one(resource),
            ..PolicyRule::default()
        };
        names.clone().into_iter().map(move |resource_names| PolicyRule { resource_names, ..atom.clone() })
    })
}

fn path_atoms(rule: &PolicyRule, verb: &str) -> impl Iterator<Item = PolicyRule> {
    words(&rule.non_resource_urls).iter().map(move |url| PolicyRule {
        verbs: vec![verb.to_owned()],
        non_resource_urls: Some(vec![url.clone()]),
        ..PolicyRule::default()
    })
}

/// Names narrow resources only, as in [`super::rule::allows`].
fn contains(owned: &PolicyRule, atom: &PolicyRule) -> bool {
    let names =
        atom.resources.is_none() || contains_names(words(&owned.resource_names), words(&atom.resource_names));
    names
        && has_all(&owned.verbs, &atom.verbs)
        && has_all(words(&owned.api_groups), words(&atom.api_groups))
        && words(&atom.resources).iter().all(|it| contains_resource(words(&owned.resources), it))
        && words(&atom.non_resource_urls).iter().all(|it| contains_path(words(&owned.non_resource_urls), it))
}

fn has_all(owned: &[String], requested: &[String]) -> bool {
    requested.iter().all(|word| owned.iter().any(|it| it == ALL || it == word))
}

/// A requested `*/scale` is contained only in itself and in `*`.
fn contains_resource(owned: &[String], requested: &str) -> bool {
    let (resource, subresource) = requested.split_once('/').unwrap_or((requested, ""));
    owned.iter().any(|it| it == requested || resource_matches(it, resource, subresource))
}

/// Without names the owner holds every object, and a request without names is for every object.
fn contains_names(owned: &[String], requested: &[String]) -> bool {
    owned.is_empty() || (!requested.is_empty() && requested.iter().all(|it| owned.contains(it)))
}

/// A pattern is contained in a pattern when even its literal text matches, since the rest can only be longer.
fn contains_path(owned: &[String], requested: &str) -> bool {
    owned.iter().any(|it| it == requested || path_matches(it, requested))
}

/// Atoms that differ only in the verb, joined.
fn compacted(atoms: &[PolicyRule]) -> Vec<PolicyRule> {
    let mut joined: BTreeMap<[Option<&[String]>; 4], PolicyRule> = BTreeMap::new();
    for atom in atoms {
        let key = [&atom.api_groups, &atom.resources, &atom.resource_names, &atom.non_resource_urls];
        let rule = joined
            .entry(key.map(Option::as_deref))
            .or_insert_with(|| PolicyRule { verbs: Vec::new(), ..atom.clone() });
        rule.verbs.extend(atom.verbs.iter().cloned());
    }
    joined.into_values().collect()
}

fn describe(rule: &PolicyRule) -> String {
    let parts = [
        ("APIGroups", words(&rule.api_groups)),
        ("Resources", words(&rule.resources)),
        ("NonResourceURLs", words(&rule.non_resource_urls)),
        ("ResourceNames", words(&rule.resource_names)),
        ("Verbs", &rule.verbs),
    ];
    let shown = parts.iter().filter(|(_, list)| !list.is_empty());
    let shown: Vec<String> = shown.map(|(name, list)| format!("{name}:{}", quoted(list))).collect();
    format!("{{{}}}", shown.join(", "))
}

/// Go's `%q` of a list.
fn quoted(list: &[String]) -> String {
    let quoted: Vec<String> = list.iter().map(|it| format!("{it:?}")).collect();
    format!("[{}]", quoted.join(" "))
}

#[cfg(test)]
mod tests;
