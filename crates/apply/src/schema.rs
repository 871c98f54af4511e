//! What ownership needs to know of a type: which values are owned as one, and how items of lists are told apart.
//!
//! Start at [`Schema`]. [`BuiltIn`] walks the types of Kubernetes, [`Deduced`] knows nothing and reads the value's own
//! form, as upstream does for custom resources without a schema. Those with one implement the trait where they live.
//! Refuses to validate more than what merging relies on.

mod built_in;

pub use built_in::BuiltIn;

use serde_json::{Map, Value};

/// A place in a type, from which the walk goes down.
pub trait Schema: Copy {
    /// Whether managed fields may have been written when the type was another. If so, they are fitted to the type
    /// before they are used: what became one value is owned as one, what was one value is owned by its parts.
    const MAY_HAVE_CHANGED: bool;

    /// How the value at this place is owned.
    fn shape(&self) -> Shape<Self>;

    /// The field or entry of an object; none where the type does not have it.
    fn child(&self, name: &str) -> Option<Child<Self>>;

    /// The fields by which the items of a [`Shape::ListMap`] are told apart.
    fn keys(&self) -> impl Iterator<Item = &str>;

    /// What a key field has where an item leaves it out.
    fn key_default(&self, key: &str) -> Option<Value>;

    /// The object of this type before anything was written to it. Parts that are there from the beginning are
    /// nobody's: who creates a Deployment does not own `.spec`, only what is in it.
    fn unwritten(&self) -> Value {
        Value::Object(Map::new())
    }
}

/// How a value is owned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape<S> {
    /// One value that is neither list nor object.
    Scalar(Scalar),
    /// Any JSON, owned as one value.
    Atomic,
    /// An object that is owned as one value.
    AtomicObject,
    /// A list that is owned as one value, with its items' place.
    AtomicList(S),
    /// An object whose fields or entries are owned one by one: see [`Schema::child`].
    Object,
    /// A list of unique scalars, each owned by itself, with their place.
    Set(S),
    /// A list of objects, told apart by [`Schema::keys`], with their place.
    ListMap(S),
    /// Whatever it is: objects are owned by their entries, everything else as one value.
    Unknown,
}

impl<S> Shape<S> {
    /// The same shape in a schema that contains this one.
    pub fn map<T>(self, place: impl FnOnce(S) -> T) -> Shape<T> {
        match self {
            Self::Scalar(scalar) => Shape::Scalar(scalar),
            Self::Atomic => Shape::Atomic,
            Self::AtomicObject => Shape::AtomicObject,
            Self::AtomicList(items) => Shape::AtomicList(place(items)),
            Self::Object => Shape::Object,
            Self::Set(items) => Shape::Set(place(items)),
            Self::ListMap(items) => Shape::ListMap(place(items)),
            Self::Unknown => Shape::Unknown,
        }
    }
}

/// Which scalars fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// All of them.
    Any,
    /// Integers and others.
    Number,
    /// Texts.
    Text,
    /// True and false.
    Bool,
}

/// A part of an object.
#[derive(Clone, Copy, Debug)]
pub struct Child<S> {
    /// Its place.
    pub schema: S,
    /// Whether the type declares it. An entry of a map is owned for being there, a declared field is not.
    pub declared: bool,
}

/// The place of which nothing is known.
#[derive(Clone, Copy, Debug)]
pub struct Deduced;

impl Schema for Deduced {
    const MAY_HAVE_CHANGED: bool = false;

    fn shape(&self) -> Shape<Self> {
        Shape::Unknown
    }

    fn child(&self, _name: &str) -> Option<Child<Self>> {
        Some(Child { schema: Deduced, declared: false })
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }

    fn key_default(&self, _key: &str) -> Option<Value> {
        None
    }
}

/// How a value is owned, with what is not known settled by the value itself.
pub(crate) fn shape_of<S: Schema>(schema: &S, value: &Value) -> Shape<S> {
    match schema.shape() {
        Shape::Unknown if value.is_object() => Shape::Object,
        Shape::Unknown => Shape::Atomic,
        known => known,
    }
}
