//! Tokens of service accounts: `serviceaccounts/NAME/token`.

use super::Call;
use crate::admission::{Operation, Options};
use crate::options::WriteOptions;
use crate::respond::{self, Answer};
use crate::state::State;
use crate::webhooks::{self, subject::Facts};
use api::field::{Error, Path};
use api::k8s::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestStatus};
use api::k8s::api::core::v1::{Node, Pod, Secret};
use api::{ApiError, Key, Kind, Resource, Subresource, Time, owner};
use http::StatusCode;
use jiff::SignedDuration;
use pki::tokens::{Bound, Grant, Reference, Subject};
use std::time::Duration;

/// What a token may ask for, and what it gets when it asks for nothing.
const LEAST_SECONDS: i64 = 600;
const MOST_SECONDS: i64 = 1 << 32;
const USUAL_SECONDS: i64 = 3600;
/// Lifetimes beyond this are cut.
const LONGEST_SECONDS: i64 = 365 * 24 * 3600;
/// What the service account admission asks for. Such tokens live for a year, so that clients that never re-read them
/// keep working, and warn after the time asked for.
const MOUNTED_SECONDS: i64 = 3607;

/// POST of `token`.
pub(crate) async fn request(state: &State, call: &mut Call) -> Answer {
    let options = WriteOptions::of(call.path.verb, &call.query)?;
    let form = call.form()?;
    let mut request: TokenRequest = call.content().await?.plain()?;
    check_place(&call.key, &request)?;
    request = admit(state, call, request, options.dry_run).await?;
    let account = state.current(&call.key).await?.object().map_err(ApiError::internal)?;
    let spec = request.spec.get_or_insert_default();
    let audiences = spec.audiences.take().filter(|it| !it.is_empty());
    let audiences = audiences.unwrap_or_else(|| vec![state.tokens.issuer().to_owned()]);
    spec.audiences = Some(audiences.clone());
    let seconds = *spec.expiration_seconds.get_or_insert(USUAL_SECONDS);
    check_lifetime(&call.key.name, seconds)?;
    let bound_to = match &spec.bound_object_ref {
        Some(reference) => Some(bound(state, &call.key, reference).await?),
        None => None,
    };
    let subject = Subject {
        namespace: call.key.namespace.clone(),
        service_account: Reference::new(&call.key.name, owner::uid(&account)),
        bound_to,
    };
    let grant = grant(state, subject, audiences, seconds);
    let token = match options.dry_run {
        true => String::new(),
        false => state.tokens.issue(&grant).map_err(ApiError::internal)?,
    };
    let expires = grant.now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(grant.now);
    request.metadata.name = Some(call.key.name.clone());
    request.metadata.namespace = Some(call.key.namespace.clone());
    request.metadata.creation_timestamp = Some(Time(grant.now));
    request.status =
        Some(TokenRequestStatus { expiration_timestamp: Some(Time(expires)), token: Some(token) });
    respond::value(StatusCode::CREATED, form, &request)
}

/// A request that names its account names the one that is asked.
fn check_place(key: &Key, request: &TokenRequest) -> Result<(), ApiError> {
    let meta = &request.metadata;
    let rows = [
        ("name", &meta.name, &key.name, "must match the service account name if specified"),
        (
            "namespace",
            &meta.namespace,
            &key.namespace,
            "must match the service account namespace if specified",
        ),
    ];
    for (field, given, own, why) in rows {
        if let Some(given) = given.as_deref().filter(|it| !it.is_empty() && it != own) {
            return Err(invalid(&key.name, &Error::invalid(&Path::new("metadata").child(field), given, why)));
        }
    }
    Ok(())
}

/// The request as webhooks leave it.
async fn admit(
    state: &State,
    call: &mut Call,
    request: TokenRequest,
    dry_run: bool,
) -> Result<TokenRequest, ApiError> {
    let facts = Facts {
        operation: Operation::Create,
        resource: call.kind,
        subresource: Subresource::Token.name(),
        namespace: &call.key.namespace,
        name: &call.key.name,
        user: &call.user,
        options: Options::Write { dry_run, manager: &call.manager },
        sent: super::subresource::kind(Subresource::Token),
    };
    let request = webhooks::posted(state, facts, request, &call.notes).await?;
    Ok(request)
}

fn check_lifetime(name: &str, seconds: i64) -> Result<(), ApiError> {
    let path = Path::new("spec").child("expirationSeconds");
    let why = match seconds {
        ..LEAST_SECONDS => "may not specify a duration less than 10 minutes",
        MOST_SECONDS.. => "may not specify a duration larger than 2^32 seconds",
        _ => return Ok(()),
    };
    Err(invalid(name, &Error::invalid(&path, seconds, why)))
}

fn invalid(name: &str, error: &Error) -> ApiError {
    let message = format!("TokenRequest.authentication.k8s.io {name:?} is invalid: {error}");
    ApiError::new(422, api::status::reason::INVALID, message).with_cause(
        error.kind.reason(),
        &error.field,
        &error.message(),
    )
}

fn grant(state: &State, subject: Subject, audiences: Vec<String>, seconds: i64) -> Grant {
    let mounted = seconds == MOUNTED_SECONDS;
    let lifetime = if mounted { LONGEST_SECONDS } else { seconds.min(LONGEST_SECONDS) };
    let duration = |seconds: i64| Duration::from_secs(seconds.unsigned_abs());
    Grant {
        subject,
        audiences,
        now: crate::metadata::whole_seconds(state.now()),
        lifetime: duration(lifetime),
        warn_after: mounted.then(|| duration(seconds)),
        id: state.random.uid(),
    }
}

/// The object that the token shall die with, as it is now.
async fn bound(state: &State, account: &Key, reference: &BoundObjectReference) -> Result<Bound, ApiError> {
    let (name, kind) =
        (reference.name.clone().unwrap_or_default(), reference.kind.as_deref().unwrap_or_default());
    let (kind, namespace): (Kind, &str) = match kind {
        "Pod" => (Pod::KIND, &account.namespace),
        "Secret" => (Secret::KIND, &account.namespace),
        "Node" => (Node::KIND, ""),
        other => {
            return Err(ApiError::bad_request(format!(
                "cannot bind token for serviceaccount to a {other:?}"
            )));
        }
    };
    let key = Key { kind, namespace: namespace.to_owned(), name: name.clone() };
    let object = state.current(&key).await?.object().map_err(ApiError::internal)?;
    let uid = owner::uid(&object);
    if let Some(wanted) = reference.uid.as_deref().filter(|it| !it.is_empty() && *it != uid) {
        let detail = format!(
            "the UID in the bound object reference ({wanted}) does not match the UID in record ({uid})"
        );
        return Err(ApiError::conflict(kind.row(), &name, &detail));
    }
    let own = Reference::new(name, uid);
    if let Some(pod) = object.get::<Pod>() {
        let spec = pod.spec.as_ref();
        let runs_as = spec.and_then(|it| it.service_account_name.as_deref()).unwrap_or("default");
        if runs_as != account.name {
            let detail = format!(
                "cannot bind token for serviceaccount {:?} to pod running with different serviceaccount name.",
                account.name
            );
            return Err(ApiError::bad_request(detail));
        }
        let node = spec.and_then(|it| it.node_name.as_deref()).and_then(|it| node_reference(state, it));
        return Ok(Bound::Pod { pod: own, node });
    }
    Ok(if kind == Node::KIND { Bound::Node(own) } else { Bound::Secret(own) })
}

fn node_reference(state: &State, name: &str) -> Option<Reference> {
    let object = state.caches.of(Node::KIND)?.get(name)?.object().ok()?;
    Some(Reference::new(name, owner::uid(&object)))
}
