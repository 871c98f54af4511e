//! Manifests: files, folders and standard input, as documents with the name of where they came from.
//!
//! Start at [`load`]. URLs and kustomizations are refused.

use crate::args::Files;
use crate::resolve::{Resource, resource_named};
use crate::session::Session;
use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;
use std::io::Read;
use std::path::{Path, PathBuf};

/// One object as it was written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Document {
    /// The file, or `STDIN`.
    pub(crate) source: String,
    /// The object.
    pub(crate) value: Value,
}

/// A document with what the server needs to know of it.
#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    /// The file, or `STDIN`.
    pub(crate) source: String,
    /// The kind.
    pub(crate) resource: Resource,
    /// Empty for cluster-scoped kinds.
    pub(crate) namespace: String,
    /// The name; empty when the server makes one.
    pub(crate) name: String,
    /// The object, with its namespace filled in.
    pub(crate) value: Value,
}

/// Every document that the flags name, lists taken apart.
pub(crate) fn load(files: &Files) -> Result<Vec<Document>> {
    let mut found = Vec::new();
    for name in files.filename.iter().flat_map(|it| it.split(',')) {
        if name == "-" {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text)?;
            found.extend(parse("STDIN", &text)?);
            continue;
        }
        if name.starts_with("http://") || name.starts_with("https://") {
            bail!("{name}: URLs are not read; download the file and give its path");
        }
        for path in paths(Path::new(name), files.recursive)? {
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("error reading [{}]", path.display()))?;
            found.extend(parse(&path.display().to_string(), &text)?);
        }
    }
    if found.is_empty() && !files.filename.is_empty() {
        bail!("no objects were found in what --filename names");
    }
    Ok(found)
}

fn paths(path: &Path, recursive: bool) -> Result<Vec<PathBuf>> {
    if !path.exists() {
        bail!("the path {:?} does not exist", path.display().to_string());
    }
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    gather(path, recursive, &mut found)?;
    if found.is_empty() {
        bail!("error reading [{}]: recognized file extensions are [.json .yaml .yml]", path.display());
    }
    Ok(found)
}

fn gather(folder: &Path, recursive: bool, found: &mut Vec<PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    let mut entries: Vec<PathBuf> = entries.iter().map(std::fs::DirEntry::path).collect();
    entries.sort();
    for path in entries {
        let extension = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
        if path.is_dir() {
            if recursive {
                gather(&path, recursive, found)?;
            }
        } else if matches!(extension, "json" | "yaml" | "yml") {
            found.push(path);
        }
    }
    Ok(())
}

/// The documents of one text.
pub(crate) fn parse(source: &str, text: &str) -> Result<Vec<Document>> {
    let documents = api::yaml::documents(text).map_err(|error| anyhow!("error parsing {source}: {error}"))?;
    let mut found = Vec::new();
    for value in documents {
        if !value.is_object() {
            bail!("error parsing {source}: a document is no object but {value}");
        }
        flatten(source, value, &mut found);
    }
    Ok(found)
}

/// A list stands for its items.
fn flatten(source: &str, mut value: Value, found: &mut Vec<Document>) {
    let is_list = value["kind"].as_str().is_some_and(|it| it.ends_with("List"));
    match value.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) if is_list => {
            items.into_iter().for_each(|item| flatten(source, item, found))
        }
        items => {
            if let Some(items) = items {
                value["items"] = items;
            }
            found.push(Document { source: source.to_owned(), value });
        }
    }
}

impl Document {
    /// Finds the kind and the namespace.
    pub(crate) async fn resolve(mut self, session: &Session) -> Result<Manifest> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (api_version, kind) = (text(&self.value["apiVersion"]), text(&self.value["kind"]));
        let name = text(&self.value["metadata"]["name"]);
        self.require(&api_version, &kind)?;
        let resource = resource_named(session, &api_version, &kind).await?;
        let resource = resource.ok_or_else(|| self.no_match(&api_version, &kind))?;
        let namespace = namespace_for(session, &resource, &self.value)?;
        if !namespace.is_empty() {
            self.value["metadata"]["namespace"] = namespace.clone().into();
        }
        Ok(Manifest { source: self.source, resource, namespace, name, value: self.value })
    }

    fn require(&self, api_version: &str, kind: &str) -> Result<()> {
        let missing = |field: &str| {
            anyhow!("unable to decode {:?}: Object '{field}' is missing in '{}'", self.source, self.value)
        };
        if kind.is_empty() {
            return Err(missing("Kind"));
        }
        if api_version.is_empty() {
            return Err(missing("apiVersion"));
        }
        if !self.value["metadata"].is_object() {
            bail!("error when reading {:?}: resource name may not be empty: add metadata.name", self.source);
        }
        Ok(())
    }

    fn no_match(&self, api_version: &str, kind: &str) -> anyhow::Error {
        let meta = |field: &str| self.value["metadata"][field].as_str().unwrap_or_default().to_owned();
        anyhow!(
            "resource mapping not found for name: {:?} namespace: {:?} from {:?}: no matches for kind {kind:?} in \
             version {api_version:?}\nensure CRDs are installed first",
            meta("name"),
            meta("namespace"),
            self.source
        )
    }
}

fn namespace_for(session: &Session, resource: &Resource, value: &Value) -> Result<String> {
    if !resource.namespaced {
        return Ok(String::new());
    }
    match value["metadata"]["namespace"].as_str().filter(|it| !it.is_empty()) {
        Some(own) if session.namespace_is_given && own != session.namespace => bail!(
            "the namespace from the provided object {own:?} does not match the namespace {:?}. You must pass \
             '--namespace={own}' to perform this operation.",
            session.namespace
        ),
        Some(own) => Ok(own.to_owned()),
        None => Ok(session.namespace.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_stand_for_their_items() {
        let text =
            "kind: List\nitems:\n- {kind: A}\n- {kind: BList, items: [{kind: C}]}\n---\nkind: D\nitems: x\n";
        let values: Vec<Value> = parse("f", text).unwrap().into_iter().map(|it| it.value).collect();
        let expect = vec![json!({"kind": "A"}), json!({"kind": "C"}), json!({"kind": "D", "items": "x"})];
        assert_eq!(values, expect);
    }

    #[test]
    fn texts_that_are_no_objects_are_refused() {
        assert!(parse("f", "[1]").is_err());
        assert!(parse("f", "a: [").unwrap_err().to_string().starts_with("error parsing f: yaml: line"));
    }
}
