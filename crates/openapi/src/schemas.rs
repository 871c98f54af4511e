//! Names, references and the schemas of custom kinds.

use serde_json::{Map, Value, json};

use crate::{
    facts::{self, Type},
    rows::{GroupVersion, PathRow, Schema},
};

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";

/// The prefix of references in OpenAPI v3.
pub(crate) const SCHEMAS: &str = "#/components/schemas/";

/// A reference to a schema by its name.
pub(crate) fn reference(type_name: &str) -> Value {
    json!({ "$ref": format!("{SCHEMAS}{type_name}") })
}

/// A reference to one of the common types of the API's machinery, such as `Status`.
pub(crate) fn meta_reference(kind: &str) -> Value {
    reference(&format!("{META}.{kind}"))
}

/// The `x-kubernetes-group-version-kind` of an operation.
pub(crate) fn gvk(group: &str, version: &str, kind: &str) -> Value {
    json!({ "group": group, "version": version, "kind": kind })
}

/// The schema name of a row's kind, or of its list. Custom kinds are named after their group, backwards.
pub(crate) fn name_of(within: &GroupVersion, row: &PathRow, kind: &str) -> String {
    match row.schema {
        Schema::Custom(_) => {
            let group: Vec<&str> = within.group.rsplit('.').collect();
            format!("{}.{}.{kind}", group.join("."), within.version)
        }
        Schema::BuiltIn => crate::type_name(within.group, within.version, kind).unwrap_or(kind).to_owned(),
    }
}

/// The kind of a row's list.
pub(crate) fn list_kind(row: &PathRow) -> String {
    format!("{}List", row.kind)
}

/// The embedded types that the document of a group version starts from.
pub(crate) fn roots(within: &GroupVersion) -> Vec<&'static Type> {
    let common =
        ["APIResourceList", "DeleteOptions", "ListMeta", "ObjectMeta", "Patch", "Status", "WatchEvent"];
    let common = common.into_iter().filter_map(|kind| Type::named(&format!("{META}.{kind}")));
    let kinds = within.rows.iter().filter(|row| !row.is_custom()).flat_map(|row| {
        let list = row.allows("list").then(|| list_kind(row));
        [Some(row.kind.to_owned()), list].into_iter().flatten()
    });
    let kinds = kinds.filter_map(|kind| facts::type_of(within.group, within.version, &kind));
    let bodies =
        within.rows.iter().flat_map(|row| row.subresources).filter_map(|subresource| subresource.body);
    let bodies = bodies.filter_map(|(group, version, kind)| facts::type_of(group, version, kind));
    common.chain(kinds).chain(bodies).collect()
}

/// The schemas of a group version's custom kinds and of their lists, by name.
pub(crate) fn custom(within: &GroupVersion) -> Vec<(String, Value)> {
    let mut schemas = Vec::new();
    for row in within.rows {
        let Schema::Custom(schema) = row.schema else { continue };
        let name = name_of(within, row, row.kind);
        let list = list_kind(row);
        schemas.push((name_of(within, row, &list), list_schema(within, row, &name, &list)));
        schemas.push((name, kind_schema(within, row, schema)));
    }
    schemas
}

/// The definition's schema with what every object has.
fn kind_schema(within: &GroupVersion, row: &PathRow, schema: &Value) -> Value {
    let mut schema = schema.as_object().cloned().unwrap_or_default();
    schema.insert("type".into(), "object".into());
    schema.insert(
        "x-kubernetes-group-version-kind".into(),
        json!([gvk(within.group, within.version, row.kind)]),
    );
    let own = match schema.remove("properties") {
        Some(Value::Object(properties)) => properties,
        _ => Map::new(),
    };
    schema.insert("properties".into(), Value::Object(own.into_iter().chain(common_properties()).collect()));
    Value::Object(schema)
}

fn common_properties() -> Map<String, Value> {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let metadata = json!({
        "allOf": [meta_reference("ObjectMeta")],
        "description": "What every object carries: its name, labels, owners and revision.",
    });
    Map::from_iter([
        ("apiVersion".into(), text("The group and version of the object.")),
        ("kind".into(), text("The kind of the object.")),
        ("metadata".into(), metadata),
    ])
}

fn list_schema(within: &GroupVersion, row: &PathRow, item: &str, list: &str) -> Value {
    json!({
        "description": format!("{list} is a list of {} objects.", row.kind),
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": { "type": "string", "description": "The group and version of the list and its items." },
            "items": { "type": "array", "description": "The objects.", "items": { "allOf": [reference(item)] } },
            "kind": { "type": "string", "description": "The kind of the list." },
            "metadata": {
                "allOf": [meta_reference("ListMeta")],
                "description": "The list's revision, and where its next page begins.",
            },
        },
        "x-kubernetes-group-version-kind": [gvk(within.group, within.version, list)],
    })
}
