//! An object of any kind, and the key that identifies it.
//!
//! Past the decoder everything is typed. [`Object`] erases the type so that generic code (handlers, caches,
//! plans) is written once; [`Object::get`] gives the type back. Custom resources come in through the same
//! [`AnyObject`] trait.

use crate::resources::Kind;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Serialize, de::DeserializeOwned};
use std::any::Any;
use std::fmt;

/// A built-in kind: a type of k8s-openapi with its row in the table.
pub trait Resource:
    Clone + fmt::Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The row of this kind.
    const KIND: Kind;
    /// The object's metadata.
    fn meta(&self) -> &ObjectMeta;
    /// The object's metadata, to change.
    fn meta_mut(&mut self) -> &mut ObjectMeta;
    /// Replaces the status by that of another object; kinds without one do nothing.
    fn copy_status(&mut self, from: &Self);
    /// Whether both have the same desired state: everything but metadata and status.
    fn same_spec(&self, other: &Self) -> bool;
}

/// What every object can do, whatever its kind. Implemented for every [`Resource`].
pub trait AnyObject: Any + fmt::Debug + Send + Sync {
    /// The row of this object's kind.
    fn kind(&self) -> Kind;
    /// See [`Resource::meta`].
    fn meta(&self) -> &ObjectMeta;
    /// See [`Resource::meta_mut`].
    fn meta_mut(&mut self) -> &mut ObjectMeta;
    /// JSON with `apiVersion` and `kind`.
    fn to_json(&self) -> Vec<u8>;
    /// The same as a tree.
    fn to_value(&self) -> serde_json::Value;
    /// See [`Resource::copy_status`]. Objects of another kind are ignored.
    fn copy_status(&mut self, from: &dyn AnyObject);
    /// See [`Resource::same_spec`]. Objects of another kind differ.
    fn same_spec(&self, other: &dyn AnyObject) -> bool;
    /// Whether both are equal in every field.
    fn equals(&self, other: &dyn AnyObject) -> bool;
    /// A copy.
    fn boxed_clone(&self) -> Box<dyn AnyObject>;
}

impl<K: Resource> AnyObject for K {
    fn kind(&self) -> Kind {
        K::KIND
    }
    fn meta(&self) -> &ObjectMeta {
        Resource::meta(self)
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        Resource::meta_mut(self)
    }
    fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("k8s-openapi types serialize to JSON")
    }
    fn to_value(&self) -> serde_json::Value {
        // By way of its text: one encoder for each kind is enough to build.
        serde_json::from_slice(&AnyObject::to_json(self)).expect("JSON that was just written")
    }
    fn copy_status(&mut self, from: &dyn AnyObject) {
        if let Some(from) = (from as &dyn Any).downcast_ref::<K>() {
            Resource::copy_status(self, from);
        }
    }
    fn same_spec(&self, other: &dyn AnyObject) -> bool {
        (other as &dyn Any).downcast_ref::<K>().is_some_and(|other| Resource::same_spec(self, other))
    }
    fn equals(&self, other: &dyn AnyObject) -> bool {
        (other as &dyn Any).downcast_ref::<K>() == Some(self)
    }
    fn boxed_clone(&self) -> Box<dyn AnyObject> {
        Box::new(self.clone())
    }
}

/// An object whose kind is known at run time.
#[derive(Debug)]
pub struct Object(Box<dyn AnyObject>);

impl Object {
    /// Erases any object, also one of a custom kind.
    pub fn new(object: Box<dyn AnyObject>) -> Self {
        Self(object)
    }

    /// The typed object, if it is of kind `K`.
    pub fn get<K: Resource>(&self) -> Option<&K> {
        (&*self.0 as &dyn Any).downcast_ref()
    }

    /// The typed object, to change, if it is of kind `K`.
    pub fn get_mut<K: Resource>(&mut self) -> Option<&mut K> {
        (&mut *self.0 as &mut dyn Any).downcast_mut()
    }

    /// The typed object itself, or the object back when it is of another kind.
    pub fn take<K: Resource>(self) -> Result<K, Self> {
        if self.get::<K>().is_none() {
            return Err(self);
        }
        Ok(*(self.0 as Box<dyn Any>).downcast().expect("the kind was just checked"))
    }

    /// The object as what a custom kind keeps its objects in.
    pub fn downcast_ref<T: AnyObject>(&self) -> Option<&T> {
        (&*self.0 as &dyn Any).downcast_ref()
    }

    /// The same, to change.
    pub fn downcast_mut<T: AnyObject>(&mut self) -> Option<&mut T> {
        (&mut *self.0 as &mut dyn Any).downcast_mut()
    }

    /// The row of this object's kind.
    pub fn kind(&self) -> Kind {
        self.0.kind()
    }

    /// The object's metadata.
    pub fn meta(&self) -> &ObjectMeta {
        self.0.meta()
    }

    /// The object's metadata, to change.
    pub fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.0.meta_mut()
    }

    /// What identifies this object.
    pub fn key(&self) -> Key {
        let meta = self.meta();
        Key {
            kind: self.kind(),
            namespace: meta.namespace.clone().unwrap_or_default(),
            name: meta.name.clone().unwrap_or_default(),
        }
    }

    /// JSON with `apiVersion` and `kind`.
    pub fn to_json(&self) -> Vec<u8> {
        self.0.to_json()
    }

    /// The same as a tree.
    pub fn to_value(&self) -> serde_json::Value {
        self.0.to_value()
    }

    /// Replaces the status by that of `from`; kinds without one do nothing.
    pub fn copy_status(&mut self, from: &Object) {
        self.0.copy_status(&*from.0);
    }

    /// Whether both have the same desired state: everything but metadata and status.
    pub fn same_spec(&self, other: &Object) -> bool {
        self.0.same_spec(&*other.0)
    }
}

impl Clone for Object {
    fn clone(&self) -> Self {
        Self(self.0.boxed_clone())
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.0.equals(&*other.0)
    }
}

impl<K: Resource> From<K> for Object {
    fn from(object: K) -> Self {
        Self(Box::new(object))
    }
}

/// Identifies one object: what work queues hold and what logs print.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Kind of the object.
    pub kind: Kind,
    /// Namespace, empty when cluster-scoped.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl Key {
    /// The key of an object of kind `K`; `namespace` is empty for cluster-scoped kinds.
    pub fn of<K: Resource>(namespace: &str, name: &str) -> Self {
        Self { kind: K::KIND, namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.kind.row().singular)?;
        if !self.namespace.is_empty() {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(&self.name)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
