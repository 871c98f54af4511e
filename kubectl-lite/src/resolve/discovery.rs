//! Asking the server for its kinds: in one answer where it can, group by group where it cannot.

use super::Resource;
use crate::request::{Call, DISCOVERY};
use crate::session::Session;
use anyhow::Result;
use api::path::group_version;
use serde_json::Value;

/// Every kind of the server, each in its group's preferred version first.
pub(super) async fn discover(session: &Session) -> Result<Vec<Resource>> {
    let core = session.json(Call::get(api::path::CORE).accept(DISCOVERY)).await?;
    let named = session.json(Call::get(api::path::GROUPS).accept(DISCOVERY)).await?;
    if core["kind"] == "APIGroupDiscoveryList" && named["kind"] == "APIGroupDiscoveryList" {
        let groups = [core, named];
        return Ok(groups.iter().flat_map(aggregated).collect());
    }
    one_by_one(session, &named).await
}

fn aggregated(list: &Value) -> Vec<Resource> {
    let mut found = Vec::new();
    for group in items(&list["items"]) {
        for version in items(&group["versions"]) {
            for resource in items(&version["resources"]) {
                found.push(of_aggregated(
                    text(&group["metadata"]["name"]),
                    text(&version["version"]),
                    resource,
                ));
            }
        }
    }
    found
}

fn of_aggregated(group: String, version: String, resource: &Value) -> Resource {
    Resource {
        group,
        version,
        kind: text(&resource["responseKind"]["kind"]),
        plural: text(&resource["resource"]),
        singular: text(&resource["singularResource"]),
        short_names: texts(&resource["shortNames"]),
        categories: texts(&resource["categories"]),
        namespaced: resource["scope"] == "Namespaced",
        verbs: texts(&resource["verbs"]),
    }
}

async fn one_by_one(session: &Session, groups: &Value) -> Result<Vec<Resource>> {
    let mut found = listed("", "v1", &session.json(Call::get(group_version("", "v1"))).await?);
    for group in items(&groups["groups"]) {
        let name = text(&group["name"]);
        for version in items(&group["versions"]) {
            let version = text(&version["version"]);
            let list = session.json(Call::get(group_version(&name, &version))).await?;
            found.extend(listed(&name, &version, &list));
        }
    }
    Ok(found)
}

fn listed(group: &str, version: &str, list: &Value) -> Vec<Resource> {
    let rows = items(&list["resources"]).iter().filter(|it| !text(&it["name"]).contains('/'));
    rows.map(|row| Resource {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: text(&row["kind"]),
        plural: text(&row["name"]),
        singular: text(&row["singularName"]),
        short_names: texts(&row["shortNames"]),
        categories: texts(&row["categories"]),
        namespaced: row["namespaced"] == true,
        verbs: texts(&row["verbs"]),
    })
    .collect()
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    items(value).iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_forms_say_the_same() {
        let new = json!({"items": [{"metadata": {"name": "a.io"}, "versions": [{"version": "v1", "resources": [{
            "resource": "foos", "responseKind": {"kind": "Foo"}, "scope": "Namespaced", "singularResource": "foo",
            "shortNames": ["f"], "verbs": ["get"]}]}]}]});
        let old = json!({"resources": [{"name": "foos", "singularName": "foo", "namespaced": true, "kind": "Foo",
            "shortNames": ["f"], "verbs": ["get"]}, {"name": "foos/status", "kind": "Foo"}]});
        assert_eq!(aggregated(&new), listed("a.io", "v1", &old));
        assert_eq!(aggregated(&new)[0].named("x"), "foo.a.io/x");
    }
}
