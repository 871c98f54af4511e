//! The typed calls.

use crate::decode;
use crate::error::Error;
use crate::frames::{self, Frame};
use crate::request::{self, ListParams, PatchType, WatchParams};
use crate::transport::{Body, Transport};
use api::{Key, Kind, Object, Resource, Subresource};
use bytes::Bytes;
use futures::StreamExt;
use http_body_util::BodyExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use serde_json::Value;
use std::sync::Arc;

/// A list, with the revision at which it was read.
#[derive(Clone, Debug)]
pub struct List {
    /// The revision at which this was the list.
    pub revision: u64,
    /// The objects, shared with the server when it is in the same process.
    pub items: Vec<Arc<Object>>,
    /// The token of the next page.
    pub continue_token: Option<String>,
}

/// Talks to one API server with one identity. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    transport: Arc<dyn Transport>,
}

impl Client {
    /// A client over any transport.
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self { transport }
    }

    /// Sends a request and returns the answer, whatever its status, with its body still arriving.
    pub async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Body>, Error> {
        self.transport.send(request).await.map_err(Error::Transport)
    }

    /// Sends a request and returns the answer of a success, with its body still arriving.
    pub async fn stream(&self, request: http::Request<Bytes>) -> Result<http::Response<Body>, Error> {
        let response = self.send(request).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let code = response.status().as_u16();
        let body = response.into_body().collect().await.map_err(Error::Transport)?.to_bytes();
        Err(decode::refusal(code, &body).into())
    }

    /// Sends a request and returns the whole body of a success.
    pub async fn bytes(&self, request: http::Request<Bytes>) -> Result<Bytes, Error> {
        let response = self.stream(request).await?;
        Ok(response.into_body().collect().await.map_err(Error::Transport)?.to_bytes())
    }

    /// Reads one object.
    pub async fn get<K: Resource>(&self, namespace: &str, name: &str) -> Result<K, Error> {
        self.get_object(&Key::of::<K>(namespace, name)).await.map(typed)
    }

    /// Reads one object of any kind.
    pub async fn get_object(&self, key: &Key) -> Result<Object, Error> {
        let body = self.bytes(request::get(&api::path::object(key))).await?;
        decode::object(key.kind, &body)
    }

    /// Lists a kind: in one namespace, or everywhere when `namespace` is empty.
    pub async fn list(&self, kind: Kind, namespace: &str, params: &ListParams) -> Result<List, Error> {
        let response = self.stream(request::list(kind, namespace, params)).await?;
        if let Some(listed) = response.extensions().get::<frames::Listed>() {
            return Ok(List { revision: listed.revision, items: listed.items.clone(), continue_token: None });
        }
        let body = response.into_body().collect().await.map_err(Error::Transport)?.to_bytes();
        let (meta, items) = decode::list(kind, &body)?;
        Ok(List {
            revision: meta.resource_version.and_then(|it| it.parse().ok()).unwrap_or(0),
            items: items.into_iter().map(Arc::new).collect(),
            continue_token: meta.continue_.filter(|it| !it.is_empty()),
        })
    }

    /// The changes of a kind, one by one. The stream ends with the watch or with its first error.
    pub async fn watch(
        &self,
        kind: Kind,
        namespace: &str,
        params: &WatchParams,
    ) -> Result<impl futures::Stream<Item = Result<Frame, Error>> + Send + use<>, Error> {
        let response = self.stream(request::watch(kind, namespace, params)).await?;
        if let Some(stream) = response.extensions().get::<frames::Watched>().and_then(frames::Watched::take) {
            return Ok(stream.map(|it| it.map_err(Error::from)).boxed());
        }
        Ok(frames_of(kind, response.into_body()).boxed())
    }

    /// Creates an object; the answer is what was stored.
    pub async fn create<K: Resource>(&self, object: &K) -> Result<K, Error> {
        let namespace = object.meta().namespace.clone().unwrap_or_default();
        let json = serde_json::to_vec(object).expect("k8s-openapi types serialize to JSON");
        self.answered(K::KIND, request::create(K::KIND, &namespace, json)).await.map(typed)
    }

    /// Creates an object of any kind.
    pub async fn create_object(&self, object: &Object) -> Result<Object, Error> {
        let key = object.key();
        self.answered(key.kind, request::create(key.kind, &key.namespace, object.to_json())).await
    }

    /// Creates what hangs below an object, such as a binding or a token request; the answer is JSON.
    pub async fn create_below(&self, key: &Key, below: Subresource, body: &Value) -> Result<Value, Error> {
        let json = serde_json::to_vec(body).expect("a tree serializes to JSON");
        let bytes = self.bytes(request::create_below(key, below, json)).await?;
        serde_json::from_slice(&bytes)
            .map_err(|source| Error::Decode { what: below.name().to_owned(), source })
    }

    /// Replaces an object; its resourceVersion must be the stored one.
    pub async fn update<K: Resource>(&self, object: &K) -> Result<K, Error> {
        self.update_object(&Object::from(object.clone()), None).await.map(typed)
    }

    /// Replaces the status of an object.
    pub async fn update_status<K: Resource>(&self, object: &K) -> Result<K, Error> {
        self.update_object(&Object::from(object.clone()), Some(Subresource::Status)).await.map(typed)
    }

    /// Replaces an object of any kind, or what hangs below it and has the same kind.
    pub async fn update_object(&self, object: &Object, below: Option<Subresource>) -> Result<Object, Error> {
        let key = object.key();
        self.answered(key.kind, request::update(&key, below, object.to_json())).await
    }

    /// Patches an object, or what hangs below it and has the same kind.
    pub async fn patch(
        &self,
        key: &Key,
        below: Option<Subresource>,
        kind: PatchType,
        patch: &Value,
    ) -> Result<Object, Error> {
        self.answered(key.kind, request::patch(key, below, kind, patch)).await
    }

    /// Deletes an object. Returns the revision of the removal or of the mark, if the server tells it.
    pub async fn delete(&self, key: &Key, options: &DeleteOptions) -> Result<Option<u64>, Error> {
        let body = self.bytes(request::delete(key, options)).await?;
        Ok(decode::revision(&body))
    }

    async fn answered(&self, kind: Kind, request: http::Request<Bytes>) -> Result<Object, Error> {
        decode::object(kind, &self.bytes(request).await?)
    }
}

fn typed<K: Resource>(object: Object) -> K {
    object.take().unwrap_or_else(|_| unreachable!("it was decoded as this kind"))
}

struct Reading {
    kind: Kind,
    body: Body,
    lines: decode::Lines,
    failed: bool,
}

fn frames_of(kind: Kind, body: Body) -> impl futures::Stream<Item = Result<Frame, Error>> + Send {
    let reading = Reading { kind, body, lines: decode::Lines::default(), failed: false };
    futures::stream::unfold(reading, |mut reading| async move {
        let item = reading.next().await?;
        reading.failed = item.is_err();
        Some((item, reading))
    })
}

impl Reading {
    async fn next(&mut self) -> Option<Result<Frame, Error>> {
        if self.failed {
            return None;
        }
        loop {
            if let Some(line) = self.lines.next_line() {
                return Some(decode::frame(self.kind, &line));
            }
            if self.lines.is_too_long() {
                return Some(Err(Error::Transport("the server sent a line that never ends".into())));
            }
            match self.body.frame().await? {
                Ok(frame) => self.lines.push(frame.data_ref().map_or(&[][..], |it| it)),
                Err(error) => return Some(Err(Error::Transport(error))),
            }
        }
    }
}
