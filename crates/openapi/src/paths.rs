//! The paths of a group version with their operations.
//!
//! Start at [`of_group_version`]. The names of operations follow upstream, since generated clients are named after
//! them.

use serde_json::{Value, json};

use crate::{
    operations::{Action, Operation},
    parameters,
    rows::{GroupVersion, PathRow, Scope, Subresource},
    schemas::{list_kind, meta_reference, name_of},
};

/// A path and its entry in the document.
pub(crate) type Path = (String, Value);

/// Subresources that are connections rather than objects.
const CONNECTIONS: &[&str] = &["attach", "exec", "portforward", "proxy"];

/// The subresource whose answer is text.
const LOG: &str = "log";

const ON_COLLECTION: &[(&str, &str, Action)] = &[
    ("create", "post", Action::Post),
    ("deletecollection", "delete", Action::DeleteCollection),
    ("list", "get", Action::List),
];

const ON_OBJECT: &[(&str, &str, Action)] = &[
    ("delete", "delete", Action::Delete),
    ("get", "get", Action::Get),
    ("patch", "patch", Action::Patch),
    ("update", "put", Action::Put),
];

const ON_CONNECTION: &[(&str, &str, Action)] =
    &[("get", "get", Action::Connect), ("create", "post", Action::Connect)];

/// All paths of a group version; each row's in the order collection, object, subresources.
pub(crate) fn of_group_version<'a>(within: &'a GroupVersion<'a>) -> impl Iterator<Item = Path> + 'a {
    let rows = within.rows.iter().flat_map(move |row| of_row(&Place { within, row }));
    std::iter::once(discovery(within)).chain(rows)
}

fn discovery(within: &GroupVersion) -> Path {
    let operation = json!({
        "tags": [tag(within)],
        "description": "get the resources of this group and version",
        "operationId": format!("get{}APIResources", pascal_group(within)),
        "responses": {
            "200": {
                "description": "OK",
                "content": { "application/json": { "schema": meta_reference("APIResourceList") } },
            },
            "401": { "description": "Unauthorized" },
        },
    });
    (format!("/{}/", within.root()), json!({ "get": operation }))
}

/// A row in its group version.
struct Place<'a> {
    within: &'a GroupVersion<'a>,
    row: &'a PathRow<'a>,
}

fn of_row(place: &Place) -> Vec<Path> {
    let row = place.row;
    let root = place.within.root();
    let namespaced = row.scope == Scope::Namespaced;
    let namespace = if namespaced { "/namespaces/{namespace}" } else { "" };
    let collection = format!("/{root}{namespace}/{}", row.plural);
    let object = format!("{collection}/{{name}}");
    let mut paths = vec![
        place.entry(collection, row.verbs, ON_COLLECTION, None),
        place.entry(object.clone(), row.verbs, ON_OBJECT, None),
    ];
    if namespaced && row.allows("list") {
        let mut everywhere = place.operation("get", Action::List, None);
        everywhere.suffix = format!("{}ForAllNamespaces", row.kind);
        let path = format!("/{root}/{}", row.plural);
        paths.push(with_parameters(path, json!({ "get": everywhere.value() })));
    }
    for subresource in row.subresources {
        paths.push(place.subresource(&object, subresource));
    }
    paths.retain(|(_, entry)| entry.as_object().is_some_and(|entry| entry.len() > 1));
    paths
}

/// Adds the parameters that all operations of a path share.
fn with_parameters(path: String, mut entry: Value) -> Path {
    entry["parameters"] = Value::Array(parameters::of_path(&path));
    (path, entry)
}

impl Place<'_> {
    fn entry(
        &self,
        path: String,
        verbs: &[&str],
        table: &[(&str, &'static str, Action)],
        subresource: Option<&Subresource>,
    ) -> Path {
        let mut entry = json!({});
        for (_, method, action) in table.iter().filter(|(verb, ..)| verbs.contains(verb)) {
            entry[*method] = self.operation(method, *action, subresource).value();
        }
        with_parameters(path, entry)
    }

    fn subresource(&self, object: &str, subresource: &Subresource) -> Path {
        let path = format!("{object}/{}", subresource.name);
        if CONNECTIONS.contains(&subresource.name) {
            return self.entry(path, subresource.verbs, ON_CONNECTION, Some(subresource));
        }
        let table: Vec<_> = ON_COLLECTION[..1].iter().chain(ON_OBJECT).copied().collect();
        self.entry(path, subresource.verbs, &table, Some(subresource))
    }

    fn operation<'a>(
        &'a self,
        method: &'static str,
        action: Action,
        subresource: Option<&'a Subresource<'a>>,
    ) -> Operation<'a> {
        let row = self.row;
        let own = (self.within.group, self.within.version, row.kind);
        let namespaced = if row.scope == Scope::Namespaced { "Namespaced" } else { "" };
        let below = subresource.map(|subresource| pascal(subresource.name)).unwrap_or_default();
        Operation {
            action,
            method,
            tag: tag(self.within),
            prefix: pascal_group(self.within),
            suffix: format!("{namespaced}{}{below}", row.kind),
            gvk: subresource.and_then(|subresource| subresource.body).unwrap_or(own),
            body: self.body(subresource),
            list: (action == Action::List).then(|| name_of(self.within, row, &list_kind(row))),
            strategic: !row.is_custom(),
            deleted: row.deleted,
        }
    }

    /// The schema name of a body; none where it is text or a stream.
    fn body(&self, subresource: Option<&Subresource>) -> Option<String> {
        match subresource {
            Some(below) if below.name == LOG || CONNECTIONS.contains(&below.name) => None,
            Some(Subresource { body: Some((group, version, kind)), .. }) => {
                crate::type_name(group, version, kind).map(Into::into)
            }
            _ => Some(name_of(self.within, self.row, self.row.kind)),
        }
    }
}

/// The words of a group's name: `rbac.authorization.k8s.io` gives `rbac`, `authorization`.
fn words(within: &GroupVersion) -> Vec<String> {
    let group = if within.group.is_empty() { "core" } else { within.group };
    let group = group.strip_suffix(".k8s.io").unwrap_or(group);
    group.split(['.', '-']).map(Into::into).collect()
}

/// `rbacAuthorization_v1`.
fn tag(within: &GroupVersion) -> String {
    let words = words(within);
    let rest: String = words[1..].iter().map(|word| pascal(word)).collect();
    format!("{}{rest}_{}", words[0], within.version)
}

/// `RbacAuthorizationV1`.
fn pascal_group(within: &GroupVersion) -> String {
    let group: String = words(within).iter().map(|word| pascal(word)).collect();
    format!("{group}{}", pascal(within.version))
}

fn pascal(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
