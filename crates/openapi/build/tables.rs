//! Writes the navigation tables that the library compiles in: integers over one string, so that they need neither
//! start-up work nor relocation.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
};

use serde_json::Value;

use crate::{
    facts::{Key, Row, Rows},
    kinds::Kind,
    schemas::{Definitions, sibling, target_of},
};

/// All strings of the tables, each once.
#[derive(Default)]
struct Text {
    all: String,
    places: HashMap<String, usize>,
}

impl Text {
    fn place(&mut self, text: &str) -> String {
        let all = &mut self.all;
        let at = *self.places.entry(text.to_owned()).or_insert_with(|| {
            let at = all.len();
            all.push_str(text);
            at
        });
        format!("Text::new({at}, {})", text.len())
    }
}

/// The rows of one table, as source.
#[derive(Default)]
struct Table {
    code: String,
    count: usize,
}

impl Table {
    fn push(&mut self, row: &str) {
        writeln!(self.code, "    {row},").unwrap();
        self.count += 1;
    }
}

/// The source of the tables.
pub(crate) fn code(definitions: &Definitions, rows: &Rows, kinds: &[Kind]) -> String {
    let indexes: BTreeMap<&str, usize> = definitions.keys().map(String::as_str).zip(0..).collect();
    let mut text = Text::default();
    let (mut types, mut fields, mut leaves) = (String::new(), Table::default(), Table::default());
    for (name, schema) in definitions {
        let row = rows.get(name);
        let (first, first_leaf) = (fields.count, leaves.count);
        for (field, property) in schema["properties"].as_object().into_iter().flatten() {
            let row = row.and_then(|row| row.fields.get(field));
            match field_code(&mut text, &indexes, field, property, row) {
                Some(code) => fields.push(&code),
                None => leaves.push(&text.place(field)),
            }
        }
        let atomic = row.is_some_and(|row| row.facts.map.as_deref() == Some("atomic"));
        let (name, end, end_leaf) = (text.place(name), fields.count, leaves.count);
        writeln!(
            types,
            "    Type {{ name: {name}, first: {first}, end: {end}, first_leaf: {first_leaf}, end_leaf: {end_leaf}, \
             atomic: {atomic} }},"
        )
        .unwrap();
    }
    let (fields, leaves) = (fields.code, leaves.code);
    let kinds = kinds_code(&mut text, &indexes, kinds);
    format!(
        "static TEXT: &str = {:?};\nstatic TYPES: &[Type] = &[\n{types}];\nstatic FIELDS: &[Field] = &[\n{fields}];\n\
         static LEAVES: &[Text] = &[\n{leaves}];\nstatic KINDS: &[Kind] = &[\n{kinds}];\n/// Stands for the embedded schemas in hashes.\npub(crate) const \
         DIGEST: u64 = {};\n",
        text.all,
        digest(definitions),
    )
}

/// A field leads somewhere, is a list or a map, or has facts; other fields are leaves, of which the name is enough.
fn field_code(
    text: &mut Text,
    indexes: &BTreeMap<&str, usize>,
    name: &str,
    property: &Value,
    row: Option<&Row>,
) -> Option<String> {
    let target = target_of(property);
    let shape = match property["type"].as_str() {
        Some("array") => "List",
        Some("object") => "Map",
        _ => "One",
    };
    if shape == "One" && target.is_none() && row.is_none() {
        return None;
    }
    let target = target.map_or("NOWHERE".into(), |target| indexes[target].to_string());
    let none = Row::default();
    let row = row.unwrap_or(&none);
    let list = match row.list.as_deref() {
        Some("set") => "Set",
        Some("map") => "Map",
        _ => "Atomic",
    };
    let map = match row.map.as_deref() {
        Some("atomic") => "Atomic",
        Some("granular") => "Granular",
        _ => "OfType",
    };
    let has = |strategy: &str| row.strategies.iter().any(|name| name == strategy);
    Some(format!(
        "Field {{ name: {}, shape: Shape::{shape}, target: {target}, list: ListType::{list}, keys: {}, map: \
         MapType::{map}, patch: Patch {{ merge: {}, replace: {}, retain_keys: {} }}, merge_key: {} }}",
        text.place(name),
        text.place(&keys_text(row)),
        has("merge"),
        has("replace"),
        has("retainKeys"),
        text.place(row.merge_key.as_deref().unwrap_or("")),
    ))
}

/// The keys as in the table: `port,protocol=TCP`.
fn keys_text(row: &Row) -> String {
    let text = |key: &Key| match &key.default {
        Some(default) => format!("{}={default}", key.name),
        None => key.name.clone(),
    };
    row.keys.iter().map(text).collect::<Vec<_>>().join(",")
}

fn kinds_code(text: &mut Text, indexes: &BTreeMap<&str, usize>, kinds: &[Kind]) -> String {
    let mut rows = BTreeMap::new();
    for kind in kinds {
        rows.insert((kind.group, kind.version, kind.kind), indexes[kind.type_name.as_str()]);
        if let Some(list) = kind.list {
            let index = indexes[sibling(&kind.type_name, list).as_str()];
            rows.insert((kind.group, kind.version, list), index);
        }
    }
    let mut code = String::new();
    for ((group, version, kind), index) in rows {
        let (group, version, kind) = (text.place(group), text.place(version), text.place(kind));
        writeln!(code, "    Kind {{ group: {group}, version: {version}, kind: {kind}, index: {index} }},")
            .unwrap();
    }
    code
}

/// FNV-1a over the schemas: a name for their content, not a defence.
fn digest(definitions: &Definitions) -> u64 {
    let bytes = serde_json::to_vec(definitions).unwrap();
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
