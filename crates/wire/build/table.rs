//! Joins what the two texts say and writes it as Rust statics.
//!
//! Start at `render`. A field finds its JSON name by the spelling both sides share ([`plain`]). A message field that
//! the JSON type does not have, and that is called after its message, is one that Go embeds: its own fields appear in
//! the parent's JSON object.

use std::collections::BTreeMap;
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
    let numbers: BTreeMap<&MessageKey, usize> =
        messages.keys().enumerate().map(|(number, key)| (key, number)).collect();
    let mut text = String::from("pub(crate) static MESSAGES: &[Message] = &[\n");
    for (key, fields) in messages {
        writeln!(
            text,
            "Message {{ name: {:?}, form: {}, fields: &[",
            name_of(key, schemas),
            facts::form(key)
        )?;
        let names = Names::of(key, schemas);
        let mut fields: Vec<&Field> = fields.iter().collect();
        fields.sort_by_key(|field| field.number);
        for field in fields {
            if let Some(line) = render_field(key, field, &names, &numbers)? {
                text.push_str(&line);
            }
        }
        text.push_str("] },\n");
    }
    text.push_str("];\n\n");
    render_kinds(&mut text, messages, &numbers, schemas)?;
    Ok(text)
}

/// `(apiVersion, kind, message)`, sorted. Upstream registers the meta kinds under every group version; here they are
/// listed once under `*`.
fn render_kinds(
    text: &mut String,
    messages: &BTreeMap<MessageKey, Vec<Field>>,
    numbers: &BTreeMap<&MessageKey, usize>,
    schemas: &Schemas,
) -> Result<(), Box<dyn Error>> {
    let mut kinds = BTreeMap::new();
    for (key, fields) in messages {
        let (number, name) = (numbers[key], name_of(key, schemas));
        let is_kind = fields.iter().any(|field| field.name == "metadata");
        if key.0 == META && facts::META_KINDS.contains(&name.as_str()) {
            kinds.insert(("*", name), number);
        } else if let Some(api_version) =
            schemas.api_versions.get(&key.0).filter(|_| is_kind && key.0 != META)
        {
            kinds.insert((api_version, name), number);
        }
    }
    text.push_str("pub(crate) static KINDS: &[(&str, &str, u16)] = &[\n");
    for ((api_version, kind), number) in kinds {
        writeln!(text, "({api_version:?}, {kind:?}, {number}),")?;
    }
    text.push_str("];\n");
    Ok(())
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
) -> Result<Option<String>, Box<dyn Error>> {
    let kind = match &field.kind {
        Kind::Message(target) => {
            let number = numbers.get(target).ok_or_else(|| format!("{key:?}: no message {target:?}"))?;
            format!("Message({number})")
        }
        scalar => format!("{scalar:?}"),
    };
    let (json, zero) = match names.find(field) {
        Some(property) => {
            let zero = if facts::keeps_zero(key, field, &property) { "Keep" } else { "Drop" };
            (property.json, zero)
        }
        None if facts::form(key) != "Form::Object" => (field.name.clone(), "Keep"),
        None if is_embedded(key, field) => (String::new(), "Keep"),
        None => return Ok(None),
    };
    let (number, shape) = (field.number, field.shape);
    Ok(Some(format!(
        "Field {{ number: {number}, json: {json:?}, shape: Shape::{shape:?}, kind: Kind::{kind}, zero: Zero::{zero} }},\n"
    )))
}

fn is_embedded((_, owner): &MessageKey, field: &Field) -> bool {
    let Kind::Message((_, target)) = &field.kind else { return false };
    plain(&field.name) == plain(target) || facts::EMBEDDED_ALIAS == (owner.as_str(), field.name.as_str())
}
