//! Strategic merge patch: a merge patch that knows from the schema how each list and map merges.
//!
//! Follows upstream's `strategicpatch` as the server uses it. Start at [`strategic_merge`]: `directive` takes a patch
//! object apart, `object` merges fields, `list` merges items and `order` arranges them, `schema` walks the types. A
//! worked example, for `spec.containers` merged by `name`:
//!
//! ```text
//! there  [{name: a, image: 1}, {name: b}]
//! patch  {$setElementOrder/containers: [{name: c}, {name: a}],
//!         containers: [{name: c, image: 3}, {name: a, image: 2}]}
//! gives  [{name: c, image: 3}, {name: a, image: 2}, {name: b}]
//! ```

mod directive;
mod list;
mod object;
mod order;
mod schema;
#[cfg(test)]
mod tests;

use openapi::facts::Type;
use serde_json::{Map, Value};

use crate::error::{Error, type_name};
use schema::Schema;

type Object = Map<String, Value>;

/// Applies a strategic merge patch to an object of a type.
pub fn strategic_merge(doc: &Value, patch: &Value, schema: &'static Type) -> Result<Value, Error> {
    let doc = object_of(doc)?;
    let patch = object_of(patch)?;
    object::merge(doc.clone(), patch.clone(), Schema::Type(schema)).map(Value::Object)
}

fn object_of(value: &Value) -> Result<&Object, Error> {
    value.as_object().ok_or_else(|| Error::NotAnObject(type_name(value)))
}
