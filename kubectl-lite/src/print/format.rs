//! The values of `-o`, and objects in each of them.

use super::columns::Columns;
use super::jsonpath::JsonPath;
use super::text;
use crate::resolve::Resource;
use anyhow::{Result, anyhow, bail};
use serde_json::{Value, json};

/// How objects are shown.
#[derive(Clone, Debug)]
pub(crate) enum Format {
    /// Rows and columns.
    Table {
        /// With the columns of `-o wide`.
        wide: bool,
    },
    /// Indented JSON.
    Json,
    /// YAML.
    Yaml,
    /// `pod/web`.
    Name,
    /// What an expression finds.
    JsonPath(JsonPath),
    /// Columns by expressions.
    Columns(Columns),
}

const ALLOWED: &str =
    "custom-columns,custom-columns-file,json,jsonpath,jsonpath-as-json,jsonpath-file,name,wide,yaml";

impl Format {
    /// The format that a flag's value names; without one, a table.
    pub(crate) fn parse(flag: Option<&str>) -> Result<Self> {
        let Some(flag) = flag.filter(|it| !it.is_empty()) else { return Ok(Self::Table { wide: false }) };
        let (name, rest) = flag.split_once('=').map_or((flag, None), |(name, rest)| (name, Some(rest)));
        let needed = || rest.ok_or_else(|| anyhow!("template format specified but no template given"));
        Ok(match name {
            "wide" => Self::Table { wide: true },
            "json" => Self::Json,
            "yaml" => Self::Yaml,
            "name" => Self::Name,
            "jsonpath" => Self::JsonPath(JsonPath::parse(needed()?)?),
            "jsonpath-as-json" => Self::JsonPath(JsonPath::parse(needed()?)?.into_json()),
            "jsonpath-file" => Self::JsonPath(JsonPath::parse(&std::fs::read_to_string(needed()?)?)?),
            "custom-columns" => Self::Columns(Columns::parse(needed()?)?),
            "custom-columns-file" => {
                Self::Columns(Columns::parse_file(&std::fs::read_to_string(needed()?)?)?)
            }
            "go-template" | "go-template-file" | "template" | "templatefile" => {
                bail!("Go templates are not supported here: use -o jsonpath=... or -o custom-columns=...")
            }
            _ => bail!(
                "unable to match a printer suitable for the output format {name:?}, allowed formats are: {ALLOWED}"
            ),
        })
    }

    /// Whether it is a table.
    pub(crate) fn is_table(&self) -> bool {
        matches!(self, Self::Table { .. })
    }

    /// One object. Tables are not made here.
    pub(crate) fn object(&self, resource: &Resource, object: &Value) -> Result<String> {
        Ok(match self {
            Self::Table { .. } | Self::Name => resource.named(text(object, "metadata.name")) + "\n",
            Self::Json => json(object),
            Self::Yaml => yaml(object),
            Self::JsonPath(path) => path.print(object)?,
            Self::Columns(columns) => columns.print(std::slice::from_ref(object), columns.has_headings()),
        })
    }
}

/// JSON as kubectl writes it: indented by four, with the signs escaped that HTML knows.
pub(crate) fn json(value: &Value) -> String {
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
    serde::Serialize::serialize(value, &mut serializer).expect("a tree serializes to JSON");
    escaped(&String::from_utf8(bytes).expect("JSON is UTF-8")) + "\n"
}

/// JSON text with the signs escaped that HTML knows; they can only stand in strings.
pub(crate) fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for letter in json.chars() {
        match letter {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                text.push_str(&format!("\\u{:04x}", u32::from(letter)))
            }
            other => text.push(other),
        }
    }
    text
}

/// YAML as kubectl writes it.
pub(crate) fn yaml(value: &Value) -> String {
    api::yaml::to_string(value)
}

/// Takes out what people rarely want to see.
pub(crate) fn without_managed_fields(mut object: Value) -> Value {
    if let Some(meta) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        meta.remove("managedFields");
    }
    object
}

/// Objects as one list.
pub(crate) fn list_of(objects: Vec<Value>) -> Value {
    json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": objects})
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::apps::v1::Deployment;

    #[test]
    fn objects_are_shown_in_each_format() {
        let object = json!({"kind": "Deployment", "metadata": {"name": "web"}, "spec": {"a<b": [1]}});
        let check = |flag: &str, expect: &str| {
            let format = Format::parse(Some(flag)).unwrap();
            assert_eq!(format.object(&Resource::of::<Deployment>(), &object).unwrap(), expect, "{flag}");
        };
        check("name", "deployment.apps/web\n");
        check("yaml", "kind: Deployment\nmetadata:\n  name: web\nspec:\n  a<b:\n  - 1\n");
        check("jsonpath={.metadata.name}", "web");
        check("custom-columns=N:.metadata.name", "N\nweb\n");
        let text = "{\n    \"kind\": \"Deployment\",\n    \"metadata\": {\n        \"name\": \"web\"\n    },\n    \
                    \"spec\": {\n        \"a\\u003cb\": [\n            1\n        ]\n    }\n}\n";
        check("json", text);
    }

    #[test]
    fn unknown_formats_name_the_known_ones() {
        let check = |flag: &str, expect: &str| {
            assert!(Format::parse(Some(flag)).unwrap_err().to_string().contains(expect), "{flag}");
        };
        check("xml", "allowed formats are: custom-columns");
        check("jsonpath", "no template given");
        check("go-template={{.a}}", "not supported");
    }
}
