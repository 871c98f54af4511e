//! Whether one rule allows one request.

use crate::attributes::{Attributes, ResourceTarget, Target};
use api::k8s::api::rbac::v1::PolicyRule;

/// Matches everything, in verbs, groups, resources and paths.
pub(crate) const ALL: &str = "*";

/// Whether the rule allows the request.
pub fn allows(rule: &PolicyRule, attributes: &Attributes<'_>) -> bool {
    has(&rule.verbs, attributes.verb)
        && match &attributes.target {
            Target::Resource(target) => allows_resource(rule, target),
            Target::Path(path) => words(&rule.non_resource_urls).iter().any(|it| path_matches(it, path)),
        }
}

fn allows_resource(rule: &PolicyRule, target: &ResourceTarget<'_>) -> bool {
    has(words(&rule.api_groups), target.group)
        && words(&rule.resources).iter().any(|it| resource_matches(it, target.resource, target.subresource))
        && name_matches(words(&rule.resource_names), target.name)
}

/// Whether the list holds the word or the wildcard.
fn has(list: &[String], word: &str) -> bool {
    list.iter().any(|it| it == ALL || it == word)
}

/// `*` is every resource with every subresource, `*/scale` that subresource of every resource, `pods/log` that of
/// one; `pods` alone is no subresource.
pub(crate) fn resource_matches(pattern: &str, resource: &str, subresource: &str) -> bool {
    if pattern == ALL {
        return true;
    }
    match pattern.split_once('/') {
        Some((parent, child)) => {
            !subresource.is_empty() && child == subresource && (parent == ALL || parent == resource)
        }
        None => subresource.is_empty() && pattern == resource,
    }
}

/// Without names every object is meant. A request without a name is about no object in particular, so a rule with
/// names does not allow it.
fn name_matches(names: &[String], name: &str) -> bool {
    names.is_empty() || names.iter().any(|it| it == name)
}

/// A trailing `*` stands for any rest, slashes included.
pub(crate) fn path_matches(pattern: &str, path: &str) -> bool {
    if pattern.ends_with(ALL) { path.starts_with(pattern.trim_end_matches('*')) } else { pattern == path }
}

/// A list that may be absent.
pub(crate) fn words(list: &Option<Vec<String>>) -> &[String] {
    list.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::UserInfo;

    fn list(text: &str) -> Option<Vec<String>> {
        (text != "-").then(|| text.split(' ').map(str::to_owned).collect())
    }

    /// `VERBS|GROUPS|RESOURCES|NAMES`, where `-` is absent.
    fn rule(text: &str) -> PolicyRule {
        let parts: Vec<&str> = text.split('|').collect();
        PolicyRule {
            verbs: list(parts[0]).unwrap_or_default(),
            api_groups: list(parts[1]),
            resources: list(parts[2]),
            resource_names: list(parts[3]),
            non_resource_urls: None,
        }
    }

    /// `VERB GROUP RESOURCE[/SUB] NAME`, where `-` is empty.
    fn check(text: &str, request: &str, expect: bool) {
        let user = UserInfo::anonymous();
        let parts: Vec<&str> = request.split(' ').map(|it| it.trim_matches('-')).collect();
        let (resource, sub) = parts[2].split_once('/').unwrap_or((parts[2], ""));
        let target = ResourceTarget::of(parts[1], "v1", resource).subresource(sub).named(parts[3]);
        let attributes = Attributes::resource(&user, parts[0], target);
        assert_eq!(allows(&rule(text), &attributes), expect, "{text} {request}");
    }

    #[test]
    fn verbs_and_groups() {
        check("get list||pods|-", "get - pods a", true);
        check("get list||pods|-", "watch - pods -", false);
        check("*||pods|-", "anything - pods a", true);
        check("get|apps|pods|-", "get - pods a", false);
        check("get| apps|pods|-", "get apps pods a", true);
        check("get| apps|pods|-", "get - pods a", true);
        check("get|*|pods|-", "get made.up pods a", true);
        check("get|-|pods|-", "get - pods a", false);
    }

    #[test]
    fn resources_and_subresources() {
        check("get||pods|-", "get - pods/log a", false);
        check("get||pods/log|-", "get - pods/log a", true);
        check("get||pods/log|-", "get - pods a", false);
        check("get||*|-", "get - pods/log a", true);
        check("get|*|*/scale|-", "get apps deployments/scale a", true);
        check("get|*|*/scale|-", "get apps deployments/status a", false);
        check("get|*|*/scale|-", "get apps scale a", false);
        check("get||pods/*|-", "get - pods/log a", false);
        check("get||-|-", "get - pods a", false);
    }

    #[test]
    fn names_need_a_name() {
        check("get||pods|a b", "get - pods b", true);
        check("get||pods|a b", "get - pods c", false);
        check("create||pods|a", "create - pods -", false);
        check("list||pods|a", "list - pods -", false);
        check("list||pods|a", "list - pods a", true);
    }

    #[test]
    fn paths() {
        let check = |pattern: &str, path: &str, expect: bool| {
            let user = UserInfo::anonymous();
            let rule = PolicyRule {
                verbs: vec!["get".to_owned()],
                non_resource_urls: list(pattern),
                ..PolicyRule::default()
            };
            assert_eq!(allows(&rule, &Attributes::path(&user, "get", path)), expect, "{pattern} {path}");
            assert!(!allows(&rule, &Attributes::path(&user, "post", path)));
        };
        check("/healthz", "/healthz", true);
        check("/healthz", "/healthz/", false);
        check("/apis/*", "/apis/apps/v1", true);
        check("/apis/*", "/apis", false);
        check("*", "/anything", true);
        check("/a /b", "/b", true);
        check("-", "/b", false);
    }

    #[test]
    fn a_resource_rule_allows_no_path() {
        let user = UserInfo::anonymous();
        assert!(!allows(&rule("*|*|*|-"), &Attributes::path(&user, "get", "/healthz")));
    }
}
