//! Logs of a pod's containers.

use api::{
    ApiError,
    k8s::api::core::v1::{ContainerStatus, Pod},
    status::reason,
};
use axum::{
    Json,
    body::Body,
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::{Stream, StreamExt, future};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::{
    container_runtime::{ContainerId, LogQuery, RuntimeError},
    labels::{self, Identity},
};

use super::Server;

/// Which container of which pod.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Place {
    pub(super) namespace: String,
    pub(super) pod: String,
    pub(super) container: String,
}

/// What may be asked for; numbers and truths are text, as queries have them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Asked {
    follow: Option<String>,
    previous: Option<String>,
    tail_lines: Option<u64>,
    since_seconds: Option<i64>,
    since_time: Option<Timestamp>,
    timestamps: Option<String>,
    limit_bytes: Option<usize>,
}

fn holds(text: &Option<String>) -> bool {
    matches!(text.as_deref(), Some("true" | "1"))
}

impl Asked {
    fn query(&self, now: Timestamp) -> LogQuery {
        let ago =
            self.since_seconds.map(|it| now.saturating_sub(SignedDuration::from_secs(it)).unwrap_or(now));
        LogQuery {
            follow: holds(&self.follow),
            tail: self.tail_lines,
            since: ago.or(self.since_time),
            timestamps: holds(&self.timestamps),
        }
    }
}

/// Why there is no log, or no container to talk to.
#[derive(Debug, thiserror::Error)]
pub(super) enum Absent {
    /// The pod is not on this node.
    #[error("pod \"{0}\" not found")]
    Pod(String),
    /// The pod has no such container.
    #[error("container {container} is not valid for pod {pod}")]
    Container {
        /// The pod.
        pod: String,
        /// The container.
        container: String,
    },
    /// The container has not begun.
    #[error("container \"{container}\" in pod \"{pod}\" is waiting to start: {reason}")]
    Waiting {
        /// The pod.
        pod: String,
        /// The container.
        container: String,
        /// Why.
        reason: String,
    },
    /// It has ended, and the engine has nothing of it any more, or never started it.
    #[error("container \"{container}\" in pod \"{pod}\" has ended and left no log")]
    Gone {
        /// The pod.
        pod: String,
        /// The container.
        container: String,
    },
    /// It has no predecessor.
    #[error("previous terminated container \"{container}\" in pod \"{pod}\" not found")]
    Previous {
        /// The pod.
        pod: String,
        /// The container.
        container: String,
    },
    /// It does not run.
    #[error("container {container} is not running in pod {pod}")]
    NotRunning {
        /// The pod.
        pod: String,
        /// The container.
        container: String,
    },
    /// The engine did not say.
    #[error(transparent)]
    Engine(#[from] RuntimeError),
}

impl IntoResponse for Absent {
    fn into_response(self) -> Response {
        let code = match self {
            Absent::Pod(_) => StatusCode::NOT_FOUND,
            Absent::Engine(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        refusal(code, &self.to_string())
    }
}

/// A refusal as clients read it: the API server passes it on as it is.
pub(super) fn refusal(code: StatusCode, message: &str) -> Response {
    let reason = match code {
        StatusCode::NOT_FOUND => reason::NOT_FOUND,
        StatusCode::BAD_REQUEST => reason::BAD_REQUEST,
        StatusCode::UNAUTHORIZED => reason::UNAUTHORIZED,
        StatusCode::FORBIDDEN => reason::FORBIDDEN,
        _ => reason::INTERNAL_ERROR,
    };
    let status = ApiError::new(code.as_u16(), reason, message).0;
    let mut json = serde_json::to_value(&*status).expect("k8s-openapi types serialize to JSON");
    json["metadata"] = serde_json::json!({});
    (code, Json(json)).into_response()
}

/// Serves a container's log.
pub(super) async fn serve(
    State(server): State<Server>,
    Path(place): Path<Place>,
    Query(asked): Query<Asked>,
) -> Result<Response, Absent> {
    let pod = server.pod(&place.namespace, &place.pod).ok_or_else(|| Absent::Pod(place.pod.clone()))?;
    let id = if holds(&asked.previous) {
        let previous = server.attempts(&pod, &place.container).await?.into_iter().rev().nth(1);
        previous.ok_or(Absent::Previous { pod: place.pod, container: place.container })?.id
    } else {
        let last = server.attempts(&pod, &place.container).await?.into_iter().next_back();
        last.filter(|it| it.begun).ok_or_else(|| waiting(&pod, &place))?.id
    };
    let chunks = server.runtime.logs(&id, &asked.query(server.clock.now()));
    let bytes = chunks.map(|it| it.map(|chunk| chunk.bytes));
    Ok(Body::from_stream(limited(bytes, asked.limit_bytes)).into_response())
}

/// Cuts the stream after so many bytes.
fn limited(
    bytes: impl Stream<Item = Result<Bytes, RuntimeError>> + Send + 'static,
    limit: Option<usize>,
) -> impl Stream<Item = Result<Bytes, RuntimeError>> + Send + 'static {
    bytes.scan(limit.unwrap_or(usize::MAX), |left, chunk| {
        let cut = chunk.map(|chunk| chunk.slice(..chunk.len().min(*left)));
        let ended = *left == 0;
        *left -= cut.as_ref().map_or(0, Bytes::len);
        future::ready((!ended).then_some(cut))
    })
}

fn waiting(pod: &Pod, place: &Place) -> Absent {
    let Some(status) = status_of(pod, &place.container) else {
        return Absent::Container { pod: place.pod.clone(), container: place.container.clone() };
    };
    let state = status.state.unwrap_or_default();
    if state.terminated.is_some() {
        return Absent::Gone { pod: place.pod.clone(), container: place.container.clone() };
    }
    let waiting = state.waiting.and_then(|it| it.reason);
    let reason = match waiting.as_deref() {
        Some("ErrImagePull" | "ImagePullBackOff") => "trying and failing to pull image".to_owned(),
        other => other.unwrap_or("ContainerCreating").to_owned(),
    };
    Absent::Waiting { pod: place.pod.clone(), container: place.container.clone(), reason }
}

fn status_of(pod: &Pod, container: &str) -> Option<ContainerStatus> {
    let status = pod.status.as_ref()?;
    let lists =
        [&status.init_container_statuses, &status.container_statuses, &status.ephemeral_container_statuses];
    lists.into_iter().flatten().flatten().find(|it| it.name == container).cloned()
}

/// One attempt of a container, as a list shows it.
pub(super) struct Listed {
    pub(super) id: ContainerId,
    pub(super) running: bool,
    begun: bool,
    number: u32,
}

impl Server {
    /// The attempts of a pod's container that are still there, oldest first.
    async fn attempts(&self, pod: &Pod, container: &str) -> Result<Vec<Listed>, Absent> {
        let mut wanted = self.owner.labels();
        wanted.insert(labels::POD_UID.to_owned(), pod.metadata.uid.clone().unwrap_or_default());
        wanted.insert(labels::CONTAINER_NAME.to_owned(), container.to_owned());
        let listed = self.runtime.list(&wanted).await?;
        let of = |it: crate::container_runtime::Listed| {
            let number = Identity::read(&it.labels)?.attempt;
            Some(Listed { id: it.id, running: it.running, begun: it.begun, number })
        };
        let mut attempts: Vec<Listed> = listed.into_iter().filter_map(of).collect();
        attempts.sort_by_key(|it| it.number);
        Ok(attempts)
    }

    /// The running container that is meant.
    pub(super) async fn running(&self, place: &Place) -> Result<ContainerId, Absent> {
        let pod = self.pod(&place.namespace, &place.pod).ok_or_else(|| Absent::Pod(place.pod.clone()))?;
        let last = self.attempts(&pod, &place.container).await?.into_iter().next_back();
        let not_running =
            || Absent::NotRunning { pod: place.pod.clone(), container: place.container.clone() };
        Ok(last.filter(|it| it.running).ok_or_else(not_running)?.id)
    }
}
