//! YAML as kubectl's users write it, to JSON trees. Being written: single documents only for now.

/// A text that is no YAML; says where and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(pub String);

/// The documents of a text; empty ones are skipped.
pub fn documents(text: &str) -> Result<Vec<serde_json::Value>, Error> {
    serde_yaml::from_str(text).map(|it| vec![it]).map_err(|it| Error(it.to_string()))
}

/// A tree as block-style YAML.
pub fn to_string(value: &serde_json::Value) -> String {
    serde_yaml::to_string(value).expect("a JSON tree is YAML")
}
