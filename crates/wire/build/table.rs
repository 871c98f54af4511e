//! Joins what the two texts say and writes it as Rust statics.
//!
//! Start at `render`. A field finds its JSON name by the spelling both sides share ([`plain`]). A message field that
//! the JSON type does not have, and that is called after its message, is one that Go embeds: its own fields appear in
//! the parent's JSON object.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write;

use crate::facts;
use crate::openapi::{Property, Schema, Schemas, plain};
use crate::protobuf::{Field, Kind, MessageKey};

const META: &str = "apimachinery/pkg/apis/meta/v1";

pub(crate) fn render(
    messages: &BTreeMap<MessageKey, Vec<Field>>,
    schemas: &Schemas,
) -> Result<String, Box<dyn Error>> {
    let kinds = kinds(messages, schemas);
    let reachable = reachable(messages, kinds.values().copied());
    let numbers: BTreeMap<&MessageKey, usize> =
        reachable.iter().enumerate().map(|(number, key)| (*key, number)).collect();
    let mut text = String::from("pub(crate) static MESSAGES: &[Message] = &[\n");
    for key in reachable {
        writeln!(
            text,
            "Message {{ name: {:?}, form: {}, fields: &[",
            name_of(key, schemas),
            facts::form(key)
        )?;
        let names = Names::of(key, schemas);
        let fields = messages.get(key).ok_or_else(|| format!("no message {key:?}"))?;
        let mut fields: Vec<&Field> = fields.iter().collect();
        fields.sort_by_key(|field| field.number);
        for field in fields {
            text.push_str(&render_field(key, field, &names, &numbers).unwrap_or_default());
        }
        text.push_str("] },\n");
    }
    text.push_str("];\n\npub(crate) static KINDS: &[(&str, &str, u16)] = &[\n");
    for ((api_version, kind), key) in kinds {
        writeln!(text, "({api_version:?}, {kind:?}, {}),", numbers[key])?;
    }
    text.push_str("];\n");
    Ok(text)
}

/// The messages that clients send as bodies, by `apiVersion` and kind. Upstream registers the meta kinds under every
/// group version; here they stand once under `*`.
fn kinds<'a>(
    messages: &'a BTreeMap<MessageKey, Vec<Field>>,
    schemas: &'a Schemas,
) -> BTreeMap<(&'a str, String), &'a MessageKey> {
    let mut kinds = BTreeMap::new();
    for (key, fields) in messages {
        let name = name_of(key, schemas);
        let has_metadata = fields.iter().any(|field| field.name == "metadata");
        if key.0 == META && facts::META_KINDS.contains(&name.as_str()) {
            kinds.insert(("*", name), key);
        } else if let Some(api_version) = schemas.api_versions.get(&key.0)
            && has_metadata
            && key.0 != META
        {
            kinds.insert((api_version, name), key);
        }
    }
    kinds
}

fn reachable<'a>(
    messages: &'a BTreeMap<MessageKey, Vec<Field>>,
    roots: impl Iterator<Item = &'a MessageKey>,
) -> BTreeSet<&'a MessageKey> {
    let mut reachable = BTreeSet::new();
    let mut open: Vec<&MessageKey> = roots.collect();
    while let Some(key) = open.pop() {
        if reachable.insert(key) {
            let fields = messages.get(key).map(Vec::as_slice).unwrap_or_default();
            open.extend(fields.iter().filter_map(|field| match &field.kind {
                Kind::Message(target) => Some(target),
                _ => None,
            }));
        }
    }
    reachable
}

/// The name as Kubernetes writes it; prost has changed `CSIDriver` to `CsiDriver`.
fn name_of((package, rust_name): &MessageKey, schemas: &Schemas) -> String {
    let find = |name: &str| schemas.types.get(&(package.clone(), name.to_ascii_lowercase()));
    let list = rust_name.strip_suffix("List").and_then(find).map(|item| format!("{}List", item.name));
    find(rust_name).map(|schema| schema.name.clone()).or(list).unwrap_or_else(|| rust_name.clone())
}

/// Where a message's fields look up their JSON names.
enum Names<'a> {
    Own(&'a Schema),
    /// Embedded messages and lists have no type of their own in OpenAPI: their names are those of the package.
    Package(BTreeMap<&'a str, &'a Property>),
}

impl<'a> Names<'a> {
    fn of((package, name): &MessageKey, schemas: &'a Schemas) -> Self {
        if let Some(schema) = schemas.types.get(&(package.clone(), name.to_ascii_lowercase())) {
            return Names::Own(schema);
        }
        let siblings = schemas.types.iter().filter(|((other, _), _)| other == package);
        Names::Package(
            siblings
                .flat_map(|(_, schema)| {
                    schema.fields.iter().map(|(name, property)| (name.as_str(), property))
                })
                .collect(),
        )
    }

    fn find(&self, field: &Field) -> Option<Property> {
        let name = plain(&field.name);
        match self {
            Names::Own(schema) => schema.fields.get(&name).cloned(),
            Names::Package(names) => names
                .get(name.as_str())
                .map(|property| Property { json: property.json.clone(), required: false })
                .or_else(|| {
                    facts::is_list_field(&name).then(|| Property { json: name.clone(), required: true })
                }),
        }
    }
}

/// None when the JSON type has dropped the field, which then is as unknown as any other.
fn render_field(
    key: &MessageKey,
    field: &Field,
    names: &Names<'_>,
    numbers: &BTreeMap<&MessageKey, usize>,
) -> Option<String> {
    let kind = match &field.kind {
        Kind::Message(target) => format!("Message({})", numbers[target]),
        scalar => format!("{scalar:?}"),
    };
    let (json, zero) = match names.find(field) {
        Some(property) => {
            let zero = if facts::keeps_zero(key, field, &property) { "Keep" } else { "Drop" };
            (property.json, zero)
        }
        None if facts::form(key) != "Form::Object" => (field.name.clone(), "Keep"),
        None if is_embedded(key, field) => (String::new(), "Keep"),
        None => return None,
    };
    let (number, shape) = (field.number, field.shape);
    Some(format!(
        "Field {{ number: {number}, json: {json:?}, shape: Shape::{shape:?}, kind: Kind::{kind}, zero: Zero::{zero} }},\n"
    ))
}

fn is_embedded((_, owner): &MessageKey, field: &Field) -> bool {
    let Kind::Message((_, target)) = &field.kind else { return false };
    plain(&field.name) == plain(target) || facts::EMBEDDED_ALIAS == (owner.as_str(), field.name.as_str())
}
