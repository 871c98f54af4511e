//! Label and field selectors: parsing the query strings of lists and watches, and matching objects.

use crate::validation::names;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use std::collections::BTreeMap;
use std::fmt;

/// The labels of an object.
pub type Labels = BTreeMap<String, String>;

/// What one requirement asks of a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// The label is one of these.
    In(Vec<String>),
    /// The label is absent or none of these.
    NotIn(Vec<String>),
    /// The label is there.
    Exists,
    /// The label is absent.
    Absent,
    /// The label is a number greater than this one; node selectors only.
    Greater(i64),
    /// The label is a number less than this one; node selectors only.
    Less(i64),
}

/// One requirement on one label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// The label's key.
    pub key: String,
    /// What is asked of it.
    pub test: Test,
}

/// All requirements must hold; without any, everything matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector(pub Vec<Requirement>);

/// A selector that makes no sense; the text says why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseError(pub String);

impl Requirement {
    /// Whether labels meet this requirement.
    pub fn matches(&self, labels: Option<&Labels>) -> bool {
        let value = labels.and_then(|it| it.get(&self.key));
        match (&self.test, value) {
            (Test::In(values), Some(value)) => values.contains(value),
            (Test::NotIn(values), Some(value)) => !values.contains(value),
            (Test::Exists, value) => value.is_some(),
            (Test::Absent, value) => value.is_none(),
            (Test::NotIn(_), None) => true,
            (Test::Greater(bound), Some(value)) => value.parse::<i64>().is_ok_and(|it| it > *bound),
            (Test::Less(bound), Some(value)) => value.parse::<i64>().is_ok_and(|it| it < *bound),
            (Test::In(_) | Test::Greater(_) | Test::Less(_), None) => false,
        }
    }
}

impl Selector {
    /// Parses a query string such as `app=web,tier in (a, b),!old`.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        split_outside_parentheses(text).into_iter().map(parse_requirement).collect::<Result<_, _>>().map(Self)
    }

    /// The selector of a workload's spec. Unknown operators make it an error.
    pub fn of(selector: &LabelSelector) -> Result<Self, ParseError> {
        let labels = selector.match_labels.iter().flatten();
        let mut all: Vec<Requirement> = labels
            .map(|(key, value)| Requirement { key: key.clone(), test: Test::In(vec![value.clone()]) })
            .collect();
        for it in selector.match_expressions.iter().flatten() {
            let values = it.values.clone().unwrap_or_default();
            all.push(Requirement { key: it.key.clone(), test: test_of(&it.operator, values)? });
        }
        Ok(Self(all))
    }

    /// Whether labels meet every requirement.
    pub fn matches(&self, labels: Option<&Labels>) -> bool {
        self.0.iter().all(|it| it.matches(labels))
    }

    /// Whether everything matches.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The test that an operator of a label selector or node selector names.
pub fn test_of(operator: &str, values: Vec<String>) -> Result<Test, ParseError> {
    let bound = |values: &[String]| match values {
        [value] => value.parse().map_err(|_| ParseError(format!("{value:?} is not an integer"))),
        _ => Err(ParseError(format!("operator {operator} takes exactly one value"))),
    };
    Ok(match operator {
        "In" => Test::In(values),
        "NotIn" => Test::NotIn(values),
        "Exists" => Test::Exists,
        "DoesNotExist" => Test::Absent,
        "Gt" => Test::Greater(bound(&values)?),
        "Lt" => Test::Less(bound(&values)?),
        other => return Err(ParseError(format!("{other:?} is not a valid label selector operator"))),
    })
}

fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn parse_requirement(text: &str) -> Result<Requirement, ParseError> {
    let text = text.trim();
    let make = |key: &str, test| Ok(Requirement { key: checked_key(key.trim())?, test });
    if let Some(key) = text.strip_prefix('!') {
        return make(key, Test::Absent);
    }
    if let Some((key, value)) = text.split_once("!=") {
        return make(key, Test::NotIn(vec![checked_value(value)?]));
    }
    if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return make(key, Test::In(vec![checked_value(value)?]));
    }
    if let Some(requirement) = comparison(text) {
        return requirement;
    }
    let mut words = text.splitn(2, char::is_whitespace);
    let key = words.next().unwrap_or_default();
    match words.next().map(str::trim) {
        None | Some("") => make(text, Test::Exists),
        Some(rest) => make(key, set_test(rest)?),
    }
}

/// `key>1` and `key<1`.
fn comparison(text: &str) -> Option<Result<Requirement, ParseError>> {
    let at = text.find(['<', '>'])?;
    let (key, value) = (&text[..at], text[at + 1..].trim());
    let number = value.parse().map_err(|_| {
        ParseError(format!("for 'Gt', 'Lt' operators, the value must be an integer: {value:?}"))
    });
    Some(number.and_then(|bound| {
        let test = if text[at..].starts_with('>') { Test::Greater(bound) } else { Test::Less(bound) };
        Ok(Requirement { key: checked_key(key.trim())?, test })
    }))
}

fn set_test(text: &str) -> Result<Test, ParseError> {
    let unable = || {
        ParseError(format!(
            "unable to parse requirement: found '{text}', expected: in, notin, =, ==, !=, gt, lt"
        ))
    };
    let (test, list): (fn(Vec<String>) -> Test, &str) = if let Some(list) = text.strip_prefix("notin") {
        (Test::NotIn, list)
    } else if let Some(list) = text.strip_prefix("in") {
        (Test::In, list)
    } else {
        return Err(unable());
    };
    let list = list.trim().strip_prefix('(').and_then(|it| it.strip_suffix(')')).ok_or_else(unable)?;
    list.split(',').map(checked_value).collect::<Result<_, _>>().map(test)
}

fn checked_key(key: &str) -> Result<String, ParseError> {
    checked("key", key, names::qualified_name(key))
}

fn checked_value(value: &str) -> Result<String, ParseError> {
    let value = value.trim();
    checked("values", value, names::label_value(value))
}

/// The text, if a rule has nothing to say against it.
fn checked(what: &str, text: &str, messages: names::Messages) -> Result<String, ParseError> {
    match messages.first() {
        None => Ok(text.to_owned()),
        Some(why) => {
            Err(ParseError(format!("unable to parse requirement: {what}: Invalid value: {text:?}: {why}")))
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, it) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            match &it.test {
                Test::In(values) if values.len() == 1 => write!(f, "{}={}", it.key, values[0])?,
                Test::In(values) => write!(f, "{} in ({})", it.key, values.join(","))?,
                Test::NotIn(values) if values.len() == 1 => write!(f, "{}!={}", it.key, values[0])?,
                Test::NotIn(values) => write!(f, "{} notin ({})", it.key, values.join(","))?,
                Test::Exists => write!(f, "{}", it.key)?,
                Test::Absent => write!(f, "!{}", it.key)?,
                Test::Greater(bound) => write!(f, "{}>{bound}", it.key)?,
                Test::Less(bound) => write!(f, "{}<{bound}", it.key)?,
            }
        }
        Ok(())
    }
}

/// One requirement on one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldRequirement {
    /// Such as `metadata.name`.
    pub field: String,
    /// What it is compared with.
    pub value: String,
    /// Whether it must be equal, or must differ.
    pub equal: bool,
}

/// All requirements must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector(pub Vec<FieldRequirement>);

impl FieldSelector {
    /// Parses a query string such as `metadata.name=web,status.phase!=Running`. Backslash escapes `,`, `=` and itself.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let parts = split_unescaped(text);
        parts.iter().filter(|it| !it.is_empty()).map(|it| parse_field(it)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether an object whose fields `value_of` tells matches.
    pub fn matches<'a>(&self, value_of: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.0.iter().all(|it| (value_of(&it.field).unwrap_or_default() == it.value) == it.equal)
    }
}

fn split_unescaped(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut escaped) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        match c {
            '\\' if !escaped => {
                escaped = true;
                continue;
            }
            ',' if !escaped => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        escaped = false;
    }
    parts.push(&text[start..]);
    parts
}

fn parse_field(text: &str) -> Result<FieldRequirement, ParseError> {
    let (field, value, equal) = if let Some((field, value)) = text.split_once("!=") {
        (field, value, false)
    } else if let Some((field, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        (field, value, true)
    } else {
        return Err(ParseError(format!("invalid selector: '{text}'; can't understand '{text}'")));
    };
    Ok(FieldRequirement { field: field.trim().to_owned(), value: unescape(value), equal })
}

fn unescape(text: &str) -> String {
    let mut chars = text.chars();
    std::iter::from_fn(|| match chars.next() {
        Some('\\') => chars.next(),
        other => other,
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> Labels {
        text.split(',')
            .filter_map(|it| it.split_once('='))
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect()
    }

    #[track_caller]
    fn check(selector: &str, object: &str, expect: bool) {
        assert_eq!(
            Selector::parse(selector).map(|it| it.matches(Some(&labels(object)))),
            Ok(expect),
            "{selector}"
        );
    }

    #[test]
    fn selectors_match_labels() {
        check("", "a=b", true);
        check("a=b", "a=b", true);
        check("a==b,c", "a=b,c=d", true);
        check("a!=b", "", true);
        check("a in (b, c)", "a=c", true);
        check("a notin (b,c),x=y", "a=c,x=y", false);
        check("!a", "a=b", false);
        check("app.kubernetes.io/name=x", "app.kubernetes.io/name=x", true);
        check("n>3", "n=4", true);
        check("n < 3, n > 1", "n=4", false);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["a b", "=b", "a in b", "a in (b", ",", "a=b=c", "a=b,"] {
            assert!(Selector::parse(text).is_err(), "{text}");
        }
        assert!(FieldSelector::parse("x").is_err());
    }

    #[test]
    fn fields_compare_and_escape() {
        let selector = FieldSelector::parse(r"metadata.name=a\,b,x!=y").expect("it parses");
        assert!(selector.matches(|field| (field == "metadata.name").then_some("a,b")));
        assert!(!selector.matches(|_| Some("y")));
    }
}
