//! Makes roles and bindings.

use crate::args::{CreateBinding, CreateRole};
use crate::resolve::Catalog;
use anyhow::{Result, bail};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const GROUP: &str = "rbac.authorization.k8s.io";

/// `create role`, `create clusterrole`.
pub(super) fn role(kind: &str, args: &CreateRole) -> Result<Value> {
    if args.verb.is_empty() {
        bail!("at least one verb must be specified");
    }
    if args.resource.is_empty() {
        bail!("at least one resource must be specified");
    }
    let rule = |(group, resources): (String, Vec<String>)| {
        let mut rule = json!({"apiGroups": [group], "resources": resources, "verbs": args.verb});
        if !args.resource_name.is_empty() {
            rule["resourceNames"] = args.resource_name.clone().into();
        }
        rule
    };
    let rules: Vec<Value> = by_group(&args.resource)?.into_iter().map(rule).collect();
    Ok(
        json!({"apiVersion": format!("{GROUP}/v1"), "kind": kind, "metadata": {"name": args.name}, "rules": rules}),
    )
}

/// The resources of each group: `deployments`, `deployments.apps` and `pods/log` are understood.
fn by_group(words: &[String]) -> Result<BTreeMap<String, Vec<String>>> {
    let catalog = Catalog::built_in();
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for word in words {
        let (kind, below) =
            word.split_once('/').map_or((word.as_str(), None), |(kind, below)| (kind, Some(below)));
        let (group, plural) = match (kind, catalog.find(kind), kind.split_once('.')) {
            ("*", _, _) => (String::new(), "*".to_owned()),
            (_, Some(found), _) => (found.group.clone(), found.plural.clone()),
            (_, None, Some((plural, group))) => (group.to_owned(), plural.to_owned()),
            _ => {
                bail!("the server doesn't have a resource type {kind:?}: write custom kinds as PLURAL.GROUP")
            }
        };
        let resource = below.map_or(plural.clone(), |below| format!("{plural}/{below}"));
        groups.entry(group).or_default().push(resource);
    }
    Ok(groups)
}

/// `create rolebinding`, `create clusterrolebinding`.
pub(super) fn binding(kind: &str, args: &CreateBinding, namespace: &str) -> Result<Value> {
    let (role_kind, role) = match (&args.role, &args.clusterrole) {
        (Some(role), None) if kind == "RoleBinding" => ("Role", role),
        (None, Some(role)) => ("ClusterRole", role),
        _ => bail!(
            "exactly one of --clusterrole{} must be specified",
            if kind == "RoleBinding" { " or --role" } else { "" }
        ),
    };
    let mut subjects = Vec::new();
    subjects.extend(args.user.iter().map(|it| json!({"kind": "User", "name": it, "apiGroup": GROUP})));
    subjects.extend(args.group.iter().map(|it| json!({"kind": "Group", "name": it, "apiGroup": GROUP})));
    for account in &args.serviceaccount {
        let Some((account_namespace, name)) = account.split_once(':') else {
            bail!("serviceaccount must be <namespace>:<name>, such as {namespace}:{account}");
        };
        subjects.push(json!({"kind": "ServiceAccount", "namespace": account_namespace, "name": name}));
    }
    Ok(json!({
        "apiVersion": format!("{GROUP}/v1"),
        "kind": kind,
        "metadata": {"name": args.name},
        "roleRef": {"apiGroup": GROUP, "kind": role_kind, "name": role},
        "subjects": subjects,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_sorted_into_groups() {
        let words = ["pods", "deploy", "deployments.apps/scale", "pods/log", "foos.a.io"].map(str::to_owned);
        let found = by_group(&words).unwrap();
        assert_eq!(found[""], ["pods", "pods/log"]);
        assert_eq!(found["apps"], ["deployments", "deployments/scale"]);
        assert_eq!(found["a.io"], ["foos"]);
        assert!(by_group(&["nonsense".to_owned()]).is_err());
    }
}
