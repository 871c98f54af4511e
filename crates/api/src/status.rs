//! How a request fails: Kubernetes' `Status`, with its reasons and causes.

use crate::field;
use crate::resources::Row;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Status, StatusCause, StatusDetails};
use std::fmt;

/// A refusal, as clients see it. The apiserver makes it once at its edge; clients decode it.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiError(pub Box<Status>);

/// The machine-readable reasons that clients match on.
pub mod reason {
    #![allow(missing_docs, reason = "each is the upstream reason of that name")]
    pub const UNAUTHORIZED: &str = "Unauthorized";
    pub const FORBIDDEN: &str = "Forbidden";
    pub const NOT_FOUND: &str = "NotFound";
    pub const ALREADY_EXISTS: &str = "AlreadyExists";
    pub const CONFLICT: &str = "Conflict";
    pub const GONE: &str = "Gone";
    pub const INVALID: &str = "Invalid";
    pub const TIMEOUT: &str = "Timeout";
    pub const TOO_MANY_REQUESTS: &str = "TooManyRequests";
    pub const BAD_REQUEST: &str = "BadRequest";
    pub const METHOD_NOT_ALLOWED: &str = "MethodNotAllowed";
    pub const NOT_ACCEPTABLE: &str = "NotAcceptable";
    pub const REQUEST_TOO_LARGE: &str = "RequestEntityTooLarge";
    pub const UNSUPPORTED_MEDIA_TYPE: &str = "UnsupportedMediaType";
    pub const INTERNAL_ERROR: &str = "InternalError";
    pub const EXPIRED: &str = "Expired";
    pub const SERVICE_UNAVAILABLE: &str = "ServiceUnavailable";
}

impl ApiError {
    /// Any refusal; the constructors below cover the usual ones.
    pub fn new(code: u16, reason: &str, message: impl Into<String>) -> Self {
        Self(Box::new(Status {
            code: Some(code.into()),
            message: Some(message.into()),
            reason: Some(reason.to_owned()),
            status: Some("Failure".to_owned()),
            ..Status::default()
        }))
    }

    fn about(mut self, row: &Row, name: &str) -> Self {
        self.0.details = Some(StatusDetails {
            group: (!row.group.is_empty()).then(|| row.group.to_owned()),
            kind: Some(row.plural.to_owned()),
            name: (!name.is_empty()).then(|| name.to_owned()),
            ..StatusDetails::default()
        });
        self
    }

    /// No such object.
    pub fn not_found(row: &Row, name: &str) -> Self {
        let message = format!("{} {name:?} not found", row.qualified());
        Self::new(404, reason::NOT_FOUND, message).about(row, name)
    }

    /// No such path.
    pub fn no_route() -> Self {
        let mut error = Self::new(404, reason::NOT_FOUND, "the server could not find the requested resource");
        error.0.details = Some(StatusDetails::default());
        error
    }

    /// The name is taken.
    pub fn already_exists(row: &Row, name: &str) -> Self {
        let message = format!("{} {name:?} already exists", row.qualified());
        Self::new(409, reason::ALREADY_EXISTS, message).about(row, name)
    }

    /// Somebody else changed the object, or its state forbids the change.
    pub fn conflict(row: &Row, name: &str, detail: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {detail}", row.qualified());
        Self::new(409, reason::CONFLICT, message).about(row, name)
    }

    /// The object was changed since the caller read it.
    pub fn modified(row: &Row, name: &str) -> Self {
        let detail =
            "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(row, name, detail)
    }

    /// The object breaks rules; each becomes a cause.
    pub fn invalid(row: &Row, name: &str, errors: &[field::Error]) -> Self {
        Self::invalid_kind((row.group, row.kind), name, errors)
    }

    /// The same for what has no row: group and kind of what was sent to a subresource.
    pub fn invalid_kind((group, kind): (&str, &str), name: &str, errors: &[field::Error]) -> Self {
        let list: Vec<String> = errors.iter().map(ToString::to_string).collect();
        let list = if list.len() == 1 { list[0].clone() } else { format!("[{}]", list.join(", ")) };
        let qualified = if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") };
        let mut error = Self::new(422, reason::INVALID, format!("{qualified} {name:?} is invalid: {list}"));
        error.0.details = Some(StatusDetails {
            group: (!group.is_empty()).then(|| group.to_owned()),
            kind: (!kind.is_empty()).then(|| kind.to_owned()),
            name: (!name.is_empty()).then(|| name.to_owned()),
            causes: Some(errors.iter().map(cause).collect()),
            ..StatusDetails::default()
        });
        error
    }

    /// The request makes no sense.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, reason::BAD_REQUEST, message)
    }

    /// Who are you?
    pub fn unauthorized() -> Self {
        Self::new(401, reason::UNAUTHORIZED, "Unauthorized")
    }

    /// The user may not do this to this resource.
    pub fn forbidden(row: &Row, name: &str, why: &str) -> Self {
        let subject = if name.is_empty() { row.qualified() } else { format!("{} {name:?}", row.qualified()) };
        Self::new(403, reason::FORBIDDEN, format!("{subject} is forbidden: {why}")).about(row, name)
    }

    /// The resource doesn't take this verb.
    pub fn method_not_allowed() -> Self {
        Self::new(
            405,
            reason::METHOD_NOT_ALLOWED,
            "the server does not allow this method on the requested resource",
        )
    }

    /// The revision has left the window.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(410, reason::EXPIRED, message)
    }

    /// The body is too long.
    pub fn too_large(limit: usize) -> Self {
        let message = format!("Request entity too large: limit is {limit}");
        Self::new(413, reason::REQUEST_TOO_LARGE, message)
    }

    /// The server doesn't speak this media type.
    pub fn unsupported_media_type(message: impl Into<String>) -> Self {
        Self::new(415, reason::UNSUPPORTED_MEDIA_TYPE, message)
    }

    /// Come back later: after so many seconds, unless that is 0.
    pub fn too_many_requests(message: impl Into<String>, retry_after_seconds: i32) -> Self {
        let mut error = Self::new(429, reason::TOO_MANY_REQUESTS, message);
        error.0.details = Some(StatusDetails {
            retry_after_seconds: (retry_after_seconds > 0).then_some(retry_after_seconds),
            ..StatusDetails::default()
        });
        error
    }

    /// A request that took longer than it may.
    pub fn timeout(message: &str) -> Self {
        Self::new(504, reason::TIMEOUT, format!("Timeout: {message}"))
    }

    /// Our fault. The message is for outsiders; the log says more.
    pub fn internal(message: impl fmt::Display) -> Self {
        Self::new(500, reason::INTERNAL_ERROR, format!("Internal error occurred: {message}"))
    }

    /// Adds a cause.
    pub fn with_cause(mut self, reason: &str, field: &str, message: &str) -> Self {
        let details = self.0.details.get_or_insert_default();
        details.causes.get_or_insert_default().push(StatusCause {
            field: (!field.is_empty()).then(|| field.to_owned()),
            message: Some(message.to_owned()),
            reason: Some(reason.to_owned()),
        });
        self
    }

    /// The HTTP status.
    pub fn code(&self) -> u16 {
        self.0.code.and_then(|it| u16::try_from(it).ok()).unwrap_or(500)
    }

    /// The machine-readable reason.
    pub fn reason(&self) -> &str {
        self.0.reason.as_deref().unwrap_or_default()
    }

    /// The message for people.
    pub fn message(&self) -> &str {
        self.0.message.as_deref().unwrap_or_default()
    }

    /// The object isn't there.
    pub fn is_not_found(&self) -> bool {
        self.reason() == reason::NOT_FOUND
    }

    /// Somebody else changed the object.
    pub fn is_conflict(&self) -> bool {
        self.reason() == reason::CONFLICT
    }

    /// The name is taken.
    pub fn is_already_exists(&self) -> bool {
        self.reason() == reason::ALREADY_EXISTS
    }

    /// The revision has left the window: list again.
    pub fn is_expired(&self) -> bool {
        matches!(self.reason(), reason::EXPIRED | reason::GONE)
    }
}

fn cause(error: &field::Error) -> StatusCause {
    StatusCause {
        field: Some(error.field.clone()),
        message: Some(error.message()),
        reason: Some(error.kind.reason().to_owned()),
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for ApiError {}
