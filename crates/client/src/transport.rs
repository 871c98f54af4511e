//! How a request reaches the API server.

use bytes::Bytes;
use futures::future::BoxFuture;
use http_body_util::combinators::UnsyncBoxBody;

/// Any error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A body that arrives in pieces.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// Sends requests. The path and query of the URI are all that counts; the transport knows the server.
pub trait Transport: Send + Sync {
    /// Sends one request. An answer of any status is `Ok`; `Err` means that there was no answer.
    fn send(&self, request: http::Request<Bytes>) -> BoxFuture<'_, Result<http::Response<Body>, BoxError>>;
}
