//! Values of expressions. Lists and maps of the input are borrowed, never copied; scalars are converted when they are
//! reached, by the schema if there is one.

use super::error::EvalError;
use super::functions::Meter;
use super::functions::access::Access;
use super::time::{self, Duration};
use super::url::Url;
use crate::schema::{Structural, Type};
use api::quantity::Amount;
use base64::Engine as _;
use ipnet::IpNet;
use jiff::Timestamp;
use serde_json::{Map as Json, Value};
use std::net::IpAddr;
use std::ops::Deref;
use std::rc::Rc;

/// A value.
#[derive(Clone, Debug)]
pub(crate) enum Val<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(Text<'a>),
    Bytes(Rc<[u8]>),
    Timestamp(Timestamp),
    Duration(Duration),
    List(List<'a>),
    Map(Map<'a>),
    Optional(Option<Rc<Val<'a>>>),
    Type(&'static str),
    Quantity(Amount),
    Url(Rc<Url>),
    Ip(IpAddr),
    Cidr(IpNet),
    Semver([u64; 3], Rc<str>),
    Access(Rc<Access<'a>>),
}

/// A text of the input or of the expression, or one that was made.
#[derive(Clone, Debug)]
pub(crate) enum Text<'a> {
    Borrowed(&'a str),
    Made(Rc<str>),
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Made(text) => text,
        }
    }
}

/// A list of the input with its schema, or one that was made.
#[derive(Clone, Debug)]
pub(crate) enum List<'a> {
    Json(&'a [Value], Option<&'a Structural>),
    Made(Rc<[Val<'a>]>),
}

impl<'a> List<'a> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Json(items, _) => items.len(),
            Self::Made(items) => items.len(),
        }
    }

    pub(crate) fn get(&self, index: usize) -> Option<Val<'a>> {
        match self {
            Self::Json(items, schema) => {
                items.get(index).map(|it| Val::of(it, schema.and_then(Structural::items)))
            }
            Self::Made(items) => items.get(index).cloned(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Val<'a>> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// The list's own schema.
    pub(crate) fn schema(&self) -> Option<&'a Structural> {
        match self {
            Self::Json(_, schema) => *schema,
            Self::Made(_) => None,
        }
    }
}

/// A map or object of the input with its schema, or a map that was made.
#[derive(Clone, Debug)]
pub(crate) enum Map<'a> {
    Json(&'a Json<String, Value>, Option<&'a Structural>),
    Made(Rc<[(Val<'a>, Val<'a>)]>),
}

impl<'a> Map<'a> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Json(fields, _) => fields.len(),
            Self::Made(entries) => entries.len(),
        }
    }

    /// A field's value.
    pub(crate) fn field(&self, name: &str) -> Option<Val<'a>> {
        match self {
            Self::Json(fields, schema) => {
                fields.get(name).map(|it| Val::of(it, schema.and_then(|schema| schema.child(name))))
            }
            Self::Made(entries) => {
                let is = |key: &Val<'_>| matches!(key, Val::String(text) if **text == *name);
                entries.iter().find(|(key, _)| is(key)).map(|(_, value)| value.clone())
            }
        }
    }

    /// All entries.
    pub(crate) fn entries(&self) -> Vec<(Val<'a>, Val<'a>)> {
        match self {
            Self::Json(fields, schema) => {
                let child = |name: &str| schema.and_then(|schema| schema.child(name));
                let entry =
                    |(name, it): (&'a String, &'a Value)| (Val::borrowed(name), Val::of(it, child(name)));
                fields.iter().map(entry).collect()
            }
            Self::Made(entries) => entries.to_vec(),
        }
    }
}

impl<'a> Val<'a> {
    /// A JSON value, converted by its schema.
    pub(crate) fn of(value: &'a Value, schema: Option<&'a Structural>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(it) => Self::Bool(*it),
            Value::Number(_) => Self::number(value, schema.and_then(|it| it.kind)),
            Value::String(text) => Self::text(text, schema),
            Value::Array(items) => Self::List(List::Json(items, schema)),
            Value::Object(fields) => Self::Map(Map::Json(fields, schema)),
        }
    }

    fn number(value: &Value, kind: Option<Type>) -> Self {
        let double = value.as_f64().unwrap_or_default();
        match (value.as_i64(), kind) {
            (_, Some(Type::Number)) => Self::Double(double),
            (Some(number), _) => Self::Int(number),
            (None, Some(Type::Integer)) => Self::Int(double as i64),
            (None, _) => Self::Double(double),
        }
    }

    fn text(text: &'a str, schema: Option<&'a Structural>) -> Self {
        let converted = match schema.filter(|it| !it.int_or_string).and_then(|it| it.format.as_deref()) {
            Some("byte") => {
                base64::engine::general_purpose::STANDARD.decode(text).ok().map(|it| Self::Bytes(it.into()))
            }
            Some("duration") => time::parse_duration(text).map(Self::Duration),
            Some("date") => time::parse_timestamp(&format!("{text}T00:00:00Z")).map(Self::Timestamp),
            Some("date-time") => time::parse_timestamp(text).map(Self::Timestamp),
            _ => None,
        };
        converted.unwrap_or(Self::borrowed(text))
    }

    pub(crate) fn borrowed(text: &'a str) -> Self {
        Self::String(Text::Borrowed(text))
    }

    pub(crate) fn made(text: impl Into<Rc<str>>) -> Self {
        Self::String(Text::Made(text.into()))
    }

    pub(crate) fn list(items: Vec<Self>) -> Self {
        Self::List(List::Made(items.into()))
    }

    pub(crate) fn map(entries: Vec<(Self, Self)>) -> Self {
        Self::Map(Map::Made(entries.into()))
    }

    pub(crate) fn some(self) -> Self {
        Self::Optional(Some(Rc::new(self)))
    }

    /// The name of its type.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null_type",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Uint(_) => "uint",
            Self::Double(_) => "double",
            Self::String(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::Timestamp(_) => "google.protobuf.Timestamp",
            Self::Duration(_) => "google.protobuf.Duration",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::Optional(_) => "optional_type",
            Self::Type(_) => "type",
            Self::Quantity(_) => "kubernetes.Quantity",
            Self::Url(_) => "kubernetes.URL",
            Self::Ip(_) => "net.IP",
            Self::Cidr(_) => "net.CIDR",
            Self::Semver(..) => "kubernetes.Semver",
            Self::Access(access) => access.stage.name(),
        }
    }

    /// How much of it a function has to read.
    pub(crate) fn size(&self) -> u64 {
        (match self {
            Self::String(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::List(list) => list.len(),
            Self::Map(map) => map.len(),
            _ => 1,
        }) as u64
    }

    /// Whether it is what its type has when nothing was said.
    pub(crate) fn is_zero(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Bool(it) => !it,
            Self::Int(it) => *it == 0,
            Self::Uint(it) => *it == 0,
            Self::Double(it) => *it == 0.0,
            Self::Optional(inner) => inner.is_none(),
            Self::String(_) | Self::Bytes(_) | Self::List(_) | Self::Map(_) => self.size() == 0,
            _ => false,
        }
    }

    /// The value as JSON; types without a JSON form become their text. Each value in it is paid for, since a list that
    /// holds another one twice takes more room as JSON than it took before.
    pub(crate) fn json(&self, meter: &Meter) -> Result<Value, EvalError> {
        meter.charge(1)?;
        Ok(match self {
            Self::List(list) => Value::Array(list.iter().map(|it| it.json(meter)).collect::<Result<_, _>>()?),
            Self::Map(map) => {
                let entry = |(key, value): (Self, Self)| Ok((key.label(), value.json(meter)?));
                Value::Object(map.entries().into_iter().map(entry).collect::<Result<_, EvalError>>()?)
            }
            Self::Optional(Some(inner)) => inner.json(meter)?,
            scalar => {
                meter.text(usize::try_from(scalar.size()).unwrap_or(usize::MAX))?;
                scalar.scalar()
            }
        })
    }

    fn scalar(&self) -> Value {
        match self {
            Self::Null | Self::Optional(None) | Self::Quantity(_) => Value::Null,
            Self::Bool(it) => Value::from(*it),
            Self::Int(it) => Value::from(*it),
            Self::Uint(it) => Value::from(*it),
            Self::Double(it) => Value::from(*it),
            Self::String(text) => Value::from(&**text),
            Self::Bytes(bytes) => Value::from(base64::engine::general_purpose::STANDARD.encode(bytes)),
            Self::Timestamp(it) => Value::from(it.to_string()),
            Self::Duration(it) => Value::from(time::format_duration(*it)),
            Self::Type(name) => Value::from(*name),
            Self::List(_) | Self::Map(_) | Self::Optional(Some(_)) | Self::Access(_) => {
                Value::from(self.type_name())
            }
            Self::Url(url) => Value::from(url.source()),
            Self::Ip(ip) => Value::from(ip.to_string()),
            Self::Cidr(cidr) => Value::from(cidr.to_string()),
            Self::Semver(_, text) => Value::from(&**text),
        }
    }

    /// A scalar as a text, for messages and map keys; others give their type.
    pub(crate) fn label(&self) -> String {
        match self.scalar() {
            Value::String(text) => text,
            other => other.to_string(),
        }
    }
}
