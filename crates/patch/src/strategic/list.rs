//! Merges the items of one list: objects by their merge key, scalars by themselves.

use std::{collections::HashMap, mem};

use serde_json::Value;

use super::{
    Object,
    directive::{PATCH, fresh},
    object, order,
    schema::{Lookup, Schema},
};
use crate::error::Error;

/// What the items of a list are.
enum Items {
    None,
    Scalars,
    Objects,
}

/// The list with the patch's items merged in and arranged.
pub(super) fn merge(
    there: Vec<Value>,
    patch: Vec<Value>,
    field: &str,
    lookup: &Lookup,
) -> Result<Vec<Value>, Error> {
    match items_of(&there, &patch)? {
        Items::None => Ok(there),
        Items::Scalars => {
            let merged = there.iter().chain(&patch).cloned().collect();
            order::arrange(order::deduplicate(merged), &patch, &there, None)
        }
        Items::Objects => {
            let key = lookup.merge_key.ok_or_else(|| Error::NoDeclaredMergeKey { field: field.into() })?;
            merge_objects(there, patch, key, lookup.schema)
        }
    }
}

/// All items of both lists must be of one type, and no lists.
fn items_of(there: &[Value], patch: &[Value]) -> Result<Items, Error> {
    let mut items = there.iter().chain(patch);
    let Some(first) = items.next() else { return Ok(Items::None) };
    if first.is_array() {
        return Err(Error::ListOfLists);
    }
    if items.any(|item| mem::discriminant(item) != mem::discriminant(first)) {
        return Err(Error::MixedList { lists: vec![there.into(), patch.into()] });
    }
    Ok(if first.is_object() { Items::Objects } else { Items::Scalars })
}

fn merge_objects(
    there: Vec<Value>,
    patch: Vec<Value>,
    key: &'static str,
    schema: Schema,
) -> Result<Vec<Value>, Error> {
    let (there, patch) = obey_directives(there, patch, key)?;
    let mut positions = HashMap::new();
    for (at, item) in there.iter().enumerate() {
        if let Some(identity) = item.get(key) {
            positions.entry(identity.clone()).or_insert(at);
        }
    }
    let mut merged = there.clone();
    for item in patch.iter().filter_map(Value::as_object) {
        let identity = item.get(key).ok_or_else(|| no_merge_key(item, key))?;
        match positions.get(identity) {
            Some(&at) => {
                let current = mem::take(&mut merged[at]);
                let Value::Object(current) = current else { return Err(Error::ListOfLists) };
                merged[at] = Value::Object(object::merge(current, item.clone(), schema)?);
            }
            None => {
                positions.insert(identity.clone(), merged.len());
                merged.extend(fresh(Value::Object(item.clone())));
            }
        }
    }
    order::arrange(merged, &patch, &there, Some(key))
}

/// Obeys the items that carry `$patch`: what is left of the list, and of the patch.
fn obey_directives(
    mut there: Vec<Value>,
    patch: Vec<Value>,
    key: &'static str,
) -> Result<(Vec<Value>, Vec<Value>), Error> {
    let (special, plain): (Vec<_>, Vec<_>) = patch.into_iter().partition(|item| item.get(PATCH).is_some());
    let mut replace = false;
    for item in special.iter().filter_map(Value::as_object) {
        match item[PATCH].as_str() {
            Some("delete") => {
                let identity = item.get(key).ok_or_else(|| no_merge_key(item, key))?;
                there.retain(|item| item.get(key) != Some(identity));
            }
            Some("replace") => replace = true,
            Some("merge") => return Err(Error::MergeInList),
            _ => {
                return Err(Error::UnknownDirective { directive: item[PATCH].clone(), within: item.clone() });
            }
        }
    }
    if replace {
        return Ok((plain.into_iter().filter_map(fresh).collect(), vec![]));
    }
    Ok((there, plain))
}

fn no_merge_key(item: &Object, key: &'static str) -> Error {
    Error::NoMergeKey { item: item.clone(), key }
}
