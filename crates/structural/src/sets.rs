//! What list types forbid: the same item twice in a set, the same keys twice in a list of type map.

use crate::correlate::Old;
use crate::schema::{ListType, Structural};
use crate::validate::made;
use crate::walk::walk;
use api::field::{ErrorType, Errors};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// Every item that stands in its list twice.
pub(crate) fn duplicates(value: &Value, schema: &Structural, old: Old<'_>) -> Errors {
    let mut errors = Errors::new();
    walk("", value, schema, old, &mut |path, value, schema| {
        if let Value::Array(items) = value {
            one_list(&mut errors, path, items, schema);
        }
    });
    errors
}

fn one_list(errors: &mut Errors, path: &str, items: &[Value], schema: &Structural) {
    let mut seen = HashSet::new();
    for (index, item) in items.iter().enumerate() {
        let identity = match schema.list_type {
            ListType::Atomic => return,
            ListType::Set => item.clone(),
            ListType::Map => match item {
                Value::Object(fields) => keys_of(fields, &schema.map_keys),
                _ => {
                    let detail = "must be an object for an array of list-type map".to_owned();
                    errors.push(made(ErrorType::Invalid, &format!("{path}[{index}]"), item.clone(), detail));
                    continue;
                }
            },
        };
        if !seen.insert(identity.to_string()) {
            errors.push(made(ErrorType::Duplicate, &format!("{path}[{index}]"), identity, String::new()));
        }
    }
}

fn keys_of(fields: &Map<String, Value>, keys: &[String]) -> Value {
    let given = keys.iter().filter_map(|key| Some((key.clone(), fields.get(key)?.clone())));
    Value::Object(given.collect())
}
