//! Cells of additional printer columns, and values of selectable fields.

use crate::jsonpath::JsonPath;
use api::k8s::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceColumnDefinition;
use api::strategy::human_duration;
use jiff::Timestamp;
use serde_json::Value;

/// A printer column with its path parsed.
#[derive(Clone, Debug)]
pub struct Column {
    kind: String,
    path: JsonPath,
}

impl Column {
    /// A column of a definition; the error says what is wrong with its path.
    pub fn compile(definition: &CustomResourceColumnDefinition) -> Result<Self, String> {
        Ok(Self { kind: definition.type_.clone(), path: JsonPath::parse(&definition.json_path)? })
    }

    /// The cell of an object: null where the value is not there or has another type.
    pub fn cell(&self, object: &Value, now: Timestamp) -> Value {
        let found = self.path.find(object);
        let Some(first) = found.first() else { return Value::Null };
        match self.kind.as_str() {
            "string" => Value::from(found.iter().map(|it| printed(it)).collect::<Vec<_>>().join(" ")),
            kind => cell(kind, first, now),
        }
    }
}

/// A value in a column of text.
fn printed(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn cell(kind: &str, value: &Value, now: Timestamp) -> Value {
    match (kind, value) {
        ("integer", Value::Number(number)) => match number.as_i64() {
            Some(number) => Value::from(number),
            None => Value::from(number.as_f64().unwrap_or_default() as i64),
        },
        ("number", Value::Number(_)) | ("boolean", Value::Bool(_)) => value.clone(),
        ("date", Value::String(text)) => match text.parse::<Timestamp>() {
            Ok(time) => Value::from(human_duration(now.duration_since(time).as_secs())),
            Err(_) => Value::from("<invalid>"),
        },
        _ => Value::Null,
    }
}

/// The value that a field selector compares with: scalars as text, nothing for what is not there.
pub fn selectable(path: &JsonPath, object: &Value) -> String {
    match path.find(object).first() {
        Some(Value::String(text)) => text.clone(),
        Some(scalar @ (Value::Bool(_) | Value::Number(_))) => scalar.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn cells_have_the_columns_type() {
        let object = json!({
            "n": 7, "f": 1.5, "s": "text", "b": true, "at": "2026-01-01T00:00:00Z", "bad": "soon",
            "list": ["a", 1], "map": {"k": [1]}, "null": null,
        });
        let now: Timestamp = "2026-01-01T01:00:00Z".parse().expect("it is a time stamp");
        let check = |kind: &str, path: &str, expect: Value| {
            let column = Column { kind: kind.to_owned(), path: JsonPath::parse(path).expect("it is a path") };
            assert_eq!(column.cell(&object, now), expect, "{kind} {path}");
        };
        check("integer", ".n", json!(7));
        check("integer", ".f", json!(1));
        check("integer", ".s", Value::Null);
        check("number", ".f", json!(1.5));
        check("string", ".s", json!("text"));
        check("string", ".n", json!("7"));
        check("string", ".list[*]", json!("a 1"));
        check("string", ".map", json!(r#"{"k":[1]}"#));
        check("boolean", ".b", json!(true));
        check("boolean", ".s", Value::Null);
        check("date", ".at", json!("60m"));
        check("date", ".bad", json!("<invalid>"));
        check("string", ".nowhere", Value::Null);
    }

    #[test]
    fn fields_are_selected_as_text() {
        let check = |path: &str, expect: &str| {
            let path = JsonPath::parse(path).expect("it is a path");
            assert_eq!(selectable(&path, &json!({"a": "x", "b": 1, "c": true, "d": {}})), expect);
        };
        check(".a", "x");
        check(".b", "1");
        check(".c", "true");
        check(".d", "");
        check(".none", "");
    }
}
