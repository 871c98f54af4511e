//! Finds the values that paths lead to.

use super::{Filter, Node, Operand, Operator, Step, go_text};
use anyhow::{Result, bail};
use serde_json::Value;
use std::cmp::Ordering;

/// The text of nodes for a value.
pub(super) fn print(nodes: &[Node], value: &Value) -> Result<String> {
    let mut text = String::new();
    for node in nodes {
        match node {
            Node::Text(it) => text.push_str(it),
            Node::Find(path) => {
                let found: Vec<String> = find(path, value)?.into_iter().map(go_text).collect();
                text.push_str(&found.join(" "));
            }
            Node::Range(path, body) => {
                for item in find(path, value)? {
                    text.push_str(&print(body, item)?);
                }
            }
        }
    }
    Ok(text)
}

/// The values that a path leads to from a value.
pub(super) fn find<'a>(path: &[Step], value: &'a Value) -> Result<Vec<&'a Value>> {
    let mut found = vec![value];
    let mut deep = false;
    for step in path {
        if *step == Step::Deep {
            deep = true;
            continue;
        }
        let from = if std::mem::take(&mut deep) { descendants(&found) } else { found };
        found = Vec::new();
        for value in from {
            found.extend(taken(step, value)?);
        }
    }
    Ok(found)
}

fn taken<'a>(step: &Step, value: &'a Value) -> Result<Vec<&'a Value>> {
    Ok(match (step, value) {
        (Step::Field(name), Value::Object(map)) => map.get(name).into_iter().collect(),
        (Step::All, Value::Object(map)) => map.values().collect(),
        (Step::All, Value::Array(items)) => items.iter().collect(),
        (Step::Index(index), Value::Array(items)) => vec![item(items, *index)?],
        (Step::Slice { from, to, step }, Value::Array(items)) => slice(items, *from, *to, *step)?,
        (Step::Path(path), value) => find(path, value)?,
        (Step::Union(choices), value) => {
            let mut found = Vec::new();
            for choice in choices {
                found.extend(taken(choice, value)?);
            }
            found
        }
        (Step::Filter(filter), Value::Array(items)) => kept(filter, items.iter())?,
        (Step::Filter(filter), Value::Object(map)) => kept(filter, map.values())?,
        _ => Vec::new(),
    })
}

fn item(items: &[Value], index: i64) -> Result<&Value> {
    let length = items.len();
    let at = if index < 0 { index + length as i64 } else { index };
    match usize::try_from(at).ok().and_then(|it| items.get(it)) {
        Some(item) => Ok(item),
        None => bail!("array index out of bounds: index {index}, length {length}"),
    }
}

fn slice(items: &[Value], from: Option<i64>, to: Option<i64>, step: Option<i64>) -> Result<Vec<&Value>> {
    let length = items.len() as i64;
    let bound = |it: i64| (if it < 0 { it + length } else { it }).clamp(0, length) as usize;
    let (from, to) = (bound(from.unwrap_or(0)), bound(to.unwrap_or(length)));
    let step = step.unwrap_or(1);
    if step < 1 {
        bail!("step must be > 0");
    }
    Ok(items.get(from..to).unwrap_or_default().iter().step_by(step as usize).collect())
}

/// The values themselves and everything in them.
fn descendants<'a>(values: &[&'a Value]) -> Vec<&'a Value> {
    let mut found = Vec::new();
    for value in values {
        found.push(*value);
        let children: Vec<&Value> = match value {
            Value::Object(map) => map.values().collect(),
            Value::Array(items) => items.iter().collect(),
            _ => continue,
        };
        found.extend(descendants(&children));
    }
    found
}

fn kept<'a>(filter: &Filter, values: impl Iterator<Item = &'a Value>) -> Result<Vec<&'a Value>> {
    let mut found = Vec::new();
    for value in values {
        if holds(filter, value)? {
            found.push(value);
        }
    }
    Ok(found)
}

fn holds(filter: &Filter, value: &Value) -> Result<bool> {
    let left = operand(&filter.left, value)?;
    let Some((operator, right)) = &filter.test else { return Ok(left.is_some()) };
    let (Some(left), Some(right)) = (left, operand(right, value)?) else { return Ok(false) };
    let order = order(&left, &right);
    Ok(match operator {
        Operator::Equal => order == Some(Ordering::Equal),
        Operator::NotEqual => order != Some(Ordering::Equal),
        Operator::Less => order == Some(Ordering::Less),
        Operator::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Operator::Greater => order == Some(Ordering::Greater),
        Operator::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    })
}

fn operand(operand: &Operand, value: &Value) -> Result<Option<Value>> {
    Ok(match operand {
        Operand::Literal(literal) => Some(literal.clone()),
        Operand::Path(path) => find(path, value)?.first().map(|it| (*it).clone()),
    })
}

fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64().partial_cmp(&b.as_f64()),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (a, b) => (a == b).then_some(Ordering::Equal),
    }
}
