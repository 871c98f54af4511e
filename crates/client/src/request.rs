//! Requests without I/O: what a call sends, as plain data.

use api::{Key, Kind, Subresource, path};
use bytes::Bytes;
use http::{Method, Request, header};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::Value;

/// Which objects a list returns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListParams {
    /// Such as `app=web`.
    pub label_selector: Option<String>,
    /// Such as `spec.nodeName=one`.
    pub field_selector: Option<String>,
    /// At most so many; the answer then has a continue token.
    pub limit: Option<u32>,
    /// The token of the page before.
    pub continue_token: Option<String>,
    /// `0` takes what the server has in its cache.
    pub resource_version: Option<String>,
}

/// Which changes a watch returns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchParams {
    /// Such as `app=web`.
    pub label_selector: Option<String>,
    /// Such as `spec.nodeName=one`.
    pub field_selector: Option<String>,
    /// Changes after this revision.
    pub resource_version: Option<String>,
    /// Whether the server may send bookmarks.
    pub bookmarks: bool,
    /// After how many seconds the server ends the watch.
    pub timeout_seconds: Option<u32>,
}

/// How a patch is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchType {
    /// RFC 6902.
    Json,
    /// RFC 7386.
    Merge,
    /// Kubernetes' merge patch that knows lists with keys.
    Strategic,
    /// Server-side apply.
    Apply,
}

impl PatchType {
    /// The media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json-patch+json",
            Self::Merge => "application/merge-patch+json",
            Self::Strategic => "application/strategic-merge-patch+json",
            Self::Apply => "application/apply-patch+yaml",
        }
    }
}

const QUERY: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'&')
    .add(b'+')
    .add(b'%')
    .add(b'=')
    .add(b',');

/// A query string, built piece by piece.
#[derive(Debug, Default)]
pub struct Query(String);

impl Query {
    /// Adds a parameter if it has a value.
    pub fn with(mut self, name: &str, value: Option<impl ToString>) -> Self {
        if let Some(value) = value {
            self.0.push(if self.0.is_empty() { '?' } else { '&' });
            self.0.push_str(name);
            self.0.push('=');
            self.0.extend(utf8_percent_encode(&value.to_string(), QUERY));
        }
        self
    }

    /// The query with its question mark, or nothing.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ListParams {
    fn query(&self) -> Query {
        Query::default()
            .with("labelSelector", self.label_selector.as_ref())
            .with("fieldSelector", self.field_selector.as_ref())
            .with("limit", self.limit)
            .with("continue", self.continue_token.as_ref())
            .with("resourceVersion", self.resource_version.as_ref())
    }
}

impl WatchParams {
    fn query(&self) -> Query {
        Query::default()
            .with("watch", Some("true"))
            .with("labelSelector", self.label_selector.as_ref())
            .with("fieldSelector", self.field_selector.as_ref())
            .with("resourceVersion", self.resource_version.as_ref())
            .with("allowWatchBookmarks", self.bookmarks.then_some("true"))
            .with("timeoutSeconds", self.timeout_seconds)
    }
}

/// A request without a body.
pub fn get(path: &str) -> Request<Bytes> {
    build(Method::GET, path, None, Bytes::new())
}

/// The list of a kind: in one namespace, or everywhere when `namespace` is empty.
pub fn list(kind: Kind, namespace: &str, params: &ListParams) -> Request<Bytes> {
    get(&format!("{}{}", path::collection(kind.row(), namespace), params.query().0))
}

/// The changes of a kind.
pub fn watch(kind: Kind, namespace: &str, params: &WatchParams) -> Request<Bytes> {
    get(&format!("{}{}", path::collection(kind.row(), namespace), params.query().0))
}

/// Creates an object in the collection of its kind.
pub fn create(kind: Kind, namespace: &str, json: Vec<u8>) -> Request<Bytes> {
    build(Method::POST, &path::collection(kind.row(), namespace), Some(JSON), json.into())
}

/// Creates what hangs below an object, such as a binding.
pub fn create_below(key: &Key, subresource: Subresource, json: Vec<u8>) -> Request<Bytes> {
    build(Method::POST, &path::subresource(key, subresource), Some(JSON), json.into())
}

/// Replaces an object, or what hangs below it.
pub fn update(key: &Key, subresource: Option<Subresource>, json: Vec<u8>) -> Request<Bytes> {
    build(Method::PUT, &target(key, subresource), Some(JSON), json.into())
}

/// Patches an object, or what hangs below it.
pub fn patch(key: &Key, subresource: Option<Subresource>, kind: PatchType, patch: &Value) -> Request<Bytes> {
    let body = serde_json::to_vec(patch).expect("a tree serializes to JSON");
    build(Method::PATCH, &target(key, subresource), Some(kind.media_type()), body.into())
}

/// Deletes an object.
pub fn delete(key: &Key, options: &DeleteOptions) -> Request<Bytes> {
    let body = serde_json::to_vec(options).expect("delete options serialize to JSON");
    build(Method::DELETE, &path::object(key), Some(JSON), body.into())
}

/// Deletes every object of a kind in a namespace.
pub fn delete_collection(kind: Kind, namespace: &str) -> Request<Bytes> {
    build(Method::DELETE, &path::collection(kind.row(), namespace), None, Bytes::new())
}

const JSON: &str = "application/json";

fn target(key: &Key, subresource: Option<Subresource>) -> String {
    subresource.map_or_else(|| path::object(key), |it| path::subresource(key, it))
}

/// Any request: what the calls above are made of.
pub fn build(method: Method, path: &str, media_type: Option<&str>, body: Bytes) -> Request<Bytes> {
    let mut request = Request::builder().method(method).uri(path).header(header::ACCEPT, JSON);
    if let Some(media_type) = media_type {
        request = request.header(header::CONTENT_TYPE, media_type);
    }
    request.body(body).expect("paths are built from checked names")
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::Resource;
    use k8s_openapi::api::core::v1::Pod;

    #[test]
    fn queries_are_escaped() {
        let params = ListParams {
            label_selector: Some("a in (b,c)".to_owned()),
            limit: Some(5),
            ..ListParams::default()
        };
        let request = list(Pod::KIND, "shop", &params);
        assert_eq!(request.uri(), "/api/v1/namespaces/shop/pods?labelSelector=a%20in%20(b%2Cc)&limit=5");
    }
}
