//! `--sort-by`: rows in the order of what an expression finds in their objects.

use super::jsonpath::JsonPath;
use api::quantity::Amount;
use serde_json::Value;
use std::cmp::Ordering;

/// Sorts objects, or whatever holds them; those without the field come first.
pub(crate) fn sort_by<T>(list: &mut [T], path: &JsonPath, object: impl Fn(&T) -> &Value) {
    list.sort_by(|a, b| {
        let found = |it: &T| path.find(object(it)).ok().and_then(|it| it.first().map(|it| (*it).clone()));
        match (found(a), found(b)) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => order(&a, &b),
        }
    });
}

fn order(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal)
        }
        (Value::String(a), Value::String(b)) => texts(a, b),
        (a, b) => a.to_string().cmp(&b.to_string()),
    }
}

/// Quantities by their amount, anything else so that `web-2` comes before `web-10`.
fn texts(a: &str, b: &str) -> Ordering {
    if let (Ok(a), Ok(b)) = (Amount::parse(a), Amount::parse(b)) {
        return a.cmp(&b);
    }
    natural(a).cmp(&natural(b)).then_with(|| a.cmp(b))
}

/// The text cut into words and numbers.
fn natural(text: &str) -> Vec<(Option<u128>, String)> {
    let mut parts: Vec<(bool, String)> = Vec::new();
    for letter in text.chars() {
        let digit = letter.is_ascii_digit();
        match parts.last_mut() {
            Some((is, part)) if *is == digit => part.push(letter),
            _ => parts.push((digit, letter.to_string())),
        }
    }
    parts.into_iter().map(|(digit, part)| (digit.then(|| part.parse().unwrap_or(u128::MAX)), part)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_sort_by_what_they_mean() {
        let check = |list: &[Value], expect: &[Value]| {
            let mut objects: Vec<Value> = list.iter().map(|it| json!({"v": it})).collect();
            sort_by(&mut objects, &JsonPath::relaxed(".v").unwrap(), |it| it);
            assert_eq!(objects, expect.iter().map(|it| json!({"v": it})).collect::<Vec<_>>());
        };
        check(&[json!(10), json!(9)], &[json!(9), json!(10)]);
        check(&[json!("1Gi"), json!("500Mi")], &[json!("500Mi"), json!("1Gi")]);
        check(&[json!("web-10"), json!("web-2")], &[json!("web-2"), json!("web-10")]);
        check(&[json!("b"), json!("a")], &[json!("a"), json!("b")]);
        check(
            &[json!("2026-01-02T00:00:00Z"), json!("2026-01-01T00:00:00Z")],
            &[json!("2026-01-01T00:00:00Z"), json!("2026-01-02T00:00:00Z")],
        );
    }

    #[test]
    fn those_without_the_field_come_first() {
        let mut objects = [json!({"v": 1}), json!({})];
        sort_by(&mut objects, &JsonPath::relaxed("{.v}").unwrap(), |it| it);
        assert_eq!(objects, [json!({}), json!({"v": 1})]);
    }
}
