//! The types of Kubernetes as places to walk.

use openapi::facts::{self, Field, ListType, Type};
use serde_json::{Map, Value};

use super::{Child, Scalar, Schema, Shape};

/// A place in a built-in type.
#[derive(Clone, Copy, Debug)]
pub struct BuiltIn(Place);

#[derive(Clone, Copy, Debug)]
enum Place {
    /// A value of the type.
    Type(&'static Type),
    /// The value of a field.
    Field(&'static Field),
    /// An item or entry of a field that holds a list or a map.
    Element(&'static Field),
    /// A field of which only its name is known.
    Leaf,
    /// A part of a value that may be any JSON.
    Anything,
}

impl BuiltIn {
    /// A kind's objects; none if the kind is not built in.
    pub fn kind(group: &str, version: &str, kind: &str) -> Option<Self> {
        facts::type_of(group, version, kind).map(Self::of)
    }

    /// Values of a type.
    pub fn of(type_: &'static Type) -> Self {
        BuiltIn(Place::Type(type_))
    }

    fn type_here(self) -> Option<&'static Type> {
        match self.0 {
            Place::Type(type_) => Some(type_),
            Place::Field(field) if field.shape() == facts::Shape::One => field.target(),
            Place::Element(field) => field.target(),
            _ => None,
        }
    }
}

impl Schema for BuiltIn {
    const MAY_HAVE_CHANGED: bool = false;

    fn shape(&self) -> Shape<Self> {
        match self.0 {
            Place::Type(type_) => of_type(type_, type_.is_atomic()),
            Place::Element(field) => match field.target() {
                Some(type_) => of_type(type_, type_.is_atomic()),
                None => Shape::Unknown,
            },
            Place::Field(field) => of_field(field),
            Place::Leaf => Shape::Scalar(Scalar::Any),
            Place::Anything => Shape::Unknown,
        }
    }

    fn child(&self, name: &str) -> Option<Child<Self>> {
        if let Place::Field(field) = self.0
            && field.shape() == facts::Shape::Map
        {
            return Some(Child { schema: BuiltIn(Place::Element(field)), declared: false });
        }
        let Some(type_) = self.type_here().filter(|it| !it.is_open()) else {
            return Some(Child { schema: BuiltIn(Place::Anything), declared: false });
        };
        let place = match type_.field(name) {
            Some(field) => Place::Field(field),
            None if type_.has(name) => Place::Leaf,
            None => return None,
        };
        Some(Child { schema: BuiltIn(place), declared: true })
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        let field = if let Place::Field(field) = self.0 { Some(field) } else { None };
        field.into_iter().flat_map(Field::map_keys).map(shorter)
    }

    fn key_default(&self, key: &str) -> Option<Value> {
        let Place::Field(field) = self.0 else { return None };
        field.key_default(key).map(Value::from)
    }

    fn unwritten(&self) -> Value {
        let Some(type_) = self.type_here() else { return Value::Object(Map::new()) };
        let held = type_.fields().iter().filter(|field| is_held(type_, field.name()));
        Value::Object(
            held.map(|field| (field.name().to_owned(), BuiltIn(Place::Field(field)).unwritten())).collect(),
        )
    }
}

fn shorter<'a>(key: &'static str) -> &'a str {
    key
}

fn of_field(field: &'static Field) -> Shape<BuiltIn> {
    let element = BuiltIn(Place::Element(field));
    match (field.shape(), field.list_type()) {
        (facts::Shape::List, ListType::Atomic) => Shape::AtomicList(element),
        (facts::Shape::List, ListType::Set) => Shape::Set(element),
        (facts::Shape::List, ListType::Map) => Shape::ListMap(element),
        (facts::Shape::Map, _) if field.is_atomic() => Shape::AtomicObject,
        (facts::Shape::Map, _) => Shape::Object,
        (facts::Shape::One, _) => {
            field.target().map_or(Shape::Scalar(Scalar::Any), |type_| of_type(type_, field.is_atomic()))
        }
    }
}

fn of_type(type_: &'static Type, atomic: bool) -> Shape<BuiltIn> {
    if !type_.is_open() {
        return if atomic { Shape::AtomicObject } else { Shape::Object };
    }
    match last_word(type_) {
        "IntOrString" | "MicroTime" | "Quantity" | "Time" => Shape::Scalar(Scalar::Any),
        "FieldsV1" | "RawExtension" => Shape::Atomic,
        _ if atomic => Shape::Atomic,
        _ => Shape::Unknown,
    }
}

fn last_word(type_: &Type) -> &'static str {
    type_.name().rsplit('.').next().unwrap_or_default()
}

/// Whether upstream's type holds the field itself, rather than a pointer that is nil at first. Then it is in every
/// object from the beginning.
fn is_held(type_: &Type, field: &str) -> bool {
    let is_object =
        type_.has("metadata") && (type_.has("apiVersion") || last_word(type_).ends_with("TemplateSpec"));
    match (last_word(type_), field) {
        ("ReplicationControllerSpec", "template") => false,
        ("PodTemplate", "template") => true,
        (name, "template") => name.ends_with("SetSpec") || matches!(name, "DeploymentSpec" | "JobSpec"),
        (_, "metadata" | "spec" | "status") => is_object,
        ("DeploymentSpec", "strategy")
        | ("DaemonSetSpec" | "StatefulSetSpec", "updateStrategy")
        | ("CronJobSpec", "jobTemplate")
        | ("PersistentVolumeClaimSpec", "resources")
        | ("ServiceStatus" | "IngressStatus", "loadBalancer")
        | ("NodeStatus", "daemonEndpoints" | "nodeInfo")
        | ("NodeDaemonEndpoints", "kubeletEndpoint")
        | ("ResourceClaimSpec", "devices")
        | ("CustomResourceDefinitionSpec", "names")
        | ("CustomResourceDefinitionStatus", "acceptedNames") => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn place(kind: (&str, &str, &str), path: &[&str]) -> BuiltIn {
        let root = BuiltIn::kind(kind.0, kind.1, kind.2).expect("a built-in kind");
        path.iter().fold(root, |at, name| match *name {
            "[]" => match at.shape() {
                Shape::AtomicList(item) | Shape::Set(item) | Shape::ListMap(item) => item,
                other => panic!("no list: {other:?}"),
            },
            name => at.child(name).unwrap_or_else(|| panic!("no {name}")).schema,
        })
    }

    fn check(kind: (&str, &str, &str), path: &[&str], expect: &str) {
        let shape = format!("{:?}", place(kind, path).shape());
        let word = shape.split('(').next().expect("a first word");
        assert_eq!(word, expect, "{path:?}");
    }

    const DEPLOYMENT: (&str, &str, &str) = ("apps", "v1", "Deployment");
    const POD: (&str, &str, &str) = ("", "v1", "Pod");

    #[test]
    fn each_place_has_its_shape() {
        check(DEPLOYMENT, &[], "Object");
        check(DEPLOYMENT, &["spec", "replicas"], "Scalar");
        check(DEPLOYMENT, &["spec", "selector"], "AtomicObject");
        check(DEPLOYMENT, &["metadata", "labels"], "Object");
        check(DEPLOYMENT, &["metadata", "labels", "any"], "Unknown");
        check(DEPLOYMENT, &["metadata", "finalizers"], "Set");
        check(DEPLOYMENT, &["metadata", "creationTimestamp"], "Scalar");
        check(DEPLOYMENT, &["spec", "strategy", "rollingUpdate", "maxSurge"], "Scalar");
        check(POD, &["spec", "containers"], "ListMap");
        check(POD, &["spec", "containers", "[]", "resources", "limits", "cpu"], "Scalar");
        check(POD, &["spec", "containers", "[]", "command"], "AtomicList");
        check(POD, &["spec", "nodeSelector"], "AtomicObject");
        check(POD, &["spec", "tolerations"], "AtomicList");
        check(("apps", "v1", "ControllerRevision"), &["data"], "Atomic");
        check(("", "v1", "PersistentVolume"), &["spec", "claimRef"], "Object");
    }

    #[test]
    fn parts_of_any_json_may_be_any_json() {
        let definition = ("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
        let property = ["spec", "versions", "[]", "schema", "openAPIV3Schema", "properties", "list"];
        for part in [&["items", "properties"][..], &["items", "required"], &["default", "a", "b"]] {
            check(definition, &[&property[..], part].concat(), "Unknown");
        }
        check(definition, &[&property[..], &["maxLength"]].concat(), "Scalar");
    }

    #[test]
    fn parts_are_declared_or_entries() {
        let declared = |path: &[&str], name: &str| place(DEPLOYMENT, path).child(name).map(|it| it.declared);
        assert_eq!(declared(&["spec"], "replicas"), Some(true));
        assert_eq!(declared(&["spec"], "selector"), Some(true));
        assert_eq!(declared(&["spec"], "colour"), None);
        assert_eq!(declared(&["metadata", "labels"], "app"), Some(false));
    }

    #[test]
    fn keys_have_upstreams_defaults() {
        let ports = place(POD, &["spec", "containers", "[]", "ports"]);
        assert_eq!(ports.keys().collect::<Vec<_>>(), ["containerPort", "protocol"]);
        assert_eq!(
            (ports.key_default("protocol"), ports.key_default("containerPort")),
            (Some(json!("TCP")), None)
        );
        let service = place(("", "v1", "Service"), &["spec", "ports"]);
        assert_eq!(service.key_default("protocol"), Some(json!("TCP")));
    }

    #[test]
    fn objects_begin_with_what_they_hold() {
        let unwritten = |kind| place(kind, &[]).unwritten();
        let template = json!({ "metadata": {}, "spec": {} });
        let spec = json!({ "strategy": {}, "template": template });
        assert_eq!(unwritten(DEPLOYMENT), json!({ "metadata": {}, "spec": spec, "status": {} }));
        assert_eq!(unwritten(("", "v1", "ConfigMap")), json!({ "metadata": {} }));
        assert_eq!(unwritten(POD), json!({ "metadata": {}, "spec": {}, "status": {} }));
        let job = json!({ "metadata": {}, "spec": { "template": template } });
        let expect = json!({ "metadata": {}, "spec": { "jobTemplate": job }, "status": {} });
        assert_eq!(unwritten(("batch", "v1", "CronJob")), expect);
    }
}
