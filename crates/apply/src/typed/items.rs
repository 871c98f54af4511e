//! By which step the items of an associative list are reached.

use std::borrow::Cow;

use serde_json::Value;

use crate::path::PathElement;
use crate::schema::Schema;

/// Which kind of associative list.
#[derive(Clone, Copy)]
pub(crate) enum Identity {
    /// Scalars are told apart by themselves.
    Itself,
    /// Objects are told apart by their key fields.
    Keys,
}

/// The step to an item of a list at this place. The reason why there is none is upstream's.
pub(crate) fn step<'a>(
    list: &impl Schema,
    identity: Identity,
    item: &'a Value,
) -> Result<PathElement<'a>, String> {
    match identity {
        Identity::Itself => by_itself(item).map_err(str::to_owned),
        Identity::Keys => by_keys(list, item),
    }
}

fn by_itself(item: &Value) -> Result<PathElement<'_>, &'static str> {
    match item {
        Value::Object(_) => Err("associative list without keys has an element that's a map type"),
        Value::Array(_) => Err("not supported: associative list with lists as elements"),
        Value::Null => Err("associative list without keys has an element that's an explicit null"),
        scalar => Ok(PathElement::Value(Cow::Borrowed(scalar))),
    }
}

/// A key field that is neither there nor has a default is no part of the identity; at least one must be.
fn by_keys<'a>(list: &impl Schema, item: &'a Value) -> Result<PathElement<'a>, String> {
    let fields = match item {
        Value::Object(fields) => fields,
        Value::Null => return Err("associative list with keys may not have a null element".into()),
        _ => return Err("associative list with keys may not have non-map elements".into()),
    };
    let mut parts = Vec::with_capacity(2);
    for key in list.keys() {
        if let Some((name, value)) = fields.get_key_value(key) {
            parts.push((Cow::Borrowed(name.as_str()), Cow::Borrowed(value)));
        } else if let Some(default) = list.key_default(key) {
            parts.push((Cow::Owned(key.to_owned()), Cow::Owned(default)));
        }
    }
    if parts.is_empty() {
        return Err(no_keys(list));
    }
    parts.sort_by(|left, right| left.0.cmp(&right.0));
    Ok(PathElement::Key(parts))
}

fn no_keys(list: &impl Schema) -> String {
    let keys: Vec<String> = list.keys().map(|key| format!("{key:?}")).collect();
    format!(
        "associative list with keys has an element that omits all key fields [{}] (and doesn't have default \
         values for any key fields)",
        keys.join(" ")
    )
}

/// The items of one list, found by their steps.
pub(crate) struct Indexed<'a> {
    /// In the list's order.
    pub(crate) items: Vec<(PathElement<'a>, &'a Value)>,
    /// Positions in the order of the steps; equal steps in the list's order.
    sorted: Vec<usize>,
}

impl<'a> Indexed<'a> {
    /// All items; the first that has no step is an error with its position.
    pub(crate) fn new(
        list: &impl Schema,
        identity: Identity,
        items: &'a [Value],
    ) -> Result<Self, (usize, String)> {
        let steps = items.iter().enumerate().map(|(at, item)| match step(list, identity, item) {
            Ok(element) => Ok((element, item)),
            Err(reason) => Err((at, reason)),
        });
        let items = steps.collect::<Result<Vec<_>, _>>()?;
        let mut sorted: Vec<usize> = (0..items.len()).collect();
        sorted.sort_by(|left, right| items[*left].0.cmp(&items[*right].0));
        Ok(Indexed { items, sorted })
    }

    /// The positions of a step's items.
    pub(crate) fn positions(&self, element: &PathElement<'_>) -> &[usize] {
        let first = self.sorted.partition_point(|at| self.items[*at].0 < *element);
        let count = self.sorted[first..].partition_point(|at| self.items[*at].0 == *element);
        &self.sorted[first..first + count]
    }

    /// The steps in order, each once, with the positions of its items.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (&PathElement<'a>, &[usize])> {
        let equal = |left: &usize, right: &usize| self.items[*left].0 == self.items[*right].0;
        self.sorted.chunk_by(equal).map(|group| (&self.items[group[0]].0, group))
    }

    /// The item of a position.
    pub(crate) fn at(&self, position: usize) -> &'a Value {
        self.items[position].1
    }
}
