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
    let mut lines: Vec<Line> = Vec::new();
    for line in items(object, "rules").iter().flat_map(rule_lines) {
        match lines.iter_mut().find(|it| it.is_about_the_same(&line)) {
            Some(known) => known.verbs.extend(line.verbs),
            None => lines.push(line),
        }
    }
    lines.sort_by_key(Line::order);
    for Line { verbs, names, urls, name, .. } in lines {
        out.line(1, format!("{name}\t{urls}\t{names}\t[{}]", verbs.join(" ")));
    }
}

/// A rule for one resource.
#[derive(Debug)]
struct Line {
    verbs: Vec<String>,
    group: String,
    name: String,
    names: String,
    urls: String,
}

impl Line {
    /// Rules are shown in the order of what may be done, sorted as they are written, brackets included.
    fn order(&self) -> [String; 4] {
        [
            format!("{}]", self.verbs.join(" ")),
            self.group.clone(),
            format!("{}]", self.name),
            self.names.clone(),
        ]
    }

    /// Whether both can be one line, with the verbs of both.
    fn is_about_the_same(&self, other: &Self) -> bool {
        !self.name.is_empty()
            && (&self.group, &self.name, &self.names, &self.urls)
                == (&other.group, &other.name, &other.names, &other.urls)
    }
}

/// One line for each resource that a rule speaks of.
fn rule_lines(rule: &Value) -> Vec<Line> {
    let listed =
        |path: &str| format!("[{}]", items(rule, path).iter().map(plain).collect::<Vec<_>>().join(" "));
    let line = |group: &str, name: String| Line {
        verbs: items(rule, "verbs").iter().map(plain).collect(),
        group: group.to_owned(),
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
