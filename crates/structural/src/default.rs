//! Filling in what the schema says stands for values that are not given.
//!
//! Start at [`Structural::apply_defaults`]. A null where null is no value counts as not given: the default replaces
//! it, and without a default the field goes.

use crate::schema::Structural;
use serde_json::{Map, Value};

impl Structural {
    /// Fills in defaults everywhere, and drops nulls of fields that are not nullable and have no default.
    pub fn apply_defaults(&self, object: &mut Value) {
        fill(object, self);
    }
}

fn fill(value: &mut Value, schema: &Structural) {
    match value {
        Value::Object(fields) => fill_fields(fields, schema),
        Value::Array(items) => {
            let Some(schema) = schema.items() else { return };
            for item in items {
                if item.is_null() && !schema.nullable {
                    *item = schema.default.clone().unwrap_or_default();
                }
                fill(item, schema);
            }
        }
        _ => {}
    }
}

fn fill_fields(fields: &mut Map<String, Value>, schema: &Structural) {
    for (name, property) in &schema.properties {
        let Some(default) = &property.default else { continue };
        match fields.get_mut(name) {
            Some(given) if given.is_null() && !property.nullable => *given = default.clone(),
            Some(_) => {}
            None => {
                fields.insert(name.clone(), default.clone());
            }
        }
    }
    if let Some(values) = schema.values().filter(|it| !it.nullable) {
        let unnamed = fields.iter_mut().filter(|(name, _)| !schema.properties.contains_key(*name));
        for (_, value) in unnamed.filter(|(_, value)| value.is_null()) {
            *value = values.default.clone().unwrap_or_default();
        }
    }
    fields.retain(|name, value| !value.is_null() || schema.child(name).is_none_or(|it| it.nullable));
    for (name, value) in fields {
        if let Some(schema) = schema.child(name) {
            fill(value, schema);
        }
    }
}
