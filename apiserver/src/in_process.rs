//! Callers of the same process: the same way through rights and handlers, without sockets.
//!
//! The identity is fixed when the caller gets its service; it travels as a type that no request from outside can carry.

use crate::authn::Identity;
use crate::front::Front;
use crate::respond::Response;
use access::UserInfo;
use access::identity::NODES;
use axum::body::Body;
use bytes::Bytes;
use client::transport::BoxError;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::HeaderValue;
use http::header::USER_AGENT;
use http_body_util::BodyExt;

/// The server as one user sees it; cheap to clone.
#[derive(Clone)]
pub struct InProcess {
    front: Front,
    identity: Identity,
}

impl InProcess {
    pub(crate) fn new(front: Front, identity: Identity) -> Self {
        Self { front, identity }
    }

    /// Answers a request. A refusal is an answer too.
    pub async fn call(&self, mut request: http::Request<Body>) -> Response {
        request.extensions_mut().insert(self.identity.clone());
        self.front.serve(request).await
    }
}

/// The transport that crate `client` sends through.
pub(crate) struct Connector {
    service: InProcess,
    /// What managed fields are to know the caller by.
    agent: HeaderValue,
}

impl Connector {
    pub(crate) fn new(service: InProcess) -> Self {
        let agent = HeaderValue::from_str(agent_of(&service.identity.0));
        Self { service, agent: agent.unwrap_or(HeaderValue::from_static("skiff")) }
    }
}

/// The component that has an identity, by the name it has upstream.
fn agent_of(user: &UserInfo) -> &str {
    if user.is_in(NODES) { "kubelet" } else { user.name.strip_prefix("system:").unwrap_or(&user.name) }
}

impl client::Transport for Connector {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<client::Body>, BoxError>> {
        async move {
            let mut request = request.map(Body::from);
            request.extensions_mut().insert(client::frames::Wanted);
            request.headers_mut().insert(USER_AGENT, self.agent.clone());
            let response = self.service.call(request).await;
            Ok(response.map(|body| body.map_err(|error| Box::new(error) as BoxError).boxed_unsync()))
        }
        .boxed()
    }
}
