//! The text of a description in work: indented lines whose cells end with tabs.

use crate::apply::LAST_APPLIED;
use crate::print::{at, text};
use jiff::Timestamp;
use serde_json::Value;
use std::fmt::Display;

/// What stands where there is nothing.
pub(super) const NONE: &str = "<none>";

/// The longest annotation that stands on its key's line.
const LONGEST_ON_LINE: usize = 140;

/// Lines.
#[derive(Debug, Default)]
pub(super) struct Text(String);

impl Text {
    /// Everything so far.
    pub(super) fn into_string(self) -> String {
        self.0
    }

    /// A line at a level of indentation.
    pub(super) fn line(&mut self, level: usize, line: impl Display) {
        self.0.push_str(&format!("{}{line}\n", "  ".repeat(level)));
    }

    /// A name with its value.
    pub(super) fn field(&mut self, level: usize, name: &str, value: impl Display) {
        self.line(level, format_args!("{name}:\t{value}"));
    }

    /// A name with the text of a field, if the field is there.
    pub(super) fn optional(&mut self, level: usize, name: &str, object: &Value, path: &str) {
        match at(object, path) {
            Value::Null => {}
            value => self.field(level, name, plain(value)),
        }
    }

    /// A name with several values below each other.
    pub(super) fn several(&mut self, level: usize, name: &str, values: &[String]) {
        let (first, rest) =
            values.split_first().map_or((NONE, &[][..]), |(first, rest)| (first.as_str(), rest));
        self.field(level, name, first);
        rest.iter().for_each(|it| self.line(level, format_args!("\t{it}")));
    }

    /// A name with the `key=value` pairs of a map.
    pub(super) fn pairs(&mut self, level: usize, name: &str, map: &Value) {
        self.several(level, name, &pairs(map));
    }

    /// A map's entries as lines of their own, below a title; nothing for an empty map.
    pub(super) fn block(&mut self, level: usize, title: &str, map: &Value) {
        let Some(map) = map.as_object().filter(|it| !it.is_empty()) else { return };
        self.line(level, format_args!("{title}:"));
        map.iter().for_each(|(key, value)| self.field(level + 1, key, plain(value)));
    }

    /// Texts as lines of their own, below a title; nothing for an empty list.
    pub(super) fn lines(&mut self, level: usize, title: &str, list: &[Value]) {
        if list.is_empty() {
            return;
        }
        self.line(level, format_args!("{title}:"));
        let texts = list.iter().flat_map(|it| it.as_str().unwrap_or_default().lines());
        texts.for_each(|it| self.line(level + 1, it));
    }

    /// Labels and annotations.
    pub(super) fn labels(&mut self, level: usize, object: &Value) {
        self.pairs(level, "Labels", at(object, "metadata.labels"));
        self.annotations(level, at(object, "metadata.annotations"));
    }

    /// Annotations, without what `apply` remembers there.
    pub(super) fn annotations(&mut self, level: usize, map: &Value) {
        let entries = map.as_object().into_iter().flatten().filter(|(key, _)| *key != LAST_APPLIED);
        let mut lines = Vec::new();
        for (key, value) in entries {
            let value = value.as_str().unwrap_or_default().trim_end_matches('\n');
            if value.contains('\n') || value.len() + key.len() > LONGEST_ON_LINE {
                lines.push(format!("{key}:"));
                lines.extend(value.lines().map(|it| format!("  {}", shortened(it))));
            } else {
                lines.push(format!("{key}: {value}"));
            }
        }
        self.several(level, "Annotations", &lines);
    }

    /// Name, namespace, labels and annotations.
    pub(super) fn head(&mut self, object: &Value) {
        self.field(0, "Name", text(object, "metadata.name"));
        self.optional(0, "Namespace", object, "metadata.namespace");
        self.labels(0, object);
    }

    /// Who controls the object.
    pub(super) fn controller(&mut self, level: usize, object: &Value) {
        let owners = at(object, "metadata.ownerReferences").as_array();
        if let Some(owner) = owners.into_iter().flatten().find(|it| it["controller"] == true) {
            self.field(level, "Controlled By", format!("{}/{}", text(owner, "kind"), text(owner, "name")));
        }
    }
}

fn shortened(line: &str) -> String {
    match line.char_indices().nth(LONGEST_ON_LINE) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line.to_owned(),
    }
}

/// `key=value` for each entry.
pub(super) fn pairs(map: &Value) -> Vec<String> {
    map.as_object().into_iter().flatten().map(|(key, value)| format!("{key}={}", plain(value))).collect()
}

/// A value without quotes.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A text, or `<none>`.
pub(super) fn or_none(text: &str) -> &str {
    if text.is_empty() { NONE } else { text }
}

/// A number, 0 where there is none.
pub(super) fn number(object: &Value, path: &str) -> i64 {
    at(object, path).as_i64().unwrap_or(0)
}

/// `True` or `False`.
pub(super) fn title(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

/// A selector in one line, or `<none>`.
pub(super) fn selector(selector: &Value) -> String {
    let mut parts = pairs(&selector["matchLabels"]);
    for expression in selector["matchExpressions"].as_array().into_iter().flatten() {
        let key = text(expression, "key");
        let values: Vec<String> = expression["values"].as_array().into_iter().flatten().map(plain).collect();
        let values = values.join(",");
        parts.push(match text(expression, "operator") {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "DoesNotExist" => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    or_none(&parts.join(",")).to_owned()
}

/// A time as mail headers write it, in UTC.
pub(super) fn time(text: &str) -> String {
    text.parse::<Timestamp>()
        .map_or_else(|_| text.to_owned(), |it| it.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string())
}
