//! Server-side apply: a patch that says what its manager wants, whether the object exists or not (KEP-555).

use super::Call;
use super::change::{self, ATTEMPTS, Part, Target};
use super::create;
use super::present::Present;
use crate::body::{self, FieldValidation};
use crate::cache::entry::Entry;
use crate::notes::Notes;
use crate::options::WriteOptions;
use crate::ownership::{Conversions, Manager, Writing};
use crate::respond::Answer;
use crate::state::State;
use api::field::{Error, Path};
use api::{ApiError, Object};
use apply::Force;
use http::StatusCode;
use serde_json::{Map, Value};
use std::sync::Arc;

/// What is applied, and how.
pub(super) struct Applied {
    pub(super) config: Value,
    pub(super) force: Force,
    pub(super) manager: Manager,
    options: WriteOptions,
}

impl Applied {
    /// Reads an apply configuration, which is YAML or JSON. Who applies has to say their name.
    pub(super) fn of(call: &Call, bytes: &[u8]) -> Result<Self, ApiError> {
        if call.query.get("fieldManager").is_none() {
            let error = Error::required(&Path::new("fieldManager"), "is required for apply patch");
            return Err(crate::options::invalid("PatchOptions", &[error]));
        }
        let options = WriteOptions::of(call.path.verb, &call.query)?;
        let (config, twice) = body::read_yaml(bytes)?;
        match (options.validation, twice) {
            (FieldValidation::Strict, Some(twice)) => {
                let why = format!("error strict decoding YAML: error converting YAML to JSON: {twice}");
                return Err(ApiError::bad_request(why));
            }
            (FieldValidation::Warn, Some(twice)) => call.notes.warn(body::warnings_of(&twice)),
            _ => {}
        }
        Ok(Self {
            config: named(config, &call.key.name)?,
            force: if call.query.is_true("force") { Force::Yes } else { Force::No },
            manager: call.manager.of_applied(),
            options,
        })
    }
}

/// PATCH of an apply configuration.
pub(crate) async fn apply(state: &State, call: &mut Call, part: Part, bytes: &[u8]) -> Answer {
    let applied = Applied::of(call, bytes)?;
    for _ in 0..ATTEMPTS {
        let found = Notes::default();
        let exists = state.current(&call.key).await.map(drop);
        let outcome = match exists {
            Err(error) if error.is_not_found() && part == Part::Main => {
                let created = create(state, call, &applied, &found).await;
                created.map(|it| (StatusCode::CREATED, it))
            }
            Err(error) => Err(error),
            Ok(()) => merge(state, call, part, &applied, &found).await.map(|it| (StatusCode::OK, it)),
        };
        match outcome {
            // Somebody else created it, or removed it, in between.
            Err(error) if error.is_already_exists() => {}
            Err(error) => {
                call.notes.absorb(found);
                return Err(error);
            }
            Ok((code, entry)) => {
                call.notes.absorb(found);
                return call.answer(state, code, entry).await;
            }
        }
    }
    Err(ApiError::modified(call.kind.row(), &call.key.name))
}

/// The configuration with the name of the URL, which it may leave out.
fn named(mut config: Value, name: &str) -> Result<Value, ApiError> {
    let not_an_object = || ApiError::bad_request("the configuration to apply must be an object");
    let object = config.as_object_mut().ok_or_else(not_an_object)?;
    let metadata = object.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
    let metadata = metadata.as_object_mut().ok_or_else(not_an_object)?;
    let given = metadata.entry("name").or_insert_with(|| name.into());
    crate::metadata::check_name(given.as_str().unwrap_or_default(), name)?;
    Ok(config)
}

async fn merge(
    state: &State,
    call: &Call,
    part: Part,
    applied: &Applied,
    notes: &Notes,
) -> Result<Arc<Entry>, ApiError> {
    let target = Target { manager: &applied.manager, ..call.target(part, applied.options.dry_run) };
    let mut conversions = Conversions::default();
    loop {
        let (mut found, mut needed) = (Vec::new(), None);
        let mut edit = |live: &Present| {
            found.clear();
            match writing(call, applied).applied(
                state,
                Some(live),
                &applied.config,
                applied.force,
                &conversions,
            )? {
                Ok(Some(value)) => decoded(call, applied, &value, &mut found),
                Ok(None) => Ok(live.copy()),
                Err(missing) => {
                    let why = ApiError::internal(&missing);
                    needed = Some(missing);
                    Err(why)
                }
            }
        };
        let outcome = change::change(state, &target, &mut edit, notes).await;
        match needed {
            Some(needed) => conversions.add(state, call.kind, needed).await?,
            None => {
                notes.warn(found);
                return outcome;
            }
        }
    }
}

async fn create(
    state: &State,
    call: &Call,
    applied: &Applied,
    notes: &Notes,
) -> Result<Arc<Entry>, ApiError> {
    call.check_create(state)?;
    let none = Conversions::default();
    // An object that is not there has no managers, so nothing has to be converted for them.
    let value = writing(call, applied).applied(state, None, &applied.config, applied.force, &none)?;
    let value = value.map_err(ApiError::internal)?.unwrap_or_default();
    let mut found = Vec::new();
    let object = decoded(call, applied, &value, &mut found);
    notes.warn(found);
    let object = object?;
    if object.meta().uid.is_some() {
        let why = "the object was not found, and a uid was given: it would have to be another object";
        return Err(ApiError::conflict(call.kind.row(), &call.key.name, why));
    }
    let request = call.creation(&applied.manager, applied.options.dry_run);
    create::create_object(state, &request, object, notes).await
}

fn writing<'a>(call: &'a Call, applied: &'a Applied) -> Writing<'a> {
    Writing { kind: call.kind, manager: &applied.manager, subresource: &call.path.subresource }
}

fn decoded(
    call: &Call,
    applied: &Applied,
    value: &Value,
    warnings: &mut Vec<String>,
) -> Result<Object, ApiError> {
    let json = serde_json::to_vec(value).map_err(ApiError::internal)?;
    body::decode(call.kind, &json, applied.options.validation, warnings)
}
