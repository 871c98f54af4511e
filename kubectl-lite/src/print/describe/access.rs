//! Service accounts, roles and bindings.

use super::text::{Text, plain};
use crate::print::{at, items, text};
use serde_json::Value;

/// A service account.
pub(super) fn service_account(out: &mut Text, object: &Value) {
    out.head(object);
    let names = |path: &str| -> Vec<String> {
        items(object, path).iter().map(|it| text(it, "name").to_owned()).collect()
    };
    out.several(0, "Image pull secrets", &names("imagePullSecrets"));
    out.several(0, "Mountable secrets", &names("secrets"));
    out.several(0, "Tokens", &[]);
}

/// A role or a cluster role.
pub(super) fn role(out: &mut Text, object: &Value) {
    out.field(0, "Name", text(object, "metadata.name"));
    out.labels(0, object);
    out.line(0, "PolicyRule:");
    out.line(1, "Resources\tNon-Resource URLs\tResource Names\tVerbs");
    out.line(1, "---------\t-----------------\t--------------\t-----");
    let mut lines: Vec<Line> = items(object, "rules").iter().flat_map(rule_lines).collect();
    lines.sort();
    for Line { verbs, names, urls, name, .. } in lines {
        out.line(1, format!("{name}\t{urls}\t{names}\t{verbs}"));
    }
}

/// A rule for one resource; rules are shown in the order of what may be done.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    verbs: String,
    group: String,
    /// The name with an end mark: upstream sorts lists as they are written, brackets included.
    key: String,
    name: String,
    names: String,
    urls: String,
}

/// One line for each resource that a rule speaks of.
fn rule_lines(rule: &Value) -> Vec<Line> {
    let listed =
        |path: &str| format!("[{}]", items(rule, path).iter().map(plain).collect::<Vec<_>>().join(" "));
    let line = |group: &str, name: String| Line {
        verbs: listed("verbs"),
        group: group.to_owned(),
        key: format!("{name}]"),
        name,
        names: listed("resourceNames"),
        urls: listed("nonResourceURLs"),
    };
    if items(rule, "resources").is_empty() {
        return vec![line("", String::new())];
    }
    let mut lines = Vec::new();
    for group in items(rule, "apiGroups").iter().map(plain) {
        for resource in items(rule, "resources").iter().map(plain) {
            lines.push(line(&group, in_group(&resource, &group)));
        }
    }
    lines
}

/// `deployments.apps/scale` for `deployments/scale` in `apps`.
fn in_group(resource: &str, group: &str) -> String {
    match (resource.split_once('/'), group) {
        (_, "") => resource.to_owned(),
        (None, group) => format!("{resource}.{group}"),
        (Some((kind, below)), group) => format!("{kind}.{group}/{below}"),
    }
}

/// A role binding or a cluster role binding.
pub(super) fn binding(out: &mut Text, object: &Value) {
    out.field(0, "Name", text(object, "metadata.name"));
    out.labels(0, object);
    out.line(0, "Role:");
    out.field(1, "Kind", text(object, "roleRef.kind"));
    out.field(1, "Name", text(object, "roleRef.name"));
    out.line(0, "Subjects:");
    out.line(1, "Kind\tName\tNamespace");
    out.line(1, "----\t----\t---------");
    for subject in at(object, "subjects").as_array().into_iter().flatten() {
        let cells = [text(subject, "kind"), text(subject, "name"), text(subject, "namespace")];
        out.line(1, cells.join("\t"));
    }
}
