//! A version's schema, compiled once from the definition's `JSONSchemaProps`.
//!
//! Start at [`Structural`]. Compiling refuses only what could not be worked with: references, a pattern that does not
//! compile, endless nesting. Whether the schema may be used at all is [`crate::check`]'s to say. Rules are compiled
//! here too, so that an object's validation compiles nothing.

use crate::cel::rule::{self, Rule};
use crate::pattern::Pattern;
use api::k8s::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// Deepest nesting of schemas.
pub const MAX_DEPTH: usize = 100;

/// Why a schema cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// `$ref` would make schemas recursive.
    #[error("$ref is not supported")]
    Reference,
    /// More schemas inside each other than [`MAX_DEPTH`].
    #[error("schemas must not be nested deeper than {MAX_DEPTH}")]
    TooDeep,
    /// `items` is a list of schemas.
    #[error("items must be a schema object and not an array")]
    ItemsList,
    /// A `type` that OpenAPI does not have.
    #[error("unsupported type {0:?}")]
    Type(String),
    /// A pattern that does not compile.
    #[error("invalid pattern {0:?}: {1}")]
    Pattern(String, String),
}

/// What kind of JSON a value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is OpenAPI's type of that name")]
pub enum Type {
    Array,
    Boolean,
    Integer,
    Number,
    Object,
    String,
}

impl Type {
    /// Every type's name, as OpenAPI spells them.
    pub(crate) const NAMES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];

    /// The type of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "array" => Self::Array,
            "boolean" => Self::Boolean,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "object" => Self::Object,
            "string" => Self::String,
            _ => return None,
        })
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Array => "array",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Object => "object",
            Self::String => "string",
        }
    }
}

/// `x-kubernetes-list-type`: what makes two lists of items the same list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListType {
    /// One value, replaced as a whole.
    #[default]
    Atomic,
    /// Scalars, each once.
    Set,
    /// Objects, told apart by their key fields.
    Map,
}

/// What stands for fields that `properties` does not name.
#[derive(Clone, Debug, Default)]
pub enum Additional {
    /// Nothing is said.
    #[default]
    Unsaid,
    /// `additionalProperties: true` or `false`.
    Allowed(bool),
    /// Each of them follows this schema: a map.
    Schema(Box<Structural>),
}

/// How a value is put together, which is what merging needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A string, number or boolean, or an int-or-string.
    Scalar,
    /// A list.
    List,
    /// Fields or a map.
    Object,
    /// Nothing is known of it: the sender decides.
    Any,
}

/// What a value must hold beyond its structure.
#[derive(Clone, Debug, Default)]
pub(crate) struct Checks {
    pub(crate) enumeration: Vec<Value>,
    pub(crate) pattern: Option<Pattern>,
    pub(crate) minimum: Option<f64>,
    pub(crate) maximum: Option<f64>,
    pub(crate) exclusive_minimum: bool,
    pub(crate) exclusive_maximum: bool,
    pub(crate) multiple_of: Option<f64>,
    pub(crate) length: Bounds,
    pub(crate) items: Bounds,
    pub(crate) properties: Bounds,
    pub(crate) required: Vec<String>,
    pub(crate) all_of: Vec<Structural>,
    pub(crate) any_of: Vec<Structural>,
    pub(crate) one_of: Vec<Structural>,
    pub(crate) not: Option<Box<Structural>>,
}

/// How few and how many.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bounds {
    pub(crate) least: Option<i64>,
    pub(crate) most: Option<i64>,
}

/// A schema, or a part of one.
#[derive(Clone, Debug, Default)]
pub struct Structural {
    pub(crate) kind: Option<Type>,
    pub(crate) properties: BTreeMap<String, Structural>,
    pub(crate) items: Option<Box<Structural>>,
    pub(crate) additional: Additional,
    pub(crate) nullable: bool,
    pub(crate) preserves: bool,
    pub(crate) embedded: bool,
    pub(crate) int_or_string: bool,
    pub(crate) list_type: ListType,
    pub(crate) map_keys: Vec<String>,
    pub(crate) atomic_map: bool,
    pub(crate) default: Option<Value>,
    pub(crate) format: Option<String>,
    pub(crate) checks: Checks,
    pub(crate) rules: Vec<Rule>,
    pub(crate) has_rules: bool,
}

impl Structural {
    /// Compiles the schema of a whole object, its rules included. A rule that does not compile fails when it is run.
    pub fn compile(props: &JSONSchemaProps) -> Result<Self, Error> {
        let mut root = Self::compile_at(props, 0)?;
        rule::compile_all(&mut root, true);
        Ok(root)
    }

    /// Whether there are rules in CEL anywhere, which can take long.
    pub fn has_rules(&self) -> bool {
        self.has_rules
    }

    /// The schema without its rules.
    pub(crate) fn structure(props: &JSONSchemaProps) -> Result<Self, Error> {
        Self::compile_at(props, 0)
    }

    fn compile_at(props: &JSONSchemaProps, depth: usize) -> Result<Self, Error> {
        if depth >= MAX_DEPTH {
            return Err(Error::TooDeep);
        }
        if props.ref_path.is_some() {
            return Err(Error::Reference);
        }
        let named =
            |(name, it): (&String, &JSONSchemaProps)| Ok((name.clone(), Self::compile_at(it, depth + 1)?));
        Ok(Self {
            kind: type_of(props)?,
            properties: props.properties.iter().flatten().map(named).collect::<Result<_, Error>>()?,
            items: items_of(props, depth)?,
            additional: additional_of(props, depth)?,
            nullable: props.nullable == Some(true),
            preserves: props.x_kubernetes_preserve_unknown_fields == Some(true),
            embedded: props.x_kubernetes_embedded_resource == Some(true),
            int_or_string: props.x_kubernetes_int_or_string == Some(true),
            list_type: match props.x_kubernetes_list_type.as_deref() {
                Some("map") => ListType::Map,
                Some("set") => ListType::Set,
                _ => ListType::Atomic,
            },
            map_keys: props.x_kubernetes_list_map_keys.clone().unwrap_or_default(),
            atomic_map: props.x_kubernetes_map_type.as_deref() == Some("atomic"),
            default: props.default.as_ref().map(|it| it.0.clone()),
            format: props.format.clone().filter(|it| !it.is_empty()),
            checks: checks_of(props, depth)?,
            rules: props.x_kubernetes_validations.iter().flatten().map(Rule::new).collect(),
            has_rules: false,
        })
    }

    /// How values of it are put together.
    pub fn shape(&self) -> Shape {
        match self.kind {
            _ if self.int_or_string => Shape::Scalar,
            Some(Type::Array) => Shape::List,
            Some(Type::Object) => Shape::Object,
            Some(_) => Shape::Scalar,
            None => Shape::Any,
        }
    }

    /// The declared type.
    pub fn kind(&self) -> Option<Type> {
        self.kind
    }

    /// The schema of a field: one of the properties, or of the map's values. Unknown fields have none.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.properties.get(name).or_else(|| self.values())
    }

    /// Fields that are named, in order.
    pub fn properties(&self) -> impl Iterator<Item = (&str, &Self)> {
        self.properties.iter().map(|(name, it)| (name.as_str(), it))
    }

    /// The schema of a map's values.
    pub fn values(&self) -> Option<&Self> {
        match &self.additional {
            Additional::Schema(schema) => Some(schema),
            _ => None,
        }
    }

    /// The schema of a list's items.
    pub fn items(&self) -> Option<&Self> {
        self.items.as_deref()
    }

    /// How a list's items are told apart.
    pub fn list_type(&self) -> ListType {
        self.list_type
    }

    /// The key fields of a list of type map, each with the default that stands for a key which is not given.
    pub fn map_keys(&self) -> impl Iterator<Item = (&str, Option<&Value>)> {
        let key = |name: &String| self.items()?.properties.get(name)?.default.as_ref();
        self.map_keys.iter().map(move |name| (name.as_str(), key(name)))
    }

    /// Whether a value is replaced as a whole: scalars, lists of no other type, `x-kubernetes-map-type: atomic`.
    pub fn is_atomic(&self) -> bool {
        match self.shape() {
            Shape::Scalar => true,
            Shape::List => self.list_type == ListType::Atomic,
            Shape::Object => self.atomic_map,
            Shape::Any => !self.preserves,
        }
    }

    /// Whether fields that the schema does not know are kept.
    pub fn preserves_unknown_fields(&self) -> bool {
        self.preserves
    }

    /// Whether values are whole objects, with a kind and metadata of their own.
    pub fn is_embedded_resource(&self) -> bool {
        self.embedded
    }

    /// Whether null is a value.
    pub fn is_nullable(&self) -> bool {
        self.nullable
    }

    /// What stands for a value that is not given.
    pub fn default_value(&self) -> Option<&Value> {
        self.default.as_ref()
    }

    /// Every schema right below this one that shapes values: fields, map values, items.
    pub(crate) fn below(&self) -> impl Iterator<Item = &Self> {
        self.properties.values().chain(self.values()).chain(self.items())
    }
}

fn type_of(props: &JSONSchemaProps) -> Result<Option<Type>, Error> {
    match props.type_.as_deref() {
        None | Some("") => Ok(None),
        Some(name) => Type::parse(name).map(Some).ok_or_else(|| Error::Type(name.to_owned())),
    }
}

fn items_of(props: &JSONSchemaProps, depth: usize) -> Result<Option<Box<Structural>>, Error> {
    match &props.items {
        None => Ok(None),
        Some(JSONSchemaPropsOrArray::Schema(it)) => {
            Ok(Some(Box::new(Structural::compile_at(it, depth + 1)?)))
        }
        Some(JSONSchemaPropsOrArray::Schemas(_)) => Err(Error::ItemsList),
    }
}

fn additional_of(props: &JSONSchemaProps, depth: usize) -> Result<Additional, Error> {
    Ok(match &props.additional_properties {
        None => Additional::Unsaid,
        Some(JSONSchemaPropsOrBool::Bool(allowed)) => Additional::Allowed(*allowed),
        Some(JSONSchemaPropsOrBool::Schema(it)) => {
            Additional::Schema(Box::new(Structural::compile_at(it, depth + 1)?))
        }
    })
}

fn checks_of(props: &JSONSchemaProps, depth: usize) -> Result<Checks, Error> {
    let all = |list: &Option<Vec<JSONSchemaProps>>| -> Result<Vec<Structural>, Error> {
        list.iter().flatten().map(|it| Structural::compile_at(it, depth + 1)).collect()
    };
    let pattern = props.pattern.as_deref().filter(|it| !it.is_empty());
    let compiled = |it: &str| Pattern::compile(it).map_err(|error| Error::Pattern(it.to_owned(), error));
    let not = props.not.as_deref().map(|it| Structural::compile_at(it, depth + 1));
    Ok(Checks {
        enumeration: props.enum_.iter().flatten().map(|it| it.0.clone()).collect(),
        pattern: pattern.map(compiled).transpose()?,
        minimum: props.minimum,
        maximum: props.maximum,
        exclusive_minimum: props.exclusive_minimum == Some(true),
        exclusive_maximum: props.exclusive_maximum == Some(true),
        multiple_of: props.multiple_of,
        length: Bounds { least: props.min_length, most: props.max_length },
        items: Bounds { least: props.min_items, most: props.max_items },
        properties: Bounds { least: props.min_properties, most: props.max_properties },
        required: props.required.clone().unwrap_or_default(),
        all_of: all(&props.all_of)?,
        any_of: all(&props.any_of)?,
        one_of: all(&props.one_of)?,
        not: not.transpose()?.map(Box::new),
    })
}
