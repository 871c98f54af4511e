//! How objects of a custom kind behave: as the schema of their version says.
//!
//! Start at [`CustomStrategy`], the one strategy of all custom kinds.

use api::custom::Custom;
use api::field::{Error, Errors, Path};
use api::strategy::{Column, ScaleView, SelectableField, StatusMeta, Strategy, age_cell, name_cell};
use api::{Kind, Object};
use jiff::Timestamp;
use serde_json::{Map, Value};
use structural::{JsonPath, Old, Structural, cel, columns};

/// See the module. Lives as long as the process, like the row that holds it.
pub(super) struct CustomStrategy {
    pub(super) schema: Structural,
    /// The kind in which objects are stored, when it is another version.
    pub(super) stored: Option<Kind>,
    /// Versions differ in more than their name.
    pub(super) converts: bool,
    /// `Name`, then what the definition adds.
    pub(super) columns: &'static [Column],
    pub(super) cells: Vec<columns::Column>,
    pub(super) field_names: &'static [&'static str],
    pub(super) fields: Vec<JsonPath>,
    pub(super) scale: Option<ScalePaths>,
}

/// Where `scale` finds what it reads and writes.
pub(super) struct ScalePaths {
    pub(super) desired: JsonPath,
    pub(super) current: JsonPath,
    pub(super) selector: Option<JsonPath>,
}

impl CustomStrategy {
    fn findings(&self, object: &Object, old: Option<&Object>) -> Errors {
        let Some(custom) = object.downcast_ref::<Custom>() else { return Errors::new() };
        let value = custom.value();
        let old = old.and_then(|it| it.downcast_ref::<Custom>()).map(Custom::value);
        let old = old.as_ref().map_or_else(Old::none, Old::object);
        let validate = || self.schema.validate(&value, old, cel::OBJECT_BUDGET).errors;
        let mut errors = if self.schema.has_rules() { daemon::aside(validate) } else { validate() };
        errors.extend(self.scale_errors(&value));
        errors
    }

    /// What `scale` writes must be something that can be scaled.
    fn scale_errors(&self, value: &Value) -> Option<Error> {
        let paths = self.scale.as_ref()?;
        let desired = number(&paths.desired, value)?;
        let path = paths.desired.names()?.into_iter().fold(None::<Path>, |path, name| {
            Some(path.map_or_else(|| Path::new(name), |it| it.child(name)))
        })?;
        (desired < 0).then(|| Error::invalid(&path, desired, "should be a non-negative integer"))
    }
}

impl Strategy for CustomStrategy {
    fn stored_as(&self) -> Option<Kind> {
        self.stored
    }

    fn is_converted(&self) -> bool {
        self.converts
    }

    fn prune(&self, object: &mut Object) -> Vec<String> {
        let Some(custom) = object.downcast_mut::<Custom>() else { return Vec::new() };
        custom.edit(|value| self.schema.prune(value))
    }

    fn set_defaults(&self, object: &mut Object) {
        if let Some(custom) = object.downcast_mut::<Custom>() {
            custom.edit(|value| self.schema.apply_defaults(value));
        }
    }

    fn validate(&self, object: &Object) -> Errors {
        self.findings(object, None)
    }

    fn validate_change(&self, object: &Object, old: &Object) -> Errors {
        self.findings(object, Some(old))
    }

    fn columns(&self) -> &'static [Column] {
        self.columns
    }

    fn cells(&self, object: &Object, now: Timestamp) -> Vec<Value> {
        let mut cells = vec![name_cell(object.meta())];
        if self.cells.is_empty() {
            cells.push(age_cell(object.meta(), now));
        }
        let value = object.to_value();
        cells.extend(self.cells.iter().map(|it| it.cell(&value, now)));
        cells
    }

    fn field_names(&self) -> &'static [&'static str] {
        self.field_names
    }

    fn fields(&self, object: &Object) -> Vec<SelectableField> {
        let value = object.to_value();
        let values = self.fields.iter().map(|it| columns::selectable(it, &value));
        self.field_names.iter().copied().zip(values).collect()
    }

    fn updates_blindly(&self) -> bool {
        false
    }

    fn status_meta(&self) -> StatusMeta {
        StatusMeta::Kept
    }

    fn counts_generation(&self) -> bool {
        true
    }

    fn scale(&self, object: &Object) -> Option<ScaleView> {
        let (paths, value) = (self.scale.as_ref()?, object.to_value());
        let text = |it: &JsonPath| it.find(&value).first().and_then(|it| it.as_str().map(str::to_owned));
        Some(ScaleView {
            desired: number(&paths.desired, &value).unwrap_or(0),
            current: number(&paths.current, &value).unwrap_or(0),
            selector: paths.selector.as_ref().and_then(text).unwrap_or_default(),
        })
    }

    fn replicas_path(&self) -> Option<Vec<&str>> {
        self.scale.as_ref()?.desired.names()
    }

    fn set_scale(&self, object: &mut Object, replicas: i32) {
        let Some(names) = self.scale.as_ref().and_then(|it| it.desired.names()) else { return };
        let Some(custom) = object.downcast_mut::<Custom>() else { return };
        custom.edit(|value| set(value, &names, replicas.into()));
    }
}

fn number(path: &JsonPath, value: &Value) -> Option<i32> {
    path.find(value).first()?.as_i64().and_then(|it| i32::try_from(it).ok())
}

/// Puts a value at the end of a path, and objects on the way there where there are none.
fn set(value: &mut Value, names: &[&str], to: Value) {
    let mut place = value;
    for name in names {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        let fields = place.as_object_mut().expect("it was just made one");
        place = fields.entry(*name).or_insert(Value::Null);
    }
    *place = to;
}
