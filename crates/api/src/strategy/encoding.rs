//! Kinds that are another encoding of a stored one: what clients see, and what is stored.

use crate::object::{Object, Resource};
use crate::resources::Kind;

/// A kind that is another encoding of a stored one.
pub trait Encoding: 'static {
    /// What clients see.
    type Served: Resource;
    /// What is stored.
    type Stored: Resource;
    /// The object as it is stored.
    fn to_stored(served: Self::Served) -> Self::Stored;
    /// The object as clients see it.
    fn to_served(stored: Self::Stored) -> Self::Served;
}

/// An [`Encoding`] with its types erased.
#[derive(Clone, Copy, Debug)]
pub struct StoredAs {
    /// The kind that is stored.
    pub kind: Kind,
    /// See [`Encoding::to_stored`]. Objects of another kind stay as they are.
    pub to_stored: fn(Object) -> Object,
    /// See [`Encoding::to_served`]. Objects of another kind stay as they are.
    pub to_served: fn(Object) -> Object,
}

impl StoredAs {
    /// Erases an encoding.
    pub const fn by<E: Encoding>() -> Self {
        Self { kind: <E::Stored as Resource>::KIND, to_stored: stored::<E>, to_served: served::<E> }
    }
}

fn stored<E: Encoding>(object: Object) -> Object {
    object.take().map_or_else(|object| object, |it| E::to_stored(it).into())
}

fn served<E: Encoding>(object: Object) -> Object {
    object.take().map_or_else(|object| object, |it| E::to_served(it).into())
}
