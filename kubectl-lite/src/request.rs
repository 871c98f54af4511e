//! One request as data: what [`crate::session::Session`] sends.

use bytes::Bytes;
use client::PatchType;
use client::request::{Query, build};
use http::{Method, Request, header};
use serde_json::Value;

/// Asks for rows and columns, as `kubectl get` prints them; servers that have none answer with the objects.
pub(crate) const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

/// Asks for every resource of every group in one answer.
pub(crate) const DISCOVERY: &str =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";

/// A request that is being put together.
#[derive(Debug)]
pub(crate) struct Call {
    method: Method,
    path: String,
    query: Query,
    accept: Option<&'static str>,
    body: Option<(&'static str, Vec<u8>)>,
}

impl Call {
    fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), query: Query::default(), accept: None, body: None }
    }

    /// Reads.
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// Creates.
    pub(crate) fn post(path: impl Into<String>, body: &Value) -> Self {
        Self::new(Method::POST, path).with_body("application/json", body)
    }

    /// Replaces.
    pub(crate) fn put(path: impl Into<String>, body: &Value) -> Self {
        Self::new(Method::PUT, path).with_body("application/json", body)
    }

    /// Changes parts.
    pub(crate) fn patch(path: impl Into<String>, kind: PatchType, body: &Value) -> Self {
        Self::new(Method::PATCH, path).with_body(kind.media_type(), body)
    }

    /// Removes.
    pub(crate) fn delete(path: impl Into<String>, options: &Value) -> Self {
        Self::new(Method::DELETE, path).with_body("application/json", options)
    }

    fn with_body(mut self, media_type: &'static str, body: &Value) -> Self {
        self.body = Some((media_type, body.to_string().into_bytes()));
        self
    }

    /// Adds a query parameter if it has a value.
    pub(crate) fn with(mut self, name: &str, value: Option<impl ToString>) -> Self {
        self.query = self.query.with(name, value);
        self
    }

    /// Asks for another form of answer than plain JSON.
    pub(crate) fn accept(mut self, media_types: &'static str) -> Self {
        self.accept = Some(media_types);
        self
    }

    /// The path with its query.
    pub(crate) fn target(&self) -> String {
        format!("{}{}", self.path, self.query.as_str())
    }

    /// The request itself.
    pub(crate) fn into_request(self) -> anyhow::Result<Request<Bytes>> {
        let target = self.target();
        // `build` trusts its callers' paths; ours hold words that a user typed.
        target.parse::<http::Uri>().map_err(|_| anyhow::anyhow!("{target:?} is not a path"))?;
        let (media_type, body) = self.body.unzip();
        let mut request = build(self.method, &target, media_type, body.unwrap_or_default().into());
        if let Some(accept) = self.accept {
            request.headers_mut().insert(header::ACCEPT, header::HeaderValue::from_static(accept));
        }
        Ok(request)
    }
}
