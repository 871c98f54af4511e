//! How fields of custom resources are owned: as their schema's list and map types say.
//!
//! Start at [`Place`], a place in a schema from which server-side apply walks down.

use apply::schema::{Child, Scalar, Shape};
use apply::{BuiltIn, Schema};
use openapi::facts;
use serde_json::Value;
use structural::{ListType, Structural, Type};

/// See the module.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    /// A whole object, whose metadata is everybody's.
    Root(&'a Structural),
    /// A part of one.
    Part(&'a Structural),
    /// Its metadata, which has the type of all metadata.
    Meta(BuiltIn),
    /// What the schema says nothing of.
    Unknown,
}

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

impl<'a> Place<'a> {
    fn schema(self) -> Option<&'a Structural> {
        match self {
            Self::Root(schema) | Self::Part(schema) => Some(schema),
            Self::Meta(_) | Self::Unknown => None,
        }
    }

    fn meta() -> Self {
        facts::Type::named(META).map_or(Self::Unknown, |it| Self::Meta(BuiltIn::of(it)))
    }

    fn within(schema: &'a Structural, name: &str) -> Option<Child<Self>> {
        let declared = schema.properties().any(|(it, _)| it == name);
        match schema.child(name) {
            Some(child) => Some(Child { schema: Self::Part(child), declared }),
            None if schema.preserves_unknown_fields() || schema.kind().is_none() => {
                Some(Child { schema: Self::Unknown, declared: false })
            }
            None => None,
        }
    }
}

impl Schema for Place<'_> {
    /// A definition may change under its objects.
    const MAY_HAVE_CHANGED: bool = true;

    fn shape(&self) -> Shape<Self> {
        let schema = match self {
            Self::Root(_) => return Shape::Object,
            Self::Meta(built_in) => return built_in.shape().map(Self::Meta),
            Self::Unknown => return Shape::Unknown,
            Self::Part(schema) => *schema,
        };
        let items = schema.items().map_or(Self::Unknown, Self::Part);
        match schema.shape() {
            structural::Shape::Scalar => Shape::Scalar(scalar_of(schema)),
            structural::Shape::Any => Shape::Unknown,
            structural::Shape::Object if schema.is_atomic() => Shape::AtomicObject,
            structural::Shape::Object => Shape::Object,
            structural::Shape::List => match schema.list_type() {
                ListType::Atomic => Shape::AtomicList(items),
                ListType::Set => Shape::Set(items),
                ListType::Map => Shape::ListMap(items),
            },
        }
    }

    fn child(&self, name: &str) -> Option<Child<Self>> {
        match self {
            Self::Root(schema) => match name {
                "apiVersion" | "kind" => Some(Child { schema: Self::Unknown, declared: true }),
                "metadata" => Some(Child { schema: Self::meta(), declared: true }),
                name => Self::within(schema, name),
            },
            Self::Part(schema) => Self::within(schema, name),
            Self::Meta(built_in) => {
                let child = built_in.child(name)?;
                Some(Child { schema: Self::Meta(child.schema), declared: child.declared })
            }
            Self::Unknown => Some(Child { schema: Self::Unknown, declared: false }),
        }
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        let own = self.schema().into_iter().flat_map(|it| it.map_keys().map(|(name, _)| name));
        let meta = if let Self::Meta(built_in) = self { Some(built_in) } else { None };
        own.chain(meta.into_iter().flat_map(Schema::keys))
    }

    fn key_default(&self, key: &str) -> Option<Value> {
        match self {
            Self::Meta(built_in) => built_in.key_default(key),
            _ => self.schema()?.map_keys().find(|(name, _)| *name == key)?.1.cloned(),
        }
    }
}

fn scalar_of(schema: &Structural) -> Scalar {
    match schema.kind() {
        Some(Type::Integer | Type::Number) => Scalar::Number,
        Some(Type::String) => Scalar::Text,
        Some(Type::Boolean) => Scalar::Bool,
        _ => Scalar::Any,
    }
}
