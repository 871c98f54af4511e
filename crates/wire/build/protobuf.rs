//! Reads k8s-pb's text: messages, and per field its number, wire type and Rust name.
//!
//! Start at `read`. The text is prost's output, which has one regular shape: an attribute line
//! `#[prost(TYPE, LABEL, tag = "N")]` followed by `pub name: Type,`.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

/// A message's package (as a folder, `api/core/v1`) and its name in Rust.
pub(crate) type MessageKey = (String, String);

pub(crate) struct Field {
    pub(crate) number: u32,
    /// In prost's snake case, without `r#`.
    pub(crate) name: String,
    pub(crate) shape: Shape,
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Shape {
    One,
    Many,
    Map,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Text,
    Bytes,
    Bool,
    Int,
    Double,
    Message(MessageKey),
}

pub(crate) fn read(root: &Path) -> Result<BTreeMap<MessageKey, Vec<Field>>, Box<dyn Error>> {
    let mut messages = BTreeMap::new();
    for (package, text) in crate::rust_files(root)? {
        if is_served(&package) {
            read_package(&package, &text, &mut messages)?;
        }
    }
    if messages.is_empty() {
        return Err(format!("no message found below {}", root.display()).into());
    }
    Ok(messages)
}

/// Stable versions only, and the packages that carry none (`runtime`, `resource`, `intstr`).
fn is_served(package: &str) -> bool {
    let version = package.rsplit('/').next().unwrap_or_default();
    !(version.contains("alpha") || version.contains("beta") || package.starts_with("metrics"))
}

fn read_package(
    package: &str,
    text: &str,
    messages: &mut BTreeMap<MessageKey, Vec<Field>>,
) -> Result<(), Box<dyn Error>> {
    let mut lines = text.lines().map(str::trim);
    let mut message = None;
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("pub struct ") {
            let name = name.trim_end_matches(['{', '}', ' ']).to_owned();
            let key = (package.to_owned(), name);
            messages.insert(key.clone(), Vec::new());
            message = Some(key);
        } else if let Some(attribute) = line.strip_prefix("#[prost(") {
            let declaration = declaration(&mut lines);
            let field = field(package, attribute, &declaration)
                .ok_or_else(|| format!("{package}: cannot read `{line}` of `{declaration}`"))?;
            let key = message.as_ref().ok_or_else(|| format!("{package}: a field outside a message"))?;
            messages.get_mut(key).expect("inserted when its struct line was read").push(field);
        }
    }
    Ok(())
}

/// `pub name: Type`, joined when rustfmt broke it into lines; it ends at a comma outside angle brackets.
fn declaration<'a>(lines: &mut impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(line);
        if text.ends_with(',') && text.matches('<').count() == text.matches('>').count() {
            break;
        }
    }
    text
}

fn field(package: &str, attribute: &str, declaration: &str) -> Option<Field> {
    let number = attribute.split("tag = \"").nth(1)?.split('"').next()?.parse().ok()?;
    let (name, rust_type) = declaration.strip_prefix("pub ")?.split_once(':')?;
    let (shape, wire_type) = if let Some(types) = attribute.strip_prefix("btree_map = \"string, ") {
        (Shape::Map, types.split('"').next()?)
    } else {
        let shape = if attribute.contains(", repeated") { Shape::Many } else { Shape::One };
        (shape, attribute.split([',', ' ']).next()?)
    };
    let kind = match wire_type {
        "string" => Kind::Text,
        "bytes" => Kind::Bytes,
        "bool" => Kind::Bool,
        "int32" | "int64" => Kind::Int,
        "double" => Kind::Double,
        "message" => Kind::Message(resolve(package, rust_type)?),
        _ => return None,
    };
    Some(Field { number, name: name.trim_start_matches("r#").to_owned(), shape, kind })
}

/// `Option<super::super::v1::Name>` seen from `package`, as the package and name it points to.
fn resolve(package: &str, rust_type: &str) -> Option<MessageKey> {
    let path = rust_type.trim_end_matches(['>', ',', ' ']).rsplit(['<', ',', ' ']).next()?;
    let mut segments: Vec<&str> = path.split("::").collect();
    let name = segments.pop()?.to_owned();
    let mut folder: Vec<&str> = package.split('/').collect();
    for segment in segments {
        match segment {
            "super" => drop(folder.pop()?),
            inner => folder.push(inner),
        }
    }
    Some((folder.join("/"), name))
}
