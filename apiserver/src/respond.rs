//! Answers: bodies, headers, and the one place where a refusal becomes an HTTP response.

use crate::accept::{Form, Media};
use api::ApiError;
use axum::body::Body;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WARNING};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::Value;

/// What every handler gives.
pub(crate) type Response = http::Response<Body>;

/// What every handler gives, or why it did not.
pub(crate) type Answer = Result<Response, ApiError>;

/// An answer of bytes that are written already.
pub(crate) fn bytes(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = http::Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    // Nobody on the way may keep what rights, or another write, can change.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}

/// JSON that is written already, in the form the client asked for.
pub(crate) fn json(status: StatusCode, form: Form, body: Bytes) -> Answer {
    match form.media {
        Media::Json => Ok(bytes(status, form.content_type(), body)),
        Media::Yaml => {
            let tree: Value = serde_json::from_slice(&body).map_err(ApiError::internal)?;
            Ok(bytes(status, form.content_type(), api::yaml::to_string(&tree)))
        }
    }
}

/// Something small that is not written yet.
pub(crate) fn value(status: StatusCode, form: Form, value: &impl Serialize) -> Answer {
    json(status, form, serde_json::to_vec(value).map_err(ApiError::internal)?.into())
}

/// Plain text.
pub(crate) fn text(status: StatusCode, body: impl Into<Body>) -> Response {
    bytes(status, "text/plain; charset=utf-8", body)
}

/// A refusal.
pub(crate) fn refusal(error: &ApiError) -> Response {
    let status = StatusCode::from_u16(error.code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if status.is_server_error() {
        tracing::warn!(code = error.code(), message = error.message(), "request failed");
    }
    let body = serde_json::to_vec(&error.0).unwrap_or_default();
    let mut response = bytes(status, Form::JSON.content_type(), body);
    let retry = error.0.details.as_ref().and_then(|it| it.retry_after_seconds);
    if let Some(seconds) = retry {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Adds what the client should know, one header each, as RFC 7234 warnings.
pub(crate) fn warn(response: &mut Response, warnings: &[String]) {
    for warning in warnings {
        let quoted = warning.replace('\\', r"\\").replace('"', "\\\"").replace(['\n', '\r'], " ");
        if let Ok(header) = HeaderValue::from_bytes(format!(r#"299 - "{quoted}""#).as_bytes()) {
            response.headers_mut().append(WARNING, header);
        }
    }
}
