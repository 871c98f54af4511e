//! Custom kinds, as loops that know no kind in particular follow them: by the metadata of their objects.
//!
//! Start at [`kind_of`]. What such a loop decides (who owns whom, what is left in a namespace) needs no more, so nothing
//! else of an object is kept.

use api::k8s::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use api::object::AnyObject;
use api::resources::{Row, Verbs};
use api::strategies::custom_resource_definition::{is_established, scope};
use api::strategy::Plain;
use api::{Kind, Object, ObjectMeta, Scope};
use serde::Deserialize;
use serde_json::{Value, json};
use std::any::Any;
use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};

/// The kind that a definition adds, in the version in which its objects are stored or else the first that is served;
/// none as long as it is not established.
pub fn kind_of(definition: &Object) -> Option<Kind> {
    let definition: &CustomResourceDefinition = definition.get()?;
    if !is_established(definition) {
        return None;
    }
    let served = || definition.spec.versions.iter().filter(|it| it.served);
    let version = served().find(|it| it.storage).or_else(|| served().next())?;
    let (spec, names) = (&definition.spec, &definition.spec.names);
    Some(interned([&spec.group, &version.name, &names.kind, &names.plural], scope(definition)))
}

/// One row for each name that was ever seen: rows live as long as the process.
fn interned(names: [&str; 4], scope: Scope) -> Kind {
    /// Held for moments only.
    static KINDS: OnceLock<Mutex<HashMap<String, Kind>>> = OnceLock::new();
    let identity = format!("{} {scope:?}", names.join(" "));
    let kinds = KINDS.get_or_init(Mutex::default);
    let mut kinds = kinds.lock().expect("nobody panics while holding this lock");
    *kinds.entry(identity).or_insert_with(|| Kind::new(Box::leak(Box::new(row_of(names, scope)))))
}

fn row_of(names: [&str; 4], scope: Scope) -> Row {
    let [group, version, kind, plural] = names.map(|it| &*Box::leak(it.to_owned().into_boxed_str()));
    Row {
        group,
        version,
        kind,
        plural,
        singular: Box::leak(kind.to_lowercase().into_boxed_str()),
        short_names: &[],
        categories: &[],
        scope,
        verbs: Verbs::All,
        subresources: &[],
        strategy: &Plain,
        decode,
    }
}

/// An object of which only its metadata is known.
#[derive(Clone, Debug, PartialEq)]
struct Partial {
    kind: Kind,
    meta: ObjectMeta,
}

fn decode(kind: Kind, json: &[u8]) -> serde_json::Result<Box<dyn AnyObject>> {
    #[derive(Deserialize)]
    struct Whole {
        #[serde(default)]
        metadata: ObjectMeta,
    }
    let Whole { metadata: meta } = serde_json::from_slice(json)?;
    Ok(Box::new(Partial { kind, meta }))
}

impl AnyObject for Partial {
    fn kind(&self) -> Kind {
        self.kind
    }
    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
    fn to_json(&self) -> Vec<u8> {
        self.to_value().to_string().into_bytes()
    }
    fn to_value(&self) -> Value {
        let row = self.kind.row();
        json!({ "apiVersion": row.api_version(), "kind": row.kind, "metadata": self.meta })
    }
    fn copy_status(&mut self, _from: &dyn AnyObject) {}
    fn same_spec(&self, _other: &dyn AnyObject) -> bool {
        true
    }
    fn equals(&self, other: &dyn AnyObject) -> bool {
        other.as_any().downcast_ref() == Some(self)
    }
    fn boxed_clone(&self) -> Box<dyn AnyObject> {
        Box::new(self.clone())
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(established: &str, versions: &Value) -> Object {
        let names = json!({ "plural": "widgets", "kind": "Widget" });
        let value = json!({
            "metadata": { "name": "widgets.x.io" },
            "spec": { "group": "x.io", "scope": "Namespaced", "names": names, "versions": versions },
            "status": { "conditions": [{ "type": "Established", "status": established }] },
        });
        serde_json::from_value::<CustomResourceDefinition>(value).expect("a definition").into()
    }

    #[test]
    fn an_established_definition_adds_one_kind() {
        let check = |established: &str, versions: Value, expect: Option<&str>| {
            let kind = kind_of(&definition(established, &versions));
            assert_eq!(kind.map(|it| it.row().api_version()).as_deref(), expect);
        };
        let version = |name: &str, served: bool, storage: bool| json!({ "name": name, "served": served, "storage": storage });
        check("False", json!([version("v1", true, true)]), None);
        check("True", json!([version("v1beta1", true, false), version("v1", true, true)]), Some("x.io/v1"));
        check(
            "True",
            json!([version("v1beta1", true, false), version("v1", false, true)]),
            Some("x.io/v1beta1"),
        );
        check("True", json!([version("v1", false, true)]), None);
    }

    #[test]
    fn only_metadata_is_kept() {
        let kind = kind_of(&definition("True", &json!([{ "name": "v1", "served": true, "storage": true }])));
        let json = br#"{"apiVersion":"x.io/v1","kind":"Widget","metadata":{"name":"a"},"spec":{"size":1}}"#;
        let object = kind.expect("it is established").decode(json).expect("an object");
        let value = json!({ "apiVersion": "x.io/v1", "kind": "Widget", "metadata": { "name": "a" } });
        assert_eq!(object.to_value(), value);
    }
}
