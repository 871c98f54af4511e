//! Reads k8s-openapi's text: per type the JSON names of its fields and which of them are required.
//!
//! Start at `read`. Each of its files holds one type: `pub struct Name {` with one `pub field: Type,` a line, and a
//! deserializer whose arms `"jsonName" => Field::Key_field,` give the JSON names.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

/// All types, by package and lower-cased name.
#[derive(Default)]
pub(crate) struct Schemas {
    pub(crate) types: BTreeMap<(String, String), Schema>,
    /// Package to `apiVersion`, for packages that hold a kind.
    pub(crate) api_versions: BTreeMap<String, String>,
}

pub(crate) struct Schema {
    pub(crate) name: String,
    /// By [`plain`] name.
    pub(crate) fields: BTreeMap<String, Property>,
}

#[derive(Clone)]
pub(crate) struct Property {
    pub(crate) json: String,
    pub(crate) required: bool,
}

/// A name without case and punctuation: what `clusterIPs`, `cluster_ips` and `x-kubernetes-…` have in common with
/// the same field's name in prost's spelling.
pub(crate) fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

pub(crate) fn read(root: &Path) -> Result<Schemas, Box<dyn Error>> {
    let mut schemas = Schemas::default();
    for (package, text) in crate::rust_files(root)? {
        let Some(definition) = text.strip_prefix("// Generated from definition ") else { continue };
        let name = definition.lines().next().and_then(|line| line.rsplit('.').next()).unwrap_or_default();
        if let Some(api_version) = constant(&text, "API_VERSION") {
            schemas.api_versions.insert(package.clone(), api_version.to_owned());
        }
        let schema = Schema { name: name.to_owned(), fields: properties(&text, name) };
        schemas.types.insert((package, name.to_ascii_lowercase()), schema);
    }
    if schemas.types.is_empty() {
        return Err(format!("no definition found below {}", root.display()).into());
    }
    Ok(schemas)
}

fn constant<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split(&format!("const {name}: &'static str = \"")).nth(1)?.split('"').next()
}

fn properties(text: &str, name: &str) -> BTreeMap<String, Property> {
    let Some((_, body)) = text.split_once(&format!("pub struct {name} {{\n")) else { return BTreeMap::new() };
    let required: BTreeMap<&str, bool> = body
        .lines()
        .take_while(|line| *line != "}")
        .filter_map(|line| line.trim().strip_prefix("pub ")?.split_once(": "))
        .map(|(field, rust_type)| (field, !rust_type.starts_with("Option<")))
        .collect();
    body.lines()
        .filter_map(|line| line.trim().strip_prefix('"')?.split_once("\" => Field::Key_"))
        .filter_map(|(json, field)| {
            let required = *required.get(field.trim_end_matches(','))?;
            Some((plain(json), Property { json: json.to_owned(), required }))
        })
        .collect()
}
