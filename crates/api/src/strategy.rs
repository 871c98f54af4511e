//! How a kind behaves, as one trait with neutral defaults: a kind writes only what is its own.
//!
//! [`Behaviour`] is what a strategy file implements, typed. [`Strategy`] is the same with the type erased: what the
//! generic handlers call. The order for a create is `set_defaults`, `prepare_create`, `validate`, `validate_create`; for
//! an update `set_defaults`, `prepare_update`, `validate`, `validate_update`.

mod encoding;

pub use encoding::{Encoding, StoredAs};

use crate::field::Errors;
use crate::object::{Object, Resource};
use crate::resources::{Kind, Subresource};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::Value;
use std::marker::PhantomData;

/// A printer column, as `kubectl get` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// The heading.
    pub name: &'static str,
    /// `string`, `integer`, `boolean`, `date` ...
    pub kind: &'static str,
    /// `name` for the object's name, otherwise mostly empty.
    pub format: &'static str,
    /// What the column says.
    pub description: &'static str,
    /// 0 is always shown, 1 with `-o wide`.
    pub priority: i32,
}

impl Column {
    /// A text column that is always shown.
    pub const fn text(name: &'static str, description: &'static str) -> Self {
        Self { name, kind: "string", format: "", description, priority: 0 }
    }
    /// A number column that is always shown.
    pub const fn number(name: &'static str, description: &'static str) -> Self {
        Self { kind: "integer", ..Self::text(name, description) }
    }
    /// The same column, shown with `-o wide` only.
    pub const fn wide(self) -> Self {
        Self { priority: 1, ..self }
    }
    /// The object's name.
    pub const NAME: Self =
        Self { format: "name", ..Self::text("Name", "Name must be unique within a namespace.") };
    /// The object's age.
    pub const AGE: Self = Self::text("Age", "Time since the object was created.");
}

/// A field that field selectors can use, with its value in one object.
pub type SelectableField = (&'static str, String);

/// What `scale` reads and writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScaleView {
    /// `spec.replicas`.
    pub desired: i32,
    /// `status.replicas`.
    pub current: i32,
    /// The label selector as a query string.
    pub selector: String,
}

/// What a write to the status changes besides the status, as upstream has it for each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusMeta {
    /// Labels, annotations, finalizers and owners: upstream's older kinds protect their spec only.
    Written,
    /// The same without labels.
    WithoutLabels,
    /// The same without owners, which old node agents are known to damage.
    WithoutOwners,
    /// Nothing.
    Kept,
}

/// How a kind behaves, typed. Every method has a neutral default.
pub trait Behaviour: 'static {
    /// The kind.
    type Object: Resource;
    /// Shows each quantity: decoding refuses those that are none and writes the others in their canonical form.
    fn quantities(_object: &mut Self::Object, _visit: &mut dyn FnMut(&mut Quantity)) {}
    /// How these objects are stored, when it is as another kind.
    const STORED_AS: Option<StoredAs> = None;
    /// Fills fields that the user left out.
    fn set_defaults(_object: &mut Self::Object) {}
    /// Resets what users may not set on create, besides the status.
    fn prepare_create(_object: &mut Self::Object) {}
    /// Carries over what users may not change.
    fn prepare_update(_object: &mut Self::Object, _old: &Self::Object) {}
    /// Carries over what a write to a subresource of the status may not change, and fills what the server knows.
    fn prepare_below(_object: &mut Self::Object, _old: &Self::Object, _below: Subresource, _now: Timestamp) {}
    /// What is wrong with an object.
    fn validate(_object: &Self::Object) -> Errors {
        Errors::new()
    }
    /// What is wrong with a new object only, besides [`Behaviour::validate`].
    fn validate_create(_object: &Self::Object) -> Errors {
        Errors::new()
    }
    /// What is wrong with a change, besides [`Behaviour::validate`].
    fn validate_update(_object: &Self::Object, _old: &Self::Object) -> Errors {
        Errors::new()
    }
    /// What is wrong with a write to a subresource of the status, besides [`Behaviour::validate_update`].
    fn validate_below(_object: &Self::Object, _old: &Self::Object, _below: Subresource) -> Errors {
        Errors::new()
    }
    /// What the user should know, sent as Warning headers.
    fn warnings(_object: &Self::Object) -> Vec<String> {
        Vec::new()
    }
    /// What the user should know of a new object only, besides [`Behaviour::warnings`].
    fn warnings_create(_object: &Self::Object) -> Vec<String> {
        Vec::new()
    }
    /// The printer columns; `Name` first.
    const COLUMNS: &'static [Column] = PLAIN_COLUMNS;
    /// The cells of one row, one for each column.
    fn cells(object: &Self::Object, now: Timestamp) -> Vec<Value> {
        vec![name_cell(object.meta()), age_cell(object.meta(), now)]
    }
    /// Names of the fields that field selectors can use besides metadata.name and metadata.namespace.
    const FIELDS: &'static [&'static str] = &[];
    /// Their values in one object.
    fn fields(_object: &Self::Object) -> Vec<SelectableField> {
        Vec::new()
    }
    /// What fields are called in the kind that is stored, for kinds that are stored as another: the name here first.
    const STORED_FIELDS: &'static [(&'static str, &'static str)] = &[];
    /// What users of the kind are told about its end; empty when none is planned.
    const DEPRECATION: &'static str = "";
    /// Whether the generation counts changes of the spec.
    const GENERATION: bool = true;
    /// Whether a status that comes with a new object stays.
    const KEEPS_STATUS: bool = false;
    /// What of its metadata a write to the status may change.
    const STATUS_META: StatusMeta = StatusMeta::Written;
    /// The grace period a delete gets: `None` when objects of the kind go at once.
    fn grace(_object: &Self::Object, _requested: Option<i64>) -> Option<i64> {
        None
    }
    /// Whether a delete that says nothing of dependents leaves them, as upstream's oldest kinds do.
    const ORPHANS: bool = false;
    /// Whether an update of an object that is not there creates it (upstream's `AllowCreateOnUpdate`).
    const CREATES: bool = false;
    /// Whether who deletes an object at once reads it once more, instead of a Status (upstream's `ReturnDeletedObject`).
    const RETURNS_DELETED: bool = false;
    /// Whether something besides its metadata keeps a deleted object.
    fn is_held(_object: &Self::Object) -> bool {
        false
    }
    /// What else changes in an object that is marked for deletion and held.
    fn mark_held(_object: &mut Self::Object) {}
    /// What `scale` reads.
    fn scale(_object: &Self::Object) -> Option<ScaleView> {
        None
    }
    /// What `scale` writes.
    fn set_scale(_object: &mut Self::Object, _replicas: i32) {}
}

/// [`Behaviour`] with its type erased. Objects of another kind are a bug of the caller and are left alone.
pub trait Strategy: Sync {
    /// See [`Behaviour::quantities`].
    fn quantities(&self, _object: &mut Object, _visit: &mut dyn FnMut(&mut Quantity)) {}
    /// Removes fields that the kind does not have, and gives their paths. Types of built-in kinds have no place for
    /// such fields.
    fn prune(&self, _object: &mut Object) -> Vec<String> {
        Vec::new()
    }
    /// The kind whose stored form holds these objects, when it is another one.
    fn stored_as(&self) -> Option<Kind> {
        self.encoding().map(|it| it.kind)
    }
    /// See [`Behaviour::STORED_AS`].
    fn encoding(&self) -> Option<StoredAs> {
        None
    }
    /// Whether the versions of the kind differ in more than their name, so that somebody has to be asked what an object
    /// is in another one.
    fn is_converted(&self) -> bool {
        false
    }
    /// See [`Behaviour::set_defaults`].
    fn set_defaults(&self, _object: &mut Object) {}
    /// See [`Behaviour::prepare_create`].
    fn prepare_create(&self, _object: &mut Object) {}
    /// See [`Behaviour::prepare_update`].
    fn prepare_update(&self, _object: &mut Object, _old: &Object) {}
    /// See [`Behaviour::prepare_below`].
    fn prepare_below(&self, _object: &mut Object, _old: &Object, _below: Subresource, _now: Timestamp) {}
    /// See [`Behaviour::validate`].
    fn validate(&self, _object: &Object) -> Errors {
        Errors::new()
    }
    /// See [`Behaviour::validate_create`].
    fn validate_create(&self, _object: &Object) -> Errors {
        Errors::new()
    }
    /// See [`Behaviour::validate_update`].
    fn validate_update(&self, _object: &Object, _old: &Object) -> Errors {
        Errors::new()
    }
    /// See [`Behaviour::validate_below`].
    fn validate_below(&self, _object: &Object, _old: &Object, _below: Subresource) -> Errors {
        Errors::new()
    }
    /// What is wrong with an object that was not so before. What was stored with a mistake, before the rule was known,
    /// stays writable: upstream calls that ratcheting.
    fn validate_anew(&self, object: &Object, old: &Object) -> Errors {
        let mut errors = self.validate(object);
        if !errors.is_empty() {
            let before = self.validate(old);
            errors.retain(|it| !before.contains(it));
        }
        errors
    }
    /// What is wrong with a changed object, and with the change.
    fn validate_change(&self, object: &Object, old: &Object) -> Errors {
        let mut errors = self.validate_anew(object, old);
        errors.extend(self.validate_update(object, old));
        errors
    }
    /// See [`Behaviour::warnings`].
    fn warnings(&self, _object: &Object) -> Vec<String> {
        Vec::new()
    }
    /// See [`Behaviour::warnings_create`].
    fn warnings_create(&self, _object: &Object) -> Vec<String> {
        Vec::new()
    }
    /// See [`Behaviour::COLUMNS`].
    fn columns(&self) -> &'static [Column] {
        PLAIN_COLUMNS
    }
    /// See [`Behaviour::cells`].
    fn cells(&self, object: &Object, now: Timestamp) -> Vec<Value> {
        vec![name_cell(object.meta()), age_cell(object.meta(), now)]
    }
    /// See [`Behaviour::FIELDS`].
    fn field_names(&self) -> &'static [&'static str] {
        &[]
    }
    /// See [`Behaviour::fields`].
    fn fields(&self, _object: &Object) -> Vec<SelectableField> {
        Vec::new()
    }
    /// See [`Behaviour::STORED_FIELDS`].
    fn stored_fields(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }
    /// See [`Behaviour::DEPRECATION`].
    fn deprecation(&self) -> &'static str {
        ""
    }
    /// Whether an update may leave out the version that it replaces; those of custom kinds may not.
    fn updates_blindly(&self) -> bool {
        true
    }
    /// See [`Behaviour::GENERATION`].
    fn counts_generation(&self) -> bool {
        false
    }
    /// See [`Behaviour::KEEPS_STATUS`].
    fn keeps_status(&self) -> bool {
        false
    }
    /// See [`Behaviour::STATUS_META`].
    fn status_meta(&self) -> StatusMeta {
        StatusMeta::Written
    }
    /// See [`Behaviour::grace`].
    fn grace(&self, _object: &Object, _requested: Option<i64>) -> Option<i64> {
        None
    }
    /// See [`Behaviour::CREATES`].
    fn creates(&self) -> bool {
        false
    }
    /// See [`Behaviour::RETURNS_DELETED`].
    fn returns_deleted(&self) -> bool {
        false
    }
    /// See [`Behaviour::ORPHANS`].
    fn orphans(&self) -> bool {
        false
    }
    /// See [`Behaviour::is_held`].
    fn is_held(&self, _object: &Object) -> bool {
        false
    }
    /// See [`Behaviour::mark_held`].
    fn mark_held(&self, _object: &mut Object) {}
    /// See [`Behaviour::scale`].
    fn scale(&self, _object: &Object) -> Option<ScaleView> {
        None
    }
    /// The field that `scale` writes, when the kind has a scale.
    fn replicas_path(&self) -> Option<Vec<&str>> {
        Some(vec!["spec", "replicas"])
    }
    /// See [`Behaviour::set_scale`].
    fn set_scale(&self, _object: &mut Object, _replicas: i32) {}
}

/// A kind that is stored and served and has no rules of its own.
#[derive(Debug)]
pub struct Plain;

impl Strategy for Plain {}

/// Erases a [`Behaviour`].
#[derive(Debug)]
pub struct Typed<B>(PhantomData<fn() -> B>);

impl<B> Typed<B> {
    /// The only value.
    pub const NEW: Self = Self(PhantomData);
}

impl<B: Behaviour> Strategy for Typed<B> {
    fn quantities(&self, object: &mut Object, visit: &mut dyn FnMut(&mut Quantity)) {
        if let Some(object) = object.get_mut() {
            B::quantities(object, visit);
        }
    }
    fn encoding(&self) -> Option<StoredAs> {
        B::STORED_AS
    }
    fn set_defaults(&self, object: &mut Object) {
        if let Some(object) = object.get_mut() {
            B::set_defaults(object);
        }
    }
    fn prepare_create(&self, object: &mut Object) {
        if let Some(object) = object.get_mut() {
            B::prepare_create(object);
        }
    }
    fn prepare_update(&self, object: &mut Object, old: &Object) {
        if let (Some(object), Some(old)) = (object.get_mut(), old.get()) {
            B::prepare_update(object, old);
        }
    }
    fn prepare_below(&self, object: &mut Object, old: &Object, below: Subresource, now: Timestamp) {
        if let (Some(object), Some(old)) = (object.get_mut(), old.get()) {
            B::prepare_below(object, old, below, now);
        }
    }
    fn validate(&self, object: &Object) -> Errors {
        object.get().map(B::validate).unwrap_or_default()
    }
    fn validate_create(&self, object: &Object) -> Errors {
        object.get().map(B::validate_create).unwrap_or_default()
    }
    fn validate_update(&self, object: &Object, old: &Object) -> Errors {
        object.get().zip(old.get()).map(|(object, old)| B::validate_update(object, old)).unwrap_or_default()
    }
    fn validate_below(&self, object: &Object, old: &Object, below: Subresource) -> Errors {
        object.get().zip(old.get()).map(|(it, old)| B::validate_below(it, old, below)).unwrap_or_default()
    }
    fn warnings(&self, object: &Object) -> Vec<String> {
        object.get().map(B::warnings).unwrap_or_default()
    }
    fn warnings_create(&self, object: &Object) -> Vec<String> {
        object.get().map(B::warnings_create).unwrap_or_default()
    }
    fn columns(&self) -> &'static [Column] {
        B::COLUMNS
    }
    fn cells(&self, object: &Object, now: Timestamp) -> Vec<Value> {
        object.get().map(|object| B::cells(object, now)).unwrap_or_default()
    }
    fn field_names(&self) -> &'static [&'static str] {
        B::FIELDS
    }
    fn fields(&self, object: &Object) -> Vec<SelectableField> {
        object.get().map(B::fields).unwrap_or_default()
    }
    fn stored_fields(&self) -> &'static [(&'static str, &'static str)] {
        B::STORED_FIELDS
    }
    fn deprecation(&self) -> &'static str {
        B::DEPRECATION
    }
    fn counts_generation(&self) -> bool {
        B::GENERATION
    }
    fn keeps_status(&self) -> bool {
        B::KEEPS_STATUS
    }
    fn status_meta(&self) -> StatusMeta {
        B::STATUS_META
    }
    fn grace(&self, object: &Object, requested: Option<i64>) -> Option<i64> {
        object.get().and_then(|object| B::grace(object, requested))
    }
    fn creates(&self) -> bool {
        B::CREATES
    }
    fn returns_deleted(&self) -> bool {
        B::RETURNS_DELETED
    }
    fn orphans(&self) -> bool {
        B::ORPHANS
    }
    fn is_held(&self, object: &Object) -> bool {
        object.get().is_some_and(B::is_held)
    }
    fn mark_held(&self, object: &mut Object) {
        if let Some(object) = object.get_mut() {
            B::mark_held(object);
        }
    }
    fn scale(&self, object: &Object) -> Option<ScaleView> {
        object.get().and_then(B::scale)
    }
    fn set_scale(&self, object: &mut Object, replicas: i32) {
        if let Some(object) = object.get_mut() {
            B::set_scale(object, replicas);
        }
    }
}

const PLAIN_COLUMNS: &[Column] = &[Column::NAME, Column::AGE];

/// The cell of [`Column::NAME`].
pub fn name_cell(meta: &crate::ObjectMeta) -> Value {
    meta.name.clone().unwrap_or_default().into()
}

/// The cell of [`Column::AGE`].
pub fn age_cell(meta: &crate::ObjectMeta, now: Timestamp) -> Value {
    match &meta.creation_timestamp {
        None => "<unknown>".into(),
        Some(created) => human_duration(now.duration_since(created.0).as_secs()).into(),
    }
}

/// How long something lasts, as `kubectl get` prints ages: `45s`, `3m20s`, `5d3h` ...
pub fn human_duration(seconds: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    const YEAR: i64 = 365 * DAY;
    let two = |big: i64, unit: &str, small: i64, minor: &str| {
        if small == 0 { format!("{big}{unit}") } else { format!("{big}{unit}{small}{minor}") }
    };
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1..0 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        120..600 => two(seconds / MINUTE, "m", seconds % MINUTE, "s"),
        600..10_800 => format!("{}m", seconds / MINUTE),
        10_800..28_800 => two(seconds / HOUR, "h", seconds % HOUR / MINUTE, "m"),
        28_800..172_800 => format!("{}h", seconds / HOUR),
        172_800..691_200 => two(seconds / DAY, "d", seconds % DAY / HOUR, "h"),
        691_200..63_072_000 => format!("{}d", seconds / DAY),
        63_072_000..252_288_000 => two(seconds / YEAR, "y", seconds % YEAR / DAY, "d"),
        _ => format!("{}y", seconds / YEAR),
    }
}

#[cfg(test)]
mod tests {
    use super::human_duration;

    #[test]
    fn ages_read_as_kubectls() {
        let check = |seconds, expect| assert_eq!(human_duration(seconds), expect);
        check(0, "0s");
        check(119, "119s");
        check(120, "2m");
        check(200, "3m20s");
        check(601, "10m");
        check(3 * 3600 + 60, "3h1m");
        check(50 * 3600, "2d2h");
        check(400 * 86_400, "400d");
        check(-5, "<invalid>");
    }
}
