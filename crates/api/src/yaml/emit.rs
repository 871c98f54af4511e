//! YAML as `kubectl -o yaml` writes it: block style, lists at their key's indentation, quotes where a reader could err.

use super::scalar::is_ambiguous;
use serde_json::{Map, Value};
use std::fmt::Write;

/// Writes a tree as one document. Keys come in the tree's order.
pub fn to_string(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => mapping(&mut text, map, 0),
        Value::Array(items) if !items.is_empty() => sequence(&mut text, items, 0),
        value => {
            scalar(&mut text, value, 0);
            text.push('\n');
        }
    }
    text
}

/// Writes a mapping; the cursor stands where its first key goes.
fn mapping(text: &mut String, map: &Map<String, Value>, indent: usize) {
    for (index, (key, value)) in map.iter().enumerate() {
        if index > 0 {
            pad(text, indent);
        }
        text.push_str(&inline(key));
        text.push(':');
        match value {
            Value::Object(map) if !map.is_empty() => {
                text.push('\n');
                pad(text, indent + 2);
                mapping(text, map, indent + 2);
            }
            Value::Array(items) if !items.is_empty() => {
                text.push('\n');
                pad(text, indent);
                sequence(text, items, indent);
            }
            value => {
                text.push(' ');
                scalar(text, value, indent + 2);
                text.push('\n');
            }
        }
    }
}

/// Writes a sequence; the cursor stands where its first dash goes.
fn sequence(text: &mut String, items: &[Value], indent: usize) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            pad(text, indent);
        }
        text.push_str("- ");
        match item {
            Value::Object(map) if !map.is_empty() => mapping(text, map, indent + 2),
            Value::Array(items) if !items.is_empty() => sequence(text, items, indent + 2),
            value => {
                scalar(text, value, indent + 2);
                text.push('\n');
            }
        }
    }
}

fn pad(text: &mut String, indent: usize) {
    text.extend(std::iter::repeat_n(' ', indent));
}

/// Writes what fits behind a key or a dash, without the line's end.
fn scalar(text: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Object(_) => text.push_str("{}"),
        Value::Array(_) => text.push_str("[]"),
        Value::String(value) if value.contains('\n') && fits_block(value) => block(text, value, indent),
        Value::String(value) => text.push_str(&inline(value)),
        value => text.push_str(&value.to_string()),
    }
}

/// A block cannot show trailing spaces or characters that need escapes.
fn fits_block(value: &str) -> bool {
    !value.contains(" \n")
        && !value.ends_with(' ')
        && !value.starts_with('\n')
        && value.chars().all(|c| c == '\n' || is_printable(c))
}

fn block(text: &mut String, value: &str, indent: usize) {
    text.push('|');
    if value.starts_with(' ') {
        text.push('2');
    }
    if !value.ends_with('\n') {
        text.push('-');
    } else if value.ends_with("\n\n") {
        text.push('+');
    }
    for line in value.strip_suffix('\n').unwrap_or(value).split('\n') {
        text.push('\n');
        if !line.is_empty() {
            pad(text, indent.max(2));
            text.push_str(line);
        }
    }
}

/// A text on one line, quoted as little as possible.
fn inline(value: &str) -> String {
    if !value.chars().all(is_printable) {
        return escaped(value);
    }
    if value.is_empty() || is_ambiguous(value) {
        return format!("\"{value}\"");
    }
    if is_plain(value) { value.to_owned() } else { format!("'{}'", value.replace('\'', "''")) }
}

/// Whether the text means itself without quotes, in block and in flow style.
fn is_plain(value: &str) -> bool {
    let first_is_good = !value.starts_with([
        '-', '?', ':', ',', '[', ']', '{', '}', '#', '&', '*', '!', '|', '>', '\'', '"', '%', '@', '`', ' ',
    ]) || (value.starts_with(['-', '?', ':'])
        && value[1..].starts_with(|c: char| c.is_alphanumeric()));
    first_is_good
        && !value.ends_with([' ', ':'])
        && !value.contains(": ")
        && !value.contains(" #")
        && !value.starts_with("---")
        && !value.starts_with("...")
}

fn is_printable(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

fn escaped(value: &str) -> String {
    let mut text = "\"".to_owned();
    for c in value.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            c if is_printable(c) => text.push(c),
            c => write!(text, "\\u{:04x}", u32::from(c)).expect("writing to a string does not fail"),
        }
    }
    text.push('"');
    text
}
