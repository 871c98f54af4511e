//! Patching an object, or the part of it that a subresource holds.
//!
//! Start at [`patch`]. A patch works on the object as JSON, since the types would add what the client left out; the
//! result is decoded and goes the way of every change. Server-side apply, which may create the object as well, has its
//! own file.

use super::Call;
use super::apply;
use super::change::{self, Part};
use super::present::Present;
use crate::body::{self, FieldValidation};
use crate::options::WriteOptions;
use crate::respond::Answer;
use crate::state::State;
use crate::strict;
use ::patch::{Class, json_patch, merge_patch, strategic_merge};
use api::field::{Error, Path};
use api::{ApiError, Object};
use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::Value;

const JSON: &str = "application/json-patch+json";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
pub(super) const APPLY: &str = "application/apply-patch+yaml";

/// A patch of any type, read.
pub(crate) struct Patch {
    form: Form,
    /// What is odd about its own fields.
    odd: Vec<String>,
}

/// What a patch does.
enum Form {
    /// RFC 6902; decoded where it is applied.
    Json(Bytes),
    /// RFC 7386.
    Merge(Value),
    /// Kubernetes' own, which knows how lists of built-in kinds merge.
    Strategic(Value),
}

impl Patch {
    /// Reads the body by its media type.
    pub(crate) async fn read(call: &mut Call) -> Result<Self, ApiError> {
        let media = body::media_type(call.header(CONTENT_TYPE).unwrap_or_default());
        let understood = &[JSON, MERGE, STRATEGIC];
        let tree = |bytes: &Bytes| {
            serde_json::from_slice(bytes)
                .map_err(|error| ApiError::bad_request(format!("error decoding patch: {error}")))
        };
        let bytes = match media.as_str() {
            JSON | MERGE | STRATEGIC => call.bytes().await?,
            other => return Err(body::unsupported(other, understood)),
        };
        let odd = match media.as_str() {
            JSON => strict::oddities_of_operations(&bytes),
            _ => strict::duplicates(&bytes),
        };
        let form = match media.as_str() {
            JSON => Form::Json(bytes),
            MERGE => Form::Merge(tree(&bytes)?),
            _ => Form::Strategic(tree(&bytes)?),
        };
        Ok(Self { form, odd })
    }

    /// The patched document. `kind` says how lists merge.
    pub(crate) fn apply(&self, kind: (&str, &str, &str), document: &Value) -> Result<Value, ApiError> {
        let patched = match &self.form {
            Form::Json(patch) => json_patch(document, patch),
            Form::Merge(patch) => merge_patch(document, patch),
            Form::Strategic(patch) => {
                let (group, version, name) = kind;
                let schema = openapi::facts::type_of(group, version, name)
                    .ok_or_else(|| body::unsupported(STRATEGIC, &[JSON, MERGE]))?;
                strategic_merge(document, patch, schema)
            }
        };
        patched.map_err(|error| refusal(&error))
    }

    fn apply_to(
        &self,
        object: &Present,
        validation: FieldValidation,
        warnings: &mut Vec<String>,
    ) -> Result<Object, ApiError> {
        let (kind, row) = (object.kind(), object.kind().row());
        let document = self.apply((row.group, row.version, row.kind), object.tree())?;
        let json = serde_json::to_vec(&document).map_err(ApiError::internal)?;
        let mut decoded = body::read(kind, &json).map_err(|error| self.unfit(&json, error.message()))?;
        decoded.odd.splice(..0, self.odd.iter().cloned());
        decoded.judged(validation, warnings, |why| self.unfit(&json, why))
    }

    /// A patch whose result is no object of the kind is one that cannot be processed: upstream shows what came of it, or
    /// the patch itself where that is a strategic one.
    fn unfit(&self, json: &[u8], why: &str) -> ApiError {
        let shown = match &self.form {
            Form::Strategic(patch) => ::patch::go_text(patch),
            Form::Json(_) | Form::Merge(_) => String::from_utf8_lossy(json).into_owned(),
        };
        let error = Error::invalid(&Path::new("patch"), shown, why);
        ApiError::invalid_kind(("", ""), "", &[error])
    }
}

fn refusal(error: &::patch::Error) -> ApiError {
    let message = daemon::chain(error);
    match error.class() {
        Class::Malformed => ApiError::bad_request(message),
        Class::TooLarge => ApiError::new(413, api::status::reason::REQUEST_TOO_LARGE, message),
        Class::DoesNotApply => ApiError::new(422, api::status::reason::INVALID, message),
        Class::Contradiction => ApiError::new(500, "", message),
    }
}

/// PATCH.
pub(crate) async fn patch(state: &State, call: &mut Call, part: Part) -> Answer {
    let options = WriteOptions::of(call.path.verb, &call.query)?;
    call.form()?;
    if body::media_type(call.header(CONTENT_TYPE).unwrap_or_default()) == APPLY {
        let bytes = call.bytes().await?;
        return apply::apply(state, call, part, &bytes).await;
    }
    if call.query.has("force") {
        let error = Error::forbidden(&Path::new("force"), "may not be specified for non-apply patch");
        return Err(crate::options::invalid("PatchOptions", &[error]));
    }
    let patch = Patch::read(call).await?;
    let target = call.target(part, options.dry_run);
    let mut found = Vec::new();
    let mut edit = |object: &Present| {
        found.clear();
        patch.apply_to(object, options.validation, &mut found)
    };
    let outcome = change::change(state, &target, &mut edit, &call.notes).await;
    call.notes.warn(found);
    call.answer(state, StatusCode::OK, outcome?).await
}
