//! What is served where. The paths are upstream's, so that any API server can ask.

use api::{
    Resource,
    k8s::{api::core::v1::Pod, apimachinery::pkg::apis::meta::v1::ListMeta},
};
use axum::{
    Json, Router,
    extract::State,
    middleware,
    routing::{any, get},
};
use serde_json::{Value, json};

use super::{Server, auth, exec, forward, logs};

/// The node's routes.
pub(super) fn router(server: Server) -> Router {
    Router::new()
        .route("/pods", get(pods))
        .route("/metrics", get(metrics))
        .route("/containerLogs/{namespace}/{pod}/{container}", get(logs::serve))
        .route("/exec/{namespace}/{pod}/{container}", any(exec::exec))
        .route("/attach/{namespace}/{pod}/{container}", any(exec::attach))
        .route("/portForward/{namespace}/{pod}", any(forward::forward))
        .route_layer(middleware::from_fn(auth::require))
        .route("/healthz", get(async || "ok"))
        .with_state(server)
}

async fn pods(State(server): State<Server>) -> Json<Value> {
    let objects = server.pods.objects();
    let items: Vec<Value> = objects
        .iter()
        .filter_map(|it| it.get::<Pod>())
        .filter_map(|it| serde_json::to_value(it).ok())
        .collect();
    let row = Pod::KIND.row();
    let kind = format!("{}List", row.kind);
    Json(json!({ "kind": kind, "apiVersion": row.version, "metadata": ListMeta::default(), "items": items }))
}

async fn metrics(State(server): State<Server>) -> String {
    server.metrics.render()
}
