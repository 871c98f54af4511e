//! What the server serves, as clients discover it: derived from the table, for the old and the aggregated form.
//!
//! Start at [`Discovery::of`]. The documents are made once; custom resources will make them anew when their definitions
//! change.

use crate::handlers::subresource;
use api::resources::{Row, Verbs};
use api::{Kind, Subresource};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Groups in the order in which upstream lists them; others follow by name. With the priority that upstream's APIServices
/// give them.
const ORDER: &[(&str, i32)] = &[
    ("", 18_000),
    ("apiregistration.k8s.io", 20_000),
    ("apps", 17_800),
    ("events.k8s.io", 17_750),
    ("authentication.k8s.io", 17_700),
    ("authorization.k8s.io", 17_600),
    ("autoscaling", 17_500),
    ("batch", 17_400),
    ("certificates.k8s.io", 17_300),
    ("networking.k8s.io", 17_200),
    ("policy", 17_100),
    ("rbac.authorization.k8s.io", 17_000),
    ("storage.k8s.io", 16_800),
    ("admissionregistration.k8s.io", 16_700),
    ("apiextensions.k8s.io", 16_700),
    ("scheduling.k8s.io", 16_600),
    ("coordination.k8s.io", 16_500),
    ("node.k8s.io", 16_300),
    ("discovery.k8s.io", 16_200),
    ("resource.k8s.io", 15_900),
    ("flowcontrol.apiserver.k8s.io", 16_100),
];

/// The priority of a group and of a version of it, as upstream's APIServices have them; that of custom kinds otherwise.
pub(crate) fn priorities(group: &str, version: &str) -> (i32, i32) {
    let Some((_, priority)) = ORDER.iter().find(|it| it.0 == group) else { return (1000, 100) };
    let of_version = match (group, version) {
        ("", _) => 1,
        ("autoscaling", "v2") => 30,
        ("flowcontrol.apiserver.k8s.io" | "resource.k8s.io", _) => 21,
        _ => 15,
    };
    (*priority, of_version)
}

/// Whether the table has the group, so that it is served from the start.
pub(crate) fn is_built_in(group: &str) -> bool {
    ORDER.iter().any(|it| it.0 == group)
}

/// The kinds of one group and version.
pub(crate) struct GroupVersion {
    pub(crate) group: &'static str,
    pub(crate) version: &'static str,
    pub(crate) kinds: Vec<Kind>,
}

/// Which version of a group clients should prefer: stable ones before betas before alphas, newer ones before older ones,
/// and what is not named so at the end.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Priority {
    named: Reverse<Option<(Stage, u32, u32)>>,
    version: &'static str,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Alpha,
    Beta,
    Stable,
}

impl Priority {
    fn of(version: &'static str) -> Self {
        Self { named: Reverse(named(version)), version }
    }
}

/// The parts of `v1`, `v2beta1` ...
fn named(version: &str) -> Option<(Stage, u32, u32)> {
    let rest = version.strip_prefix('v')?;
    for (word, stage) in [("alpha", Stage::Alpha), ("beta", Stage::Beta)] {
        if let Some((major, minor)) = rest.split_once(word) {
            return Some((stage, major.parse().ok()?, minor.parse().ok()?));
        }
    }
    Some((Stage::Stable, rest.parse().ok()?, 0))
}

/// All groups and versions, in discovery order.
pub(crate) struct Discovery {
    pub(crate) versions: Vec<GroupVersion>,
}

impl Discovery {
    /// The discovery of these kinds.
    pub(crate) fn of(kinds: impl Iterator<Item = Kind>) -> Self {
        let mut found: BTreeMap<(usize, &'static str, Priority), Vec<Kind>> = BTreeMap::new();
        for kind in kinds {
            let row = kind.row();
            let order = ORDER.iter().position(|it| it.0 == row.group).unwrap_or(ORDER.len());
            found.entry((order, row.group, Priority::of(row.version))).or_default().push(kind);
        }
        let versions = found.into_iter().map(|((_, group, priority), kinds)| GroupVersion {
            group,
            version: priority.version,
            kinds,
        });
        Self { versions: versions.collect() }
    }

    fn groups(&self) -> Vec<&'static str> {
        let mut groups: Vec<&'static str> = self.versions.iter().map(|it| it.group).collect();
        groups.dedup();
        groups
    }

    fn versions_of(&self, group: &str) -> Vec<&GroupVersion> {
        self.versions.iter().filter(|it| it.group == group).collect()
    }

    /// `/api`.
    pub(crate) fn core(&self, address: &str) -> Value {
        json!({
            "kind": "APIVersions",
            "versions": ["v1"],
            "serverAddressByClientCIDRs": [{ "clientCIDR": "0.0.0.0/0", "serverAddress": address }],
        })
    }

    /// `/apis`.
    pub(crate) fn group_list(&self) -> Value {
        let groups = self.groups().into_iter().filter(|it| !it.is_empty());
        let groups: Vec<Value> = groups.map(|it| self.describe_group(it)).collect();
        json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
    }

    /// `/apis/GROUP`.
    pub(crate) fn group(&self, group: &str) -> Option<Value> {
        if self.versions_of(group).is_empty() || group.is_empty() {
            return None;
        }
        let mut described = self.describe_group(group);
        (described["kind"], described["apiVersion"]) = ("APIGroup".into(), "v1".into());
        Some(described)
    }

    fn describe_group(&self, group: &str) -> Value {
        let version = |it: &&GroupVersion| json!({ "groupVersion": it.name(), "version": it.version });
        let versions: Vec<Value> = self.versions_of(group).iter().map(version).collect();
        json!({ "name": group, "preferredVersion": versions.first(), "versions": versions })
    }

    /// `/api/v1` and `/apis/GROUP/VERSION`.
    pub(crate) fn resources(&self, group: &str, version: &str) -> Option<Value> {
        let found = self.versions.iter().find(|it| it.group == group && it.version == version)?;
        let resources: Vec<Value> = found.kinds.iter().flat_map(|it| resources_of(*it)).collect();
        Some(json!({
            "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": found.name(), "resources": resources,
        }))
    }

    /// Everything in one document: `/api` for the core group, `/apis` for the others.
    pub(crate) fn aggregated(&self, core: bool) -> Value {
        let groups = self.groups().into_iter().filter(|it| it.is_empty() == core);
        let items: Vec<Value> = groups.map(|it| self.aggregated_group(it)).collect();
        json!({
            "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items,
        })
    }

    fn aggregated_group(&self, group: &str) -> Value {
        let version = |it: &&GroupVersion| {
            let resources: Vec<Value> = it.kinds.iter().map(|it| aggregated_resource(it.row())).collect();
            json!({ "version": it.version, "freshness": "Current", "resources": resources })
        };
        let versions: Vec<Value> = self.versions_of(group).iter().map(version).collect();
        let name = if group.is_empty() { json!({}) } else { json!({ "name": group }) };
        json!({ "metadata": name, "versions": versions })
    }
}

impl GroupVersion {
    /// `apps/v1`, or `v1`.
    fn name(&self) -> String {
        self.kinds.first().map(|it| it.row().api_version()).unwrap_or_default()
    }
}

/// A name for what a kind is stored as, which clients compare to see that it has changed. Upstream's names, so that the
/// same storage has the same name.
fn storage_version_hash(stored: &Row) -> String {
    let name = format!("{}/{}/{}", stored.group, stored.version, stored.kind);
    STANDARD.encode(&Sha256::digest(name)[..8])
}

/// The resource and its subresources, as the old form lists them.
fn resources_of(kind: Kind) -> Vec<Value> {
    let row = kind.row();
    let mut own = json!({
        "name": row.plural, "singularName": row.singular, "namespaced": row.namespaced(), "kind": row.kind,
        "verbs": row.verbs.names(),
    });
    if row.verbs == Verbs::All {
        own["storageVersionHash"] = storage_version_hash(kind.stored().row()).into();
    }
    if !row.short_names.is_empty() {
        own["shortNames"] = json!(row.short_names);
    }
    if !row.categories.is_empty() {
        own["categories"] = json!(row.categories);
    }
    let below = row.subresources.iter().map(|it| subresource_of(row, *it));
    std::iter::once(own).chain(below).collect()
}

fn subresource_of(row: &Row, below: Subresource) -> Value {
    let mut described = json!({
        "name": format!("{}/{}", row.plural, below.name()), "singularName": "", "namespaced": row.namespaced(),
        "kind": row.kind, "verbs": subresource::verbs(below),
    });
    if let Some((group, version, kind)) = subresource::kind(below) {
        described["kind"] = kind.into();
        if group != row.group {
            (described["group"], described["version"]) = (group.into(), version.into());
        }
    }
    described
}

fn aggregated_resource(row: &Row) -> Value {
    let mut own = json!({
        "resource": row.plural,
        "responseKind": { "group": row.group, "version": row.version, "kind": row.kind },
        "scope": if row.namespaced() { "Namespaced" } else { "Cluster" },
        "singularResource": row.singular,
        "verbs": row.verbs.names(),
    });
    if !row.short_names.is_empty() {
        own["shortNames"] = json!(row.short_names);
    }
    if !row.categories.is_empty() {
        own["categories"] = json!(row.categories);
    }
    let below = row.subresources.iter().map(|it| {
        let (group, version, kind) = subresource::kind(*it).unwrap_or((row.group, row.version, row.kind));
        json!({
            "subresource": it.name(),
            "responseKind": { "group": group, "version": version, "kind": kind },
            "verbs": subresource::verbs(*it),
        })
    });
    let below: Vec<Value> = below.collect();
    if !below.is_empty() {
        own["subresources"] = below.into();
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_stable_version_is_preferred() {
        let mut versions = ["foo", "v1alpha1", "v1", "v1beta2", "v10", "v1beta10", "v2", "v2alpha1"];
        versions.sort_by_key(|it| Priority::of(it));
        assert_eq!(versions, ["v10", "v2", "v1", "v1beta10", "v1beta2", "v2alpha1", "v1alpha1", "foo"]);
        let autoscaling = Discovery::of(Kind::all()).group("autoscaling").unwrap();
        assert_eq!(autoscaling["preferredVersion"]["version"], "v2");
        assert_eq!(autoscaling["versions"][1]["version"], "v1");
    }

    #[test]
    fn every_built_in_group_has_a_place() {
        for kind in Kind::all() {
            assert!(is_built_in(kind.row().group), "{kind:?} has no row in ORDER");
        }
        assert_eq!(priorities("apps", "v1"), (17_800, 15));
        assert_eq!(priorities("autoscaling", "v2"), (17_500, 30));
        assert_eq!(priorities("x.example.com", "v1"), (1000, 100));
    }

    /// The hashes of pods and deployments are those of every cluster of upstream's.
    #[test]
    fn storage_is_named_as_upstream_names_it() {
        let check = |group: &str, version: &str, plural: &str, expect: Option<&str>| {
            let found = Kind::find(group, version, plural).unwrap();
            let own = resources_of(found).swap_remove(0);
            assert_eq!(own.get("storageVersionHash").and_then(Value::as_str), expect, "{plural}");
        };
        check("", "v1", "pods", Some("xPOwRZ+Yhw8="));
        check("apps", "v1", "deployments", Some("8aSe+NMegvE="));
        check("events.k8s.io", "v1", "events", Some("r2yiGXH7wu8="));
        check("", "v1", "componentstatuses", None);
        check("authorization.k8s.io", "v1", "subjectaccessreviews", None);
    }

    #[test]
    fn every_kind_is_discovered_once() {
        let discovery = Discovery::of(Kind::all());
        let listed: usize = discovery.versions.iter().map(|it| it.kinds.len()).sum();
        assert_eq!(listed, Kind::all().count());
        let core = discovery.resources("", "v1").unwrap();
        let names: Vec<&str> =
            core["resources"].as_array().unwrap().iter().filter_map(|it| it["name"].as_str()).collect();
        assert!(names.contains(&"pods/exec") && names.contains(&"serviceaccounts/token"), "{names:?}");
        let apps = discovery.group("apps").unwrap();
        assert_eq!(apps["preferredVersion"]["groupVersion"], "apps/v1");
        assert!(discovery.group("nosuch.example").is_none());
        assert_eq!(discovery.aggregated(true)["items"][0]["versions"][0]["version"], "v1");
    }
}
