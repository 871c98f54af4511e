//! Merging a configuration into an object: what the configuration says wins, what it leaves out stays.

use serde_json::{Map, Value};

use super::items::{Identity, Indexed};
use super::{entries, list};
use crate::error::Unfit;
use crate::path::PathElement;
use crate::schema::{Schema, Shape};

/// The live value with the configuration merged into it.
///
/// The configuration must have been [validated](super::validate). Items that both have stand in the configuration's
/// order, those that only one of them has stay beside their neighbours. Live items of the same identity are all kept
/// until the configuration has one of that identity: it takes the place of all.
pub fn merge<S: Schema>(live: &Value, configuration: &Value, schema: S) -> Result<Value, Unfit> {
    walk(live, configuration, &schema)
}

fn walk<S: Schema>(live: &Value, config: &Value, schema: &S) -> Result<Value, Unfit> {
    match schema.shape() {
        Shape::Object => of_objects(live, config, schema),
        Shape::Unknown if live.is_object() && (config.is_object() || config.is_null()) => {
            of_objects(live, config, schema)
        }
        Shape::Set(item) => of_lists(live, config, schema, Identity::Itself, &item),
        Shape::ListMap(item) => of_lists(live, config, schema, Identity::Keys, &item),
        _ => Ok(config.clone()),
    }
}

fn of_objects<S: Schema>(live: &Value, config: &Value, schema: &S) -> Result<Value, Unfit> {
    let (Some(live), Some(config)) = (entries(live), entries(config)) else {
        return Ok(if entries(live).is_some() { live } else { config }.clone());
    };
    let mut merged = Map::new();
    for (name, value) in live {
        let value = match (config.get(name), schema.child(name)) {
            (Some(config), Some(child)) => {
                walk(value, config, &child.schema).map_err(|unfit| unfit.below(&PathElement::field(name)))?
            }
            (Some(config), None) => config.clone(),
            (None, _) => value.clone(),
        };
        merged.insert(name.clone(), value);
    }
    for (name, value) in config.iter().filter(|(name, _)| !live.contains_key(*name)) {
        merged.insert(name.clone(), value.clone());
    }
    Ok(Value::Object(merged))
}

fn of_lists<S: Schema>(
    live: &Value,
    config: &Value,
    schema: &S,
    identity: Identity,
    item: &S,
) -> Result<Value, Unfit> {
    if list(live).is_empty() {
        return Ok(config.clone());
    }
    if list(config).is_empty() {
        return Ok(live.clone());
    }
    let live = Indexed::new(schema, identity, list(live)).map_err(Unfit::item)?;
    let config = Indexed::new(schema, identity, list(config)).map_err(Unfit::item)?;
    let mut merged = Vec::with_capacity(live.items.len());
    for source in arrange(&live, &config) {
        merged.push(match source {
            Source::Live(at) => live.at(at).clone(),
            Source::Configuration(at) => {
                let (element, value) = &config.items[at];
                match live.positions(element) {
                    [only] => walk(live.at(*only), value, item).map_err(|unfit| unfit.below(element))?,
                    _ => (*value).clone(),
                }
            }
        });
    }
    Ok(Value::Array(merged))
}

/// Where the next item of a merged list comes from.
enum Source {
    /// Only the live list has it.
    Live(usize),
    /// The configuration has it, and perhaps the live list, too.
    Configuration(usize),
}

/// The order of the merged list. Both lists are walked together. An item of the live list alone is taken where it
/// stands; a live item that the configuration has waits for its turn there, which is why the configuration's other
/// items may come first.
fn arrange(live: &Indexed<'_>, config: &Indexed<'_>) -> Vec<Source> {
    let is_shared = |element: &PathElement<'_>| !live.positions(element).is_empty();
    let mut shared = config.items.iter().map(|(element, _)| element).filter(|it| is_shared(it)).peekable();
    let mut order = Vec::with_capacity(live.items.len());
    let (mut at, mut turn) = (0, 0);
    loop {
        let here = live.items.get(at).map(|(element, _)| element);
        let next = config.items.get(turn).map(|(element, _)| element);
        let here_in_config = here.is_some_and(|it| !config.positions(it).is_empty());
        match (here, next) {
            (None, None) => return order,
            (Some(_), _) if !here_in_config => {
                order.push(Source::Live(at));
                at += 1;
                continue;
            }
            (Some(_), None) => {
                at += 1;
                continue;
            }
            (Some(here), Some(next)) if here == next => at += 1,
            (Some(here), Some(_)) if shared.peek().is_some_and(|it| *it != here) => {
                at += 1;
                continue;
            }
            _ => {}
        }
        shared.next_if(|it| Some(*it) == next);
        order.push(Source::Configuration(turn));
        turn += 1;
    }
}
