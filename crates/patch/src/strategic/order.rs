//! The order of a merged list. `$setElementOrder` goes before the patch's order, and that before the server's.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::directive::PATCH;
use crate::error::Error;

/// The position of each item in an ordering list.
struct Positions<'a>(HashMap<&'a Value, usize>);

impl<'a> Positions<'a> {
    fn of(order: &'a [Value], key: Option<&'static str>) -> Result<Self, Error> {
        let mut positions = HashMap::new();
        for (at, item) in order.iter().enumerate() {
            positions.entry(identity_of(item, key)?).or_insert(at);
        }
        Ok(Positions(positions))
    }

    fn at(&self, identity: &Value) -> Option<usize> {
        self.0.get(identity).copied()
    }
}

/// What tells an item from the others of its list: the value of its merge key, or the scalar itself.
fn identity_of<'a>(item: &'a Value, key: Option<&'static str>) -> Result<&'a Value, Error> {
    let Some(key) = key else { return Ok(item) };
    let missing = || Error::NoMergeKey { item: item.as_object().cloned().unwrap_or_default(), key };
    item.get(key).ok_or_else(missing)
}

/// Scalars, each once, in the order of their first appearance.
pub(super) fn deduplicate(items: Vec<Value>) -> Vec<Value> {
    let mut seen = HashSet::new();
    items.into_iter().filter(|item| seen.insert(item.clone())).collect()
}

/// Arranges a merged list. The items that `order` names follow it; the server's own keep their order among
/// themselves; of one of each, the server's goes first only where it stood before the other on the server.
pub(super) fn arrange(
    merged: Vec<Value>,
    order: &[Value],
    server_order: &[Value],
    key: Option<&'static str>,
) -> Result<Vec<Value>, Error> {
    let order = Positions::of(order, key)?;
    let server_order = Positions::of(server_order, key)?;
    let mut ordered = Vec::new();
    let mut server_only = Vec::new();
    for item in merged {
        let identity = identity_of(&item, key)?;
        let on_server = server_order.at(identity);
        match order.at(identity) {
            Some(at) => ordered.push((at, on_server, item)),
            None => server_only.push((on_server, item)),
        }
    }
    ordered.sort_by_key(|(at, ..)| *at);
    server_only.sort_by_key(|(at, _)| *at);
    let ordered = ordered.into_iter().map(|(_, on_server, item)| (on_server, item)).collect();
    Ok(interleave(server_only, ordered))
}

/// An item with its position on the server.
type Placed = (Option<usize>, Value);

fn interleave(server_only: Vec<Placed>, ordered: Vec<Placed>) -> Vec<Value> {
    let mut result = Vec::with_capacity(server_only.len() + ordered.len());
    let mut server_only = server_only.into_iter().peekable();
    for (on_server, item) in ordered {
        while let Some((_, own)) = server_only.next_if(|(own, _)| own.is_some() && *own < on_server) {
            result.push(own);
        }
        result.push(item);
    }
    result.extend(server_only.map(|(_, own)| own));
    result
}

/// The patch's items, deletions apart, must all be named by `$setElementOrder` and stand in its order.
pub(super) fn check(list: &[Value], order: &[Value], key: Option<&'static str>) -> Result<(), Error> {
    if list.is_empty() || order.is_empty() {
        return Ok(());
    }
    let mut rest = order.iter();
    for item in list.iter().filter(|item| item.get(PATCH).is_none()) {
        let identity = identity_of(item, key)?;
        let mut found = false;
        for candidate in rest.by_ref() {
            found = identity_of(candidate, key)? == identity;
            if found {
                break;
            }
        }
        if !found {
            return Err(Error::OrderMismatch { list: list.into(), order: order.into() });
        }
    }
    Ok(())
}
