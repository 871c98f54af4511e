//! The question to a webhook and its answer: AdmissionReview, and what upstream says of answers that make no sense.

use super::client::Limit;
use super::index::Hook;
use super::subject::Subject;
use crate::state::State;
use api::k8s::apimachinery::pkg::apis::meta::v1::Status;
use api::{ApiError, Kind};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const GROUP: &str = "admission.k8s.io";
const KIND: &str = "AdmissionReview";
/// The least code of a refusal.
const LEAST_CODE: i32 = 400;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The webhook must not be asked; its failure policy does not count.
    Unaskable(ApiError),
    /// It could not be asked, or its answer makes no sense.
    Unanswered(String),
}

/// What a webhook says.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    allows: bool,
    status: Option<Status>,
    /// A JSON patch.
    pub(crate) patch: Option<Vec<u8>>,
    pub(crate) warnings: Vec<String>,
    /// For the audit log.
    pub(crate) annotations: BTreeMap<String, String>,
}

/// Asks a webhook that knows the resource as `seen`.
pub(crate) async fn ask(
    state: &State,
    hook: &Hook,
    subject: &Subject<'_>,
    seen: Kind,
) -> Result<Verdict, Failure> {
    if subject.facts.options.is_dry_run() && !hook.allows_dry_run {
        let why = format!("admission webhook {:?} does not support dry run", hook.name);
        return Err(Failure::Unaskable(ApiError::bad_request(why)));
    }
    let uid = state.random.uid();
    let question = question(hook, subject, seen, &uid).map_err(Failure::Unaskable)?;
    let answer = hook.client.post(state, Limit::Told(hook.timeout), question.to_string().into()).await;
    let answer = answer.map_err(|why| Failure::Unanswered(format!("failed to call webhook: {why}")))?;
    let invalid = |why: String| Failure::Unanswered(format!("received invalid webhook response: {why}"));
    let verdict = verdict(&answer, hook.version, &uid).map_err(invalid)?;
    match verdict.patch {
        Some(_) if !hook.mutates => {
            Err(invalid("validating webhook may not return response.patch".to_owned()))
        }
        _ => Ok(verdict),
    }
}

fn question(hook: &Hook, subject: &Subject<'_>, seen: Kind, uid: &str) -> Result<Value, ApiError> {
    let (object, old) = subject.seen_as(seen)?;
    let mut request = subject.facts.request(seen);
    request["uid"] = uid.into();
    request["object"] = object;
    request["oldObject"] = old;
    Ok(json!({ "kind": KIND, "apiVersion": format!("{GROUP}/{}", hook.version), "request": request }))
}

/// What the answers of all webhooks are wrapped in.
#[derive(Deserialize)]
pub(crate) struct Envelope<R> {
    kind: Option<String>,
    #[serde(rename = "apiVersion")]
    api_version: Option<String>,
    pub(crate) response: Option<R>,
}

impl<R> Envelope<R> {
    /// Refuses an answer of another type than the question's.
    pub(crate) fn check_type(&self, api_version: &str, kind: &str) -> Result<(), String> {
        let found =
            (self.api_version.as_deref().unwrap_or_default(), self.kind.as_deref().unwrap_or_default());
        if found == (api_version, kind) {
            return Ok(());
        }
        Err(format!(
            "expected webhook response of {api_version}, Kind={kind}, got {}, Kind={}",
            found.0, found.1
        ))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    uid: Option<String>,
    #[serde(default)]
    allowed: bool,
    status: Option<Status>,
    patch: Option<String>,
    patch_type: Option<String>,
    audit_annotations: Option<BTreeMap<String, String>>,
    warnings: Option<Vec<String>>,
}

/// Reads an answer.
fn verdict(answer: &[u8], version: &str, uid: &str) -> Result<Verdict, String> {
    let mut review: Envelope<Response> = serde_json::from_slice(answer).map_err(|error| error.to_string())?;
    let response = review.response.take().ok_or("webhook response was absent")?;
    if version == "v1" {
        review.check_type(&format!("{GROUP}/{version}"), KIND)?;
        let own = response.uid.as_deref().unwrap_or_default();
        if own != uid {
            return Err(format!("expected response.uid={uid:?}, got {own:?}"));
        }
    }
    Ok(Verdict {
        patch: patch_of(&response, version)?,
        allows: response.allowed,
        status: response.status,
        warnings: response.warnings.unwrap_or_default(),
        annotations: response.audit_annotations.unwrap_or_default(),
    })
}

fn patch_of(response: &Response, version: &str) -> Result<Option<Vec<u8>>, String> {
    let patch = response.patch.as_deref().filter(|it| !it.is_empty());
    let kind = response.patch_type.as_deref().filter(|it| !it.is_empty());
    match (patch, kind) {
        (None, None) => Ok(None),
        (Some(_), None) if version == "v1" => {
            Err("webhook returned response.patch but not response.patchType".to_owned())
        }
        (None, Some(_)) if version == "v1" => {
            Err("webhook returned response.patchType but not response.patch".to_owned())
        }
        (_, Some(kind)) if kind != "JSONPatch" => {
            Err(format!("webhook returned invalid response.patchType of {kind:?}"))
        }
        (None, Some(_)) => Ok(None),
        (Some(patch), _) => STANDARD.decode(patch).map(Some).map_err(|error| error.to_string()),
    }
}

impl Verdict {
    /// The verdict, or the refusal that it is.
    pub(crate) fn allowed(self, webhook: &str) -> Result<Self, ApiError> {
        if self.allows { Ok(self) } else { Err(refusal(webhook, self.status.unwrap_or_default())) }
    }
}

/// The refusal as a client reads it: what the webhook said of it, if that is a failure at all.
fn refusal(webhook: &str, mut status: Status) -> ApiError {
    let denied = format!("admission webhook {webhook:?} denied the request");
    let said = [&status.message, &status.reason];
    let said = said.into_iter().flatten().find(|it| !it.is_empty());
    status.message = Some(match said {
        Some(said) => format!("{denied}: {said}"),
        None => format!("{denied} without explanation"),
    });
    status.code = Some(status.code.unwrap_or_default().max(LEAST_CODE));
    status.status = Some("Failure".to_owned());
    ApiError(Box::new(status))
}

#[cfg(test)]
mod tests;
