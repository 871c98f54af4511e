//! What a pod's worker asks of the API server: the seam between workers and the client.
//!
//! [`ApiCluster`] asks the real one. Simulations put a small cluster of their own behind [`Cluster`].

use std::sync::Arc;

use api::{
    Key, Resource, Subresource,
    k8s::{
        api::core::v1::{ConfigMap, Pod, Secret, Service, ServiceAccount},
        apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions},
    },
};
use client::{Client, PatchType};
use futures::{FutureExt, future::BoxFuture};
use jiff::Timestamp;
use runtime::{
    Recorder,
    informers::Informer,
    plan::{Note, NoteKind},
};
use serde_json::{Value, json};

use crate::{
    events::{Event, Severity},
    volumes::TokenNeed,
};

/// Why the API server did not do what it was asked to. Absence is no error: it has its own answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ClusterError(pub String);

/// What a call to the cluster gives.
pub type Result<T> = std::result::Result<T, ClusterError>;

/// A service account token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The token.
    pub text: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What a pod's worker asks of the API server.
pub trait Cluster: Send + Sync + 'static {
    /// A ConfigMap; `None` when there is none of that name.
    fn config_map<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<ConfigMap>>>;
    /// A Secret; `None` when there is none of that name.
    fn secret<'a>(&'a self, namespace: &'a str, name: &'a str) -> BoxFuture<'a, Result<Option<Secret>>>;
    /// A token of the pod's service account, bound to the pod.
    fn token<'a>(&'a self, pod: &'a Pod, need: &'a TokenNeed) -> BoxFuture<'a, Result<Token>>;
    /// The Services that a pod's containers are told of.
    fn services<'a>(&'a self, pod: &'a Pod) -> BoxFuture<'a, Vec<Arc<Service>>>;
    /// Patches the pod's status; the pod as it is then, or `None` when it is gone.
    fn write_status<'a>(&'a self, pod: &'a Pod, patch: &'a Value) -> BoxFuture<'a, Result<Option<Pod>>>;
    /// Deletes the pod for good; one that is gone is fine.
    fn delete<'a>(&'a self, pod: &'a Pod) -> BoxFuture<'a, Result<()>>;
    /// Tells users something.
    fn record(&self, pod: &Pod, event: &Event);
}

/// The cluster behind a client.
pub struct ApiCluster {
    client: Client,
    recorder: Recorder,
    services: Arc<Informer>,
}

impl ApiCluster {
    /// Asks through `client`; Services come from an informer.
    pub fn new(client: Client, recorder: Recorder, services: Arc<Informer>) -> ApiCluster {
        ApiCluster { client, recorder, services }
    }

    async fn find<K: Resource>(&self, namespace: &str, name: &str) -> Result<Option<K>> {
        match self.client.get::<K>(namespace, name).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(told(&error)),
        }
    }

    async fn request_token(&self, pod: &Pod, need: &TokenNeed) -> Result<Token> {
        let account =
            pod.spec.as_ref().and_then(|it| it.service_account_name.as_deref()).unwrap_or("default");
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let reference =
            json!({ "apiVersion": "v1", "kind": "Pod", "name": pod.metadata.name, "uid": pod.metadata.uid });
        let mut spec =
            json!({ "expirationSeconds": need.seconds, "boundObjectRef": reference, "audiences": [] });
        if !need.audience.is_empty() {
            spec["audiences"] = json!([need.audience]);
        }
        let body = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec });
        let key = Key::of::<ServiceAccount>(namespace, account);
        let answer =
            self.client.create_below(&key, Subresource::Token, &body).await.map_err(|it| told(&it))?;
        let text = |field: &str| answer["status"][field].as_str().map(str::to_owned);
        let lacks = || ClusterError("the answer to the token request holds no token".to_owned());
        let expires_at = text("expirationTimestamp").and_then(|it| it.parse().ok()).ok_or_else(lacks)?;
        Ok(Token { text: text("token").ok_or_else(lacks)?, expires_at })
    }
}

/// The error with what caused it, for events and logs.
fn told(error: &dyn std::error::Error) -> ClusterError {
    ClusterError(daemon::chain(error))
}

/// The key of a pod.
pub(crate) fn key_of(pod: &Pod) -> Key {
    let meta = &pod.metadata;
    Key::of::<Pod>(meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())
}

impl Cluster for ApiCluster {
    fn config_map<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<ConfigMap>>> {
        self.find(namespace, name).boxed()
    }

    fn secret<'a>(&'a self, namespace: &'a str, name: &'a str) -> BoxFuture<'a, Result<Option<Secret>>> {
        self.find(namespace, name).boxed()
    }

    fn token<'a>(&'a self, pod: &'a Pod, need: &'a TokenNeed) -> BoxFuture<'a, Result<Token>> {
        self.request_token(pod, need).boxed()
    }

    fn services<'a>(&'a self, pod: &'a Pod) -> BoxFuture<'a, Vec<Arc<Service>>> {
        async {
            // Containers made before the Services are known would never be told of them.
            self.services.synced().await;
            let objects = self.services.objects();
            let all = objects.iter().filter_map(|it| it.get::<Service>());
            all.filter(|it| is_told(pod, it)).map(|it| Arc::new(it.clone())).collect()
        }
        .boxed()
    }

    fn write_status<'a>(&'a self, pod: &'a Pod, patch: &'a Value) -> BoxFuture<'a, Result<Option<Pod>>> {
        async {
            let key = key_of(pod);
            match self.client.patch(&key, Some(Subresource::Status), PatchType::Strategic, patch).await {
                Ok(object) => Ok(object.take().ok()),
                Err(error) if error.is_not_found() || error.is_conflict() => Ok(None),
                Err(error) => Err(told(&error)),
            }
        }
        .boxed()
    }

    fn delete<'a>(&'a self, pod: &'a Pod) -> BoxFuture<'a, Result<()>> {
        async {
            let preconditions = Preconditions { uid: pod.metadata.uid.clone(), resource_version: None };
            let options = DeleteOptions {
                grace_period_seconds: Some(0),
                preconditions: Some(preconditions),
                ..DeleteOptions::default()
            };
            match self.client.delete(&key_of(pod), &options).await {
                Ok(_) => Ok(()),
                // Gone, or replaced by another pod of its name.
                Err(error) if error.is_not_found() || error.is_conflict() => Ok(()),
                Err(error) => Err(told(&error)),
            }
        }
        .boxed()
    }

    fn record(&self, pod: &Pod, event: &Event) {
        self.recorder.record(note_of(pod, event));
    }
}

fn note_of(pod: &Pod, event: &Event) -> Note {
    Note {
        about: key_of(pod),
        uid: pod.metadata.uid.clone().unwrap_or_default(),
        field: event.container.as_deref().map(|it| field_of(pod, it)).unwrap_or_default(),
        kind: match event.severity {
            Severity::Normal => NoteKind::Normal,
            Severity::Warning => NoteKind::Warning,
        },
        reason: event.reason.to_owned(),
        message: event.message.clone(),
    }
}

/// Where in the pod a container is, as events spell it.
fn field_of(pod: &Pod, container: &str) -> String {
    let spec = pod.spec.as_ref();
    let inits = spec.and_then(|it| it.init_containers.as_ref());
    let added = spec.and_then(|it| it.ephemeral_containers.as_ref());
    let list = if inits.is_some_and(|it| it.iter().any(|it| it.name == container)) {
        "initContainers"
    } else if added.is_some_and(|it| it.iter().any(|it| it.name == container)) {
        "ephemeralContainers"
    } else {
        "containers"
    };
    format!("spec.{list}{{{container}}}")
}

/// Pods are told of the API server's Service, and of those of their own namespace unless they don't want to.
fn is_told(pod: &Pod, service: &Service) -> bool {
    let (name, namespace) = (service.metadata.name.as_deref(), service.metadata.namespace.as_deref());
    let links = pod.spec.as_ref().and_then(|it| it.enable_service_links) != Some(false);
    let api_server = namespace == Some("default") && name == Some("kubernetes");
    api_server || (links && namespace == pod.metadata.namespace.as_deref())
}
