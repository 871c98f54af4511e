//! What the types do not say by themselves: how a field merges, and which type a field leads to.
//!
//! The rows stand in `facts.txt` beside this crate's manifest; the build joins them with the fields of k8s-openapi's
//! types. Strategic merge patch, server-side apply and the OpenAPI documents all read this one table. Start at
//! [`Type::named`] or [`type_of`]. Holds no schemas and refuses to validate.

use std::fmt;

/// A type of the API, such as `io.k8s.api.core.v1.PodSpec`.
pub struct Type {
    name: Text,
    first: u16,
    end: u16,
    first_leaf: u16,
    end_leaf: u16,
    atomic: bool,
}

/// A field that leads to another type, holds a list or a map, or has facts. A field that is none of these is a leaf
/// and only its name is kept.
pub struct Field {
    name: Text,
    shape: Shape,
    target: u16,
    list: ListType,
    keys: Text,
    map: MapType,
    patch: Patch,
    merge_key: Text,
}

/// How a field holds its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One value.
    One,
    /// A JSON array.
    List,
    /// A JSON object whose keys are data.
    Map,
}

/// `x-kubernetes-list-type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListType {
    /// Owned and replaced as one value; also what holds where upstream says nothing.
    Atomic,
    /// Unique scalars, each owned by itself.
    Set,
    /// Objects identified by [`Field::map_keys`].
    Map,
}

#[derive(Clone, Copy)]
enum MapType {
    OfType,
    Atomic,
    Granular,
}

/// `x-kubernetes-patch-strategy`: what a strategic merge patch does with the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patch {
    /// The list's items are merged with those that are there.
    pub merge: bool,
    /// The object is replaced as a whole.
    pub replace: bool,
    /// `$retainKeys` is to be expected.
    pub retain_keys: bool,
}

struct Kind {
    group: Text,
    version: Text,
    kind: Text,
    index: u16,
}

/// A slice of the tables' one string.
#[derive(Clone, Copy)]
struct Text {
    at: u32,
    len: u16,
}

/// The target of a field without one.
const NOWHERE: u16 = u16::MAX;

include!(concat!(env!("OUT_DIR"), "/tables.rs"));

impl Text {
    const fn new(at: u32, len: u16) -> Self {
        Text { at, len }
    }

    fn get(self) -> &'static str {
        let at = self.at as usize;
        &TEXT[at..at + usize::from(self.len)]
    }
}

impl Type {
    /// The type with this schema name.
    pub fn named(name: &str) -> Option<&'static Type> {
        let index = TYPES.binary_search_by(|row| row.name.get().cmp(name)).ok()?;
        Some(&TYPES[index])
    }

    /// The schema name.
    pub fn name(&self) -> &'static str {
        self.name.get()
    }

    /// Whether server-side apply owns a value of this type as a whole.
    pub fn is_atomic(&self) -> bool {
        self.atomic
    }

    /// The entry of a field by its JSON name; none for leaves and for what is no field at all.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        let fields = self.fields();
        let index = fields.binary_search_by(|field| field.name.get().cmp(name)).ok()?;
        Some(&fields[index])
    }

    /// All fields with an entry, by name.
    pub fn fields(&self) -> &'static [Field] {
        &FIELDS[usize::from(self.first)..usize::from(self.end)]
    }

    /// Whether the type has this field, with or without an entry.
    pub fn has(&self, name: &str) -> bool {
        let leaves = &LEAVES[usize::from(self.first_leaf)..usize::from(self.end_leaf)];
        leaves.binary_search_by(|leaf| leaf.get().cmp(name)).is_ok() || self.field(name).is_some()
    }

    /// Whether the type says nothing of its fields: a scalar, or JSON of any form.
    pub fn is_open(&self) -> bool {
        self.first == self.end && self.first_leaf == self.end_leaf
    }

    /// The type at a position in the table.
    pub(crate) fn at(index: usize) -> &'static Type {
        &TYPES[index]
    }

    /// The position in the table, which is also the schema's line among the embedded schemas.
    pub(crate) fn index(&'static self) -> usize {
        TYPES.binary_search_by(|row| row.name.get().cmp(self.name())).expect("every type is in the table")
    }
}

impl Field {
    /// The JSON name.
    pub fn name(&self) -> &'static str {
        self.name.get()
    }

    /// How the field holds its values.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The type of the value, or of the elements of a list or map; none where they are scalars.
    pub fn target(&self) -> Option<&'static Type> {
        (self.target != NOWHERE).then(|| &TYPES[usize::from(self.target)])
    }

    /// How server-side apply takes the list.
    pub fn list_type(&self) -> ListType {
        self.list
    }

    /// The keys that identify an item of a [`ListType::Map`].
    pub fn map_keys(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.keys_and_defaults().map(|(key, _)| key)
    }

    /// What stands for a key of [`Field::map_keys`] in an item without it.
    pub fn key_default(&self, key: &str) -> Option<&'static str> {
        self.keys_and_defaults().find(|(name, _)| *name == key)?.1
    }

    fn keys_and_defaults(&self) -> impl Iterator<Item = (&'static str, Option<&'static str>)> + use<> {
        let keys = self.keys.get().split(',').filter(|key| !key.is_empty());
        keys.map(|key| key.split_once('=').map_or((key, None), |(key, default)| (key, Some(default))))
    }

    /// Whether server-side apply owns the field's object as a whole.
    pub fn is_atomic(&self) -> bool {
        match self.map {
            MapType::Atomic => true,
            MapType::Granular => false,
            MapType::OfType => self.shape == Shape::One && self.target().is_some_and(Type::is_atomic),
        }
    }

    /// What a strategic merge patch does with the field.
    pub fn patch(&self) -> Patch {
        self.patch
    }

    /// `x-kubernetes-patch-merge-key`: the key by which a strategic merge patch finds the item of a list.
    pub fn merge_key(&self) -> Option<&'static str> {
        Some(self.merge_key.get()).filter(|key| !key.is_empty())
    }
}

/// The type of a built-in kind.
pub fn type_of(group: &str, version: &str, kind: &str) -> Option<&'static Type> {
    let wanted = (group, version, kind);
    let index = KINDS.binary_search_by(|row| row.names().cmp(&wanted)).ok()?;
    Some(&TYPES[usize::from(KINDS[index].index)])
}

impl Kind {
    fn names(&self) -> (&'static str, &'static str, &'static str) {
        (self.group.get(), self.version.get(), self.kind.get())
    }
}

impl fmt::Debug for Type {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(type_name: &str, name: &str) -> &'static Field {
        let found = Type::named(&format!("io.k8s.{type_name}")).expect("the type exists");
        found.field(name).expect("the field has an entry")
    }

    #[test]
    fn tables_are_sorted_for_their_searches() {
        assert!(TYPES.is_sorted_by_key(Type::name));
        assert!(TYPES.iter().all(|row| row.fields().is_sorted_by_key(Field::name)));
        assert!(KINDS.is_sorted_by_key(Kind::names));
    }

    #[test]
    fn kinds_lead_to_their_types() {
        let name_of = |group, version, kind| type_of(group, version, kind).map(Type::name);
        assert_eq!(name_of("", "v1", "Pod"), Some("io.k8s.api.core.v1.Pod"));
        assert_eq!(name_of("", "v1", "PodList"), Some("io.k8s.api.core.v1.PodList"));
        assert_eq!(name_of("apps", "v1", "Deployment"), Some("io.k8s.api.apps.v1.Deployment"));
        let roles = name_of("rbac.authorization.k8s.io", "v1", "ClusterRole");
        assert_eq!(roles, Some("io.k8s.api.rbac.v1.ClusterRole"));
        assert_eq!(name_of("apps", "v1", "Pod"), None);
    }

    #[test]
    fn the_walk_goes_from_a_kind_to_a_port() {
        let mut at = type_of("apps", "v1", "Deployment").expect("a built-in kind");
        for name in ["spec", "template", "spec", "containers", "ports"] {
            at = at.field(name).and_then(Field::target).expect("each step leads on");
        }
        assert_eq!(at.name(), "io.k8s.api.core.v1.ContainerPort");
        assert!(at.field("containerPort").is_none(), "a leaf has no entry");
        assert!(at.has("containerPort") && !at.has("port"));
    }

    #[test]
    fn fields_carry_upstream_facts() {
        let ports = field("api.core.v1.Container", "ports");
        assert_eq!((ports.shape(), ports.list_type()), (Shape::List, ListType::Map));
        assert_eq!(ports.map_keys().collect::<Vec<_>>(), ["containerPort", "protocol"]);
        assert_eq!((ports.key_default("containerPort"), ports.key_default("protocol")), (None, Some("TCP")));
        assert_eq!((ports.patch().merge, ports.merge_key()), (true, Some("containerPort")));
        let volumes = field("api.core.v1.PodSpec", "volumes");
        assert_eq!(volumes.patch(), Patch { merge: true, replace: false, retain_keys: true });
        let finalizers = field("apimachinery.pkg.apis.meta.v1.ObjectMeta", "finalizers");
        assert_eq!((finalizers.list_type(), finalizers.merge_key()), (ListType::Set, None));
        let tolerations = field("api.core.v1.PodSpec", "tolerations");
        assert_eq!((tolerations.list_type(), tolerations.patch().merge), (ListType::Atomic, false));
        assert_eq!(field("api.core.v1.ConfigMap", "data").shape(), Shape::Map);
    }

    #[test]
    fn atomicity_comes_from_the_field_or_its_type() {
        assert!(field("api.apps.v1.DeploymentSpec", "selector").is_atomic());
        assert!(field("api.core.v1.PodSpec", "nodeSelector").is_atomic());
        assert!(!field("api.core.v1.PersistentVolumeSpec", "claimRef").is_atomic());
        assert!(!field("api.core.v1.PodSpec", "securityContext").is_atomic());
    }
}
