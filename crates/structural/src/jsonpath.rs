//! The part of kubectl's JSONPath that columns, selectable fields, scale paths and rules use.
//!
//! Start at [`JsonPath::parse`]. It knows fields (`.a`, `['a']`, with `\.` for a dot), indexes and ranges (`[0]`, `[-1]`,
//! `[0:2]`), wildcards (`[*]`, `.*`) and filters (`[?(@.type=="Ready")]`). It refuses recursive descent, unions and
//! templates.

use serde_json::Value;
use std::cmp::Ordering;

/// Longest path.
const LONGEST: usize = 4 << 10;
/// Most values that one path gives.
const MOST_FOUND: usize = 10_000;

/// A parsed path.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonPath(Vec<Step>);

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    All,
    Index(i64),
    Range(Option<i64>, Option<i64>),
    /// Items where the left side, relative to the item, compares with the right one; without one, where it exists.
    Where(Vec<Step>, Option<(Comparison, Value)>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// Longest first.
const COMPARISONS: [(&str, Comparison); 6] = [
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<=", Comparison::LessEqual),
    (">=", Comparison::GreaterEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

impl JsonPath {
    /// Parses a path such as `.spec.a`; the error says what is wrong with it.
    pub fn parse(path: &str) -> Result<Self, String> {
        let inner = path.strip_prefix('{').and_then(|it| it.strip_suffix('}')).unwrap_or(path);
        if inner.len() > LONGEST {
            return Err(format!("is longer than {LONGEST} bytes"));
        }
        Ok(Self(steps(inner.strip_prefix('$').unwrap_or(inner))?))
    }

    /// The values that the path leads to; missing fields lead nowhere.
    pub fn find<'a>(&self, root: &'a Value) -> Vec<&'a Value> {
        find(&self.0, root)
    }

    /// The fields of a path that only names fields.
    pub fn names(&self) -> Option<Vec<&str>> {
        self.0.iter().map(Step::name).collect()
    }
}

fn find<'a>(steps: &[Step], root: &'a Value) -> Vec<&'a Value> {
    let mut found = vec![root];
    for step in steps {
        found = found.into_iter().flat_map(|it| step.from(it)).take(MOST_FOUND).collect();
    }
    found
}

impl Step {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Field(name) => Some(name),
            _ => None,
        }
    }

    fn from<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match (self, value) {
            (Self::Field(name), value) => value.get(name).into_iter().collect(),
            (Self::All, Value::Array(items)) => items.iter().collect(),
            (Self::All, Value::Object(fields)) => fields.values().collect(),
            (Self::Index(index), Value::Array(items)) => {
                position(*index, items.len()).and_then(|it| items.get(it)).into_iter().collect()
            }
            (Self::Range(start, end), Value::Array(items)) => {
                let bound = |it: Option<i64>, otherwise| match it {
                    Some(it) => position(it, items.len()).unwrap_or_default().min(items.len()),
                    None => otherwise,
                };
                let (start, end) = (bound(*start, 0), bound(*end, items.len()));
                items.get(start..end).unwrap_or_default().iter().collect()
            }
            (Self::Where(left, test), Value::Array(items)) => {
                items.iter().filter(|it| holds(find(left, it).first().copied(), test.as_ref())).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// A position counted from the start, or from the end if it is negative.
fn position(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    usize::try_from(if index < 0 { index + length } else { index }).ok()
}

fn holds(left: Option<&Value>, test: Option<&(Comparison, Value)>) -> bool {
    let Some(left) = left else { return false };
    let Some((comparison, right)) = test else { return true };
    let order = match (left, right) {
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Number(_), Value::Number(_)) => left.as_f64().partial_cmp(&right.as_f64()),
        _ => (left == right).then_some(Ordering::Equal),
    };
    match comparison {
        Comparison::Equal => order == Some(Ordering::Equal),
        Comparison::NotEqual => order != Some(Ordering::Equal),
        Comparison::Less => order.is_some_and(Ordering::is_lt),
        Comparison::LessEqual => order.is_some_and(Ordering::is_le),
        Comparison::Greater => order.is_some_and(Ordering::is_gt),
        Comparison::GreaterEqual => order.is_some_and(Ordering::is_ge),
    }
}

fn steps(text: &str) -> Result<Vec<Step>, String> {
    let (mut out, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        rest = match rest.strip_prefix('[') {
            Some(inside) => bracket(inside, &mut out)?,
            None => match rest.strip_prefix('.') {
                Some(inside) => dotted(inside, &mut out)?,
                None => return Err(format!("unexpected {rest:?}")),
            },
        };
    }
    Ok(out)
}

/// A field behind a dot, up to the next dot or bracket.
fn dotted<'t>(text: &'t str, out: &mut Vec<Step>) -> Result<&'t str, String> {
    let (mut name, mut chars) = (String::new(), text.char_indices().peekable());
    let mut end = text.len();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => name.extend(chars.next().map(|it| it.1)),
            '.' | '[' => {
                end = at;
                break;
            }
            _ => name.push(c),
        }
    }
    match name.as_str() {
        "" if text.starts_with('[') || text.is_empty() => {}
        "" => return Err("recursive descent is not supported".to_owned()),
        "*" => out.push(Step::All),
        _ => out.push(Step::Field(name)),
    }
    Ok(&text[end..])
}

/// What stands in brackets; gives what comes behind them.
fn bracket<'t>(text: &'t str, out: &mut Vec<Step>) -> Result<&'t str, String> {
    let end = closing(text).ok_or("unterminated array")?;
    let (inside, rest) = (text[..end].trim(), &text[end + 1..]);
    out.push(match inside {
        "*" => Step::All,
        _ if inside.starts_with('?') => filter(inside)?,
        _ if inside.starts_with(['\'', '"']) => Step::Field(quoted(inside).ok_or("unterminated text")?),
        _ => slice(inside)?,
    });
    Ok(rest)
}

/// Where the bracket closes, quotes and brackets inside it left out.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut quote, mut escaped) = (0, None, false);
    for (at, c) in text.char_indices() {
        match (c, quote) {
            _ if escaped => escaped = false,
            ('\\', _) => escaped = true,
            (c, Some(open)) if c == open => quote = None,
            (_, Some(_)) => {}
            ('\'' | '"', None) => quote = Some(c),
            ('[', None) => depth += 1,
            (']', None) if depth == 0 => return Some(at),
            (']', None) => depth -= 1,
            _ => {}
        }
    }
    None
}

fn quoted(text: &str) -> Option<String> {
    let quote = text.chars().next()?;
    let inside = text.strip_prefix(quote)?.strip_suffix(quote)?;
    Some(inside.replace(&format!("\\{quote}"), &quote.to_string()))
}

fn slice(inside: &str) -> Result<Step, String> {
    let number = |it: &str| it.trim().parse::<i64>().map_err(|_| format!("invalid array index {inside}"));
    let bound = |it: &str| if it.trim().is_empty() { Ok(None) } else { number(it).map(Some) };
    match inside.split_once(':') {
        Some((start, end)) => Ok(Step::Range(bound(start)?, bound(end)?)),
        None => number(inside).map(Step::Index),
    }
}

fn filter(inside: &str) -> Result<Step, String> {
    let test = inside.strip_prefix("?(").and_then(|it| it.strip_suffix(')')).ok_or("unterminated filter")?;
    let found = COMPARISONS.iter().filter_map(|it| Some((test.find(it.0)?, *it)));
    let (left, right) = match found.min_by_key(|(at, (sign, _))| (*at, std::cmp::Reverse(sign.len()))) {
        Some((at, (sign, comparison))) => {
            (&test[..at], Some((comparison, literal(&test[at + sign.len()..])?)))
        }
        None => (test, None),
    };
    let left = left.trim().strip_prefix('@').ok_or("a filter starts with @")?;
    if left.contains("?(") {
        return Err("a filter inside a filter is not supported".to_owned());
    }
    Ok(Step::Where(steps(left)?, right))
}

fn literal(text: &str) -> Result<Value, String> {
    let text = text.trim();
    if text.starts_with(['\'', '"']) {
        return quoted(text).map(Value::from).ok_or_else(|| format!("unterminated text {text}"));
    }
    serde_json::from_str(text).map_err(|_| format!("unrecognized literal {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_lead_where_kubectls_lead() {
        let root = json!({
            "spec": {"a": 1, "list": [1, 2, 3], "x.y": "dotted", "sub": {"b": "c"}},
            "status": {"conditions": [{"type": "Ready", "status": "True", "n": 3}, {"type": "Old", "status": "False"}]},
        });
        let check = |path: &str, expect: Value| {
            let found = JsonPath::parse(path).unwrap_or_else(|it| panic!("{path}: {it}"));
            assert_eq!(json!(found.find(&root)), expect, "{path}");
        };
        check(".spec.a", json!([1]));
        check("{.spec.a}", json!([1]));
        check(".spec['a']", json!([1]));
        check(".spec.list[0]", json!([1]));
        check(".spec.list[-1]", json!([3]));
        check(".spec.list[1:]", json!([2, 3]));
        check(".spec.list[*]", json!([1, 2, 3]));
        check(".spec.sub.*", json!(["c"]));
        check(r".spec.x\.y", json!(["dotted"]));
        check(r#".status.conditions[?(@.type=="Ready")].status"#, json!(["True"]));
        check(".status.conditions[?(@.type=='Old')].status", json!(["False"]));
        check(".status.conditions[?(@.n >= 3)].type", json!(["Ready"]));
        check(".status.conditions[?(@.n)].type", json!(["Ready"]));
        check(".spec.none.deeper", json!([]));
        check(".spec.list[99]", json!([]));
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for path in ["spec", ".spec[", ".spec[x]", "..spec", ".a[?(@.b==]", ".a[?(b)]", &".a".repeat(9999)] {
            assert!(JsonPath::parse(path).is_err(), "{path}");
        }
    }
}
