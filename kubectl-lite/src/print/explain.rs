//! What a field means, from an OpenAPI document.
//!
//! Start at [`explain`]. Shows a type's fields one level deep, or all of them by name.

use super::{items, text};
use anyhow::{Result, anyhow, bail};
use serde_json::Value;

const WIDTH: usize = 80;

/// Which field is asked about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Explained<'a> {
    /// Of the kind.
    pub(crate) group: &'a str,
    /// Of the kind.
    pub(crate) version: &'a str,
    /// Of the kind.
    pub(crate) kind: &'a str,
    /// The way down.
    pub(crate) fields: &'a [&'a str],
    /// Whether fields of fields are shown, by name only.
    pub(crate) recursive: bool,
}

/// The text for a field.
pub(crate) fn explain(document: &Value, wanted: &Explained<'_>) -> Result<String> {
    let schemas = Schemas(&document["components"]["schemas"]);
    let mut schema = schemas.of_kind(wanted)?;
    let mut description = text(schema, "description").to_owned();
    let mut text = heading(wanted);
    for (index, name) in wanted.fields.iter().enumerate() {
        let object = schemas.element(schema);
        let Some(field) = object["properties"].get(*name) else { bail!("field {name:?} does not exist") };
        description = schemas.description(field);
        if index + 1 == wanted.fields.len() {
            text.push_str(&format!("FIELD: {name} <{}>\n\n", schemas.type_of(field)));
        }
        schema = field;
    }
    text.push_str(&enumeration(&schemas, schema));
    text.push_str("\nDESCRIPTION:\n");
    text.push_str(&wrapped(if description.is_empty() { "<empty>" } else { &description }, 4));
    text.push_str("    \n");
    text.push_str(&fields(&schemas, schemas.element(schema), wanted.recursive));
    Ok(text + "\n")
}

fn heading(wanted: &Explained<'_>) -> String {
    let group =
        if wanted.group.is_empty() { String::new() } else { format!("GROUP:      {}\n", wanted.group) };
    let end = if wanted.fields.is_empty() { "" } else { "\n" };
    format!("{group}KIND:       {}\nVERSION:    {}\n{end}", wanted.kind, wanted.version)
}

fn enumeration(schemas: &Schemas<'_>, schema: &Value) -> String {
    let values: Vec<&str> =
        items(schemas.resolved(schema), "enum").iter().filter_map(Value::as_str).collect();
    if values.is_empty() { String::new() } else { format!("ENUM:\n    {}\n", values.join("\n    ")) }
}

fn required(object: &Value, name: &str) -> &'static str {
    if items(object, "required").iter().any(|it| it == name) { " -required-" } else { "" }
}

fn fields(schemas: &Schemas<'_>, object: &Value, recursive: bool) -> String {
    let Some(properties) = object["properties"].as_object().filter(|it| !it.is_empty()) else {
        return String::new();
    };
    let mut text = "FIELDS:\n".to_owned();
    if recursive {
        schemas.tree(object, 1, &mut Vec::new(), &mut text);
        return text;
    }
    for (name, field) in properties {
        text.push_str(&format!("  {name}\t<{}>{}\n", schemas.type_of(field), required(object, name)));
        let values = enumeration_inline(schemas, field);
        text.push_str(&values);
        let own = super::text(field, "description");
        let description =
            if own.is_empty() { super::text(schemas.element(field), "description") } else { own };
        text.push_str(&wrapped(if description.is_empty() { "<no description>" } else { description }, 4));
        text.push('\n');
    }
    text
}

fn enumeration_inline(schemas: &Schemas<'_>, field: &Value) -> String {
    let values: Vec<&str> = items(schemas.resolved(field), "enum").iter().filter_map(Value::as_str).collect();
    if values.is_empty() { String::new() } else { format!("  enum: {}\n", values.join(", ")) }
}

/// Wraps at words, line by line.
fn wrapped(text: &str, indent: usize) -> String {
    let pad = " ".repeat(indent);
    let mut lines = String::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.is_empty() && indent + line.len() + 1 + word.len() > WIDTH {
                lines.push_str(&format!("{pad}{line}\n"));
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push_str(&format!("{pad}{line}\n"));
    }
    lines
}

/// The document's schemas.
struct Schemas<'a>(&'a Value);

impl<'a> Schemas<'a> {
    fn of_kind(&self, wanted: &Explained<'_>) -> Result<&'a Value> {
        let is_it = |it: &Value| {
            it["group"] == wanted.group && it["version"] == wanted.version && it["kind"] == wanted.kind
        };
        let all = self.0.as_object().into_iter().flatten();
        let mut found = all.filter(|(_, it)| items(it, "x-kubernetes-group-version-kind").iter().any(is_it));
        found
            .next()
            .map(|(_, it)| it)
            .ok_or_else(|| anyhow!("the server's documents say nothing of {}", wanted.kind))
    }

    /// The schema that a reference leads to.
    fn resolved(&self, schema: &'a Value) -> &'a Value {
        match reference(schema) {
            Some(name) => self.resolved(&self.0[name]),
            None => schema,
        }
    }

    /// What a field says of itself, and what its type says.
    fn description(&self, field: &'a Value) -> String {
        let (own, of_type) = (text(field, "description"), text(self.element(field), "description"));
        if own == of_type || of_type.is_empty() || own.is_empty() {
            return format!("{own}{}", if own.is_empty() { of_type } else { "" });
        }
        format!("{own}\n{of_type}")
    }

    /// The schema of a value, or of the values in a list or map.
    fn element(&self, schema: &'a Value) -> &'a Value {
        let schema = self.resolved(schema);
        if schema["items"].is_object() {
            return self.element(&schema["items"]);
        }
        if schema["additionalProperties"].is_object() {
            return self.element(&schema["additionalProperties"]);
        }
        schema
    }

    fn type_of(&self, schema: &'a Value) -> String {
        if let Some(name) = reference(schema) {
            let target = &self.0[name];
            let kind = text(target, "type");
            let is_object = kind == "object" || kind.is_empty();
            return if is_object {
                name.rsplit('.').next().unwrap_or(name).to_owned()
            } else {
                kind.to_owned()
            };
        }
        match text(schema, "type") {
            "array" => format!("[]{}", self.type_of(&schema["items"])),
            "object" if schema["additionalProperties"].is_object() => {
                format!("map[string]{}", self.type_of(&schema["additionalProperties"]))
            }
            "object" => "Object".to_owned(),
            "" => "Object".to_owned(),
            other => other.to_owned(),
        }
    }

    fn tree(&self, object: &'a Value, level: usize, seen: &mut Vec<&'a Value>, lines: &mut String) {
        // Schemas of schemas lead to themselves.
        if seen.iter().any(|it| std::ptr::eq(*it, object)) {
            return;
        }
        seen.push(object);
        for (name, field) in object["properties"].as_object().into_iter().flatten() {
            let pad = "  ".repeat(level);
            lines.push_str(&format!("{pad}{name}\t<{}>{}\n", self.type_of(field), required(object, name)));
            let values = enumeration_inline(self, field);
            if !values.is_empty() {
                lines.push_str(&format!("{pad}{}", values.trim_start_matches("  ")));
            }
            self.tree(self.element(field), level + 1, seen, lines);
        }
        seen.pop();
    }
}

/// The name of the schema that a field refers to.
fn reference(schema: &Value) -> Option<&str> {
    let direct = schema["$ref"].as_str();
    let wrapped =
        || schema["allOf"].as_array().filter(|it| it.len() == 1).and_then(|it| it[0]["$ref"].as_str());
    direct.or_else(wrapped)?.strip_prefix("#/components/schemas/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document() -> Value {
        json!({"components": {"schemas": {
            "a.Foo": {
                "description": "Foo is a thing.",
                "type": "object",
                "required": ["list"],
                "properties": {
                    "list": {"type": "array", "items": {"allOf": [{"$ref": "#/components/schemas/a.Bar"}]}, "description": "Bars."},
                    "map": {"type": "object", "additionalProperties": {"type": "string"}},
                },
                "x-kubernetes-group-version-kind": [{"group": "a.io", "version": "v1", "kind": "Foo"}],
            },
            "a.Bar": {"type": "object", "properties": {"size": {"type": "integer", "description": "How big."}}},
        }}})
    }

    #[track_caller]
    fn check(fields: &[&str], recursive: bool, expect: &str) {
        let wanted = Explained { group: "a.io", version: "v1", kind: "Foo", fields, recursive };
        assert_eq!(explain(&document(), &wanted).unwrap(), expect);
    }

    #[test]
    fn kinds_and_fields_are_explained() {
        let head = "GROUP:      a.io\nKIND:       Foo\nVERSION:    v1\n";
        check(
            &[],
            false,
            &format!(
                "{head}\nDESCRIPTION:\n    Foo is a thing.\n    \nFIELDS:\n  list\t<[]Bar> -required-\n    Bars.\n\n  \
                 map\t<map[string]string>\n    <no description>\n\n\n"
            ),
        );
        check(
            &["list", "size"],
            false,
            &format!("{head}\nFIELD: size <integer>\n\n\nDESCRIPTION:\n    How big.\n    \n\n"),
        );
        check(
            &[],
            true,
            &format!(
                "{head}\nDESCRIPTION:\n    Foo is a thing.\n    \nFIELDS:\n  list\t<[]Bar> -required-\n    size\t<integer>\n  \
                 map\t<map[string]string>\n\n"
            ),
        );
    }

    #[test]
    fn unknown_fields_are_refused() {
        let wanted =
            Explained { group: "a.io", version: "v1", kind: "Foo", fields: &["x"], recursive: false };
        assert_eq!(explain(&document(), &wanted).unwrap_err().to_string(), "field \"x\" does not exist");
    }
}
