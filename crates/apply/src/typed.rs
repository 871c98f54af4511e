//! Values of a type: checked, compared, merged, cut, and turned into the set of paths that they mention.
//!
//! Each file is one walk along a value and its [`Schema`](crate::schema::Schema): `validate`, `field_set`, `compare`,
//! `merge`, `remove`, `atomics`, and `fit` for sets of an older schema. `items` says by which step a list's item is reached.

mod atomics;
mod compare;
mod field_set;
mod fit;
mod items;
mod merge;
mod remove;
mod validate;

#[cfg(test)]
mod tests;

pub use atomics::atomics;
pub use compare::{Comparison, compare};
pub use field_set::{field_set, with_declared_fields};
pub(crate) use fit::fit;
pub use merge::merge;
pub use remove::{extract_items, remove_items};
pub use validate::{Duplicates, validate};

use serde_json::{Map, Value};

/// The object's entries; null and what is no object have none.
fn entries(value: &Value) -> Option<&Map<String, Value>> {
    value.as_object().filter(|entries| !entries.is_empty())
}

/// The list's items; null and what is no list have none.
fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
