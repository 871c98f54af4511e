//! Custom kinds, as loops that know no kind in particular follow them: by the metadata of their objects.
//!
//! Start at [`kind_of`]. What such a loop decides (who owns whom, what is left in a namespace) needs no more, so nothing
//! else of an object is kept.

use api::custom::{decode_metadata, leak};
use api::k8s::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use api::resources::{Row, Verbs};
use api::strategies::custom_resource_definition::{is_established, scope};
use api::strategy::Plain;
use api::{Kind, Object, Scope};
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
    let [group, version, kind, plural] = names.map(leak);
    Row {
        group,
        version,
        kind,
        plural,
        singular: leak(&kind.to_lowercase()),
        short_names: &[],
        categories: &[],
        scope,
        verbs: Verbs::All,
        subresources: &[],
        strategy: &Plain,
        decode: decode_metadata,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

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
