//! Reads `facts.txt`, checks it against the types and writes it into the schemas as upstream's extensions.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::schemas::{Definitions, target_of};

/// What the table says of one type.
#[derive(Default)]
pub(crate) struct TypeRow {
    pub(crate) facts: Row,
    pub(crate) fields: BTreeMap<String, Row>,
}

/// What the table says of one type or field, in its own words.
#[derive(Default)]
pub(crate) struct Row {
    /// `set` or `map`.
    pub(crate) list: Option<String>,
    pub(crate) keys: Vec<Key>,
    /// `atomic` or `granular`.
    pub(crate) map: Option<String>,
    pub(crate) strategies: Vec<String>,
    pub(crate) merge_key: Option<String>,
}

/// A field that identifies an item of a list.
pub(crate) struct Key {
    pub(crate) name: String,
    /// What stands for the key in an item without it.
    pub(crate) default: Option<String>,
}

impl Key {
    fn new(text: &str) -> Self {
        let (name, default) = text.split_once('=').map_or((text, None), |(name, it)| (name, Some(it.into())));
        Key { name: name.into(), default }
    }
}

/// The table by type name.
pub(crate) type Rows = BTreeMap<String, TypeRow>;

/// Parses the table; a malformed line stops the build.
pub(crate) fn parse(text: &str) -> Rows {
    let mut rows = Rows::new();
    let mut current = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        let mut words = line.split_whitespace();
        let name = words.next().unwrap().to_owned();
        let row = row_of(words);
        if line.starts_with(' ') {
            assert!(rows.get_mut(&current).unwrap().fields.insert(name, row).is_none(), "twice: {line}");
        } else {
            assert!(!rows.contains_key(&name), "twice: {line}");
            rows.entry(name.clone()).or_default().facts = row;
            current = name;
        }
    }
    rows
}

fn row_of<'a>(words: impl Iterator<Item = &'a str>) -> Row {
    let mut row = Row::default();
    for word in words {
        let (fact, value) = word.split_once('=').unwrap_or_else(|| panic!("{word} is no fact=value"));
        let (value, keys) = value.split_once('(').unwrap_or((value, ""));
        let mut keys = keys.trim_end_matches(')').split(',').filter(|key| !key.is_empty());
        match fact {
            "list" => (row.list, row.keys) = (Some(value.into()), keys.map(Key::new).collect()),
            "map" => row.map = Some(value.into()),
            "patch" => {
                row.strategies = value.split(',').map(String::from).collect();
                row.merge_key = keys.next().map(String::from);
            }
            _ => panic!("{fact} is none of list, map, patch"),
        }
    }
    row
}

/// Stops the build on a row without its type or field, and on keys that the list's items do not have.
pub(crate) fn check(rows: &Rows, definitions: &Definitions) {
    for (name, row) in rows {
        let schema = definitions.get(name).unwrap_or_else(|| panic!("facts.txt: there is no type {name}"));
        for (field, row) in &row.fields {
            let property = &schema["properties"][field];
            assert!(!property.is_null(), "facts.txt: {name} has no field {field}");
            check_list(row, property, definitions)
                .unwrap_or_else(|problem| panic!("{name}.{field}: {problem}"));
        }
    }
}

fn check_list(row: &Row, property: &Value, definitions: &Definitions) -> Result<(), String> {
    let merges = row.strategies.iter().any(|strategy| strategy == "merge");
    if (row.list.is_some() || merges) && property["type"] != "array" {
        return Err("is no list".into());
    }
    let item = target_of(property).map_or(&Value::Null, |target| &definitions[target]);
    let mut keys = row.keys.iter().map(|key| &key.name).chain(&row.merge_key);
    match keys.find(|key| item["properties"][key].is_null()) {
        Some(key) => Err(format!("its items have no {key}")),
        None => Ok(()),
    }
}

/// Adds the extensions that clients read from the documents.
pub(crate) fn annotate(rows: &Rows, definitions: &mut Definitions) {
    for (name, schema) in definitions {
        let row = rows.get(name);
        if let Some(map) = row.and_then(|row| row.facts.map.as_ref()) {
            schema["x-kubernetes-map-type"] = json!(map);
        }
        let Some(Value::Object(properties)) = schema.get_mut("properties") else { continue };
        for (field, property) in properties {
            annotate_field(row.and_then(|row| row.fields.get(field)), property);
        }
    }
}

fn annotate_field(row: Option<&Row>, property: &mut Value) {
    if property["type"] == "array" {
        let list = row.and_then(|row| row.list.as_deref()).unwrap_or("atomic");
        property["x-kubernetes-list-type"] = json!(list);
    }
    let Some(row) = row else { return };
    if !row.keys.is_empty() {
        let keys: Vec<&str> = row.keys.iter().map(|key| key.name.as_str()).collect();
        property["x-kubernetes-list-map-keys"] = json!(keys);
    }
    if let Some(map) = &row.map {
        property["x-kubernetes-map-type"] = json!(map);
    }
    if !row.strategies.is_empty() {
        property["x-kubernetes-patch-strategy"] = json!(row.strategies.join(","));
    }
    if let Some(key) = &row.merge_key {
        property["x-kubernetes-patch-merge-key"] = json!(key);
    }
}
