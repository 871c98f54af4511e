//! Everything that is not an object: health, version, metrics, discovery, OpenAPI, keys.

use crate::accept::{self, Form, Shape};
use crate::catalogue::Contents;
use crate::documents;
use crate::request::Query;
use crate::respond::{self, Answer, Response};
use crate::state::State;
use api::{ApiError, path};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State as Shared};
use axum::response::IntoResponse;
use axum::routing::get;
use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, ETAG, EXPIRES, IF_NONE_MATCH, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// How long one part of a health check may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the handlers here share.
#[derive(Clone)]
struct Endpoints {
    state: Arc<State>,
}

impl Endpoints {
    /// What is served now.
    fn served(&self) -> Arc<Contents> {
        self.state.catalogue.now()
    }
}

/// The routes of this module. Paths come without a trailing slash.
pub(crate) fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/", get(root))
        .route("/version", get(version))
        .route("/metrics", get(metrics))
        .route("/healthz", get(|it, query| health("healthz", it, query)))
        .route("/livez", get(|it, query| health("livez", it, query)))
        .route("/readyz", get(|it, query| health("readyz", it, query)))
        .route("/{endpoint}/{check}", get(one_check))
        .route(path::CORE, get(core))
        .route(path::GROUPS, get(groups))
        .route(&path::group("{group}"), get(group))
        .route(&path::group_version("", "{version}"), get(core_resources))
        .route(&path::group_version("{group}", "{version}"), get(resources))
        .route("/openapi/v2", get(openapi_v2))
        .route("/openapi/v3", get(openapi_index))
        .route("/openapi/v3/{*root}", get(openapi_v3))
        .route("/.well-known/openid-configuration", get(openid_configuration))
        .route("/openid/v1/jwks", get(jwks))
        .fallback(|| async { respond::refusal(&ApiError::no_route()) })
        .method_not_allowed_fallback(|| async { respond::refusal(&ApiError::method_not_allowed()) })
        .with_state(Endpoints { state })
}

fn answered(answer: Answer) -> Response {
    answer.unwrap_or_else(|error| respond::refusal(&error))
}

fn form(headers: &HeaderMap, offered: &[Shape]) -> Result<Form, ApiError> {
    accept::negotiate(headers.get(ACCEPT).and_then(|it| it.to_str().ok()), offered)
}

fn document(headers: &HeaderMap, value: &Value) -> Response {
    answered(form(headers, &[]).and_then(|form| respond::value(StatusCode::OK, form, value)))
}

async fn root(Shared(it): Shared<Endpoints>, headers: HeaderMap) -> Response {
    let served = it.served();
    let versions = served.discovery.versions.iter().flat_map(|it| match it.group {
        "" => vec![path::group_version("", it.version)],
        group => vec![path::group(group), path::group_version(group, it.version)],
    });
    let fixed =
        ["/.well-known/openid-configuration", path::CORE, path::GROUPS, "/healthz", "/livez", "/metrics"];
    let last = ["/openapi/v2", "/openapi/v3", "/openid/v1/jwks", "/readyz", "/version"];
    let mut paths: Vec<String> = fixed.into_iter().chain(last).map(str::to_owned).chain(versions).collect();
    paths.sort();
    paths.dedup();
    document(&headers, &json!({ "paths": paths }))
}

async fn version(headers: HeaderMap) -> Response {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let told = json!({
        "major": "1",
        "minor": "37",
        "emulationMajor": "1",
        "emulationMinor": "37",
        "minCompatibilityMajor": "1",
        "minCompatibilityMinor": "36",
        "gitVersion": concat!("v1.37.0+skiff-", env!("CARGO_PKG_VERSION")),
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "rustc",
        "platform": format!("{}/{architecture}", std::env::consts::OS),
    });
    document(&headers, &told)
}

async fn metrics(Shared(it): Shared<Endpoints>) -> Response {
    let text = it.state.metrics.registry.render();
    respond::bytes(StatusCode::OK, daemon::metrics::CONTENT_TYPE, text)
}

/// The parts of a health check, by name.
const CHECKS: &[&str] = &["ping", "log", "store", "watch-cache"];

async fn is_well(state: &State, check: &str) -> bool {
    match check {
        // The cache follows the store: what has been written can be read.
        "watch-cache" => daemon::clock::timeout(PATIENCE, state.caches.fresh()).await.is_ok(),
        "store" => state.store.is_readable(),
        "shutdown" => !state.shutdown.is_cancelled(),
        _ => true,
    }
}

async fn health(
    endpoint: &'static str,
    Shared(it): Shared<Endpoints>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = Query::parse(query.as_deref());
    let excluded: Vec<&str> = query.all("exclude").collect();
    let own = if endpoint == "readyz" { &["shutdown"][..] } else { &[] };
    let (mut text, mut well) = (String::new(), true);
    for check in CHECKS.iter().chain(own) {
        let line = if excluded.contains(check) {
            format!("[+]{check} excluded: ok\n")
        } else if is_well(&it.state, check).await {
            format!("[+]{check} ok\n")
        } else {
            well = false;
            format!("[-]{check} failed: reason withheld\n")
        };
        text.push_str(&line);
    }
    text.push_str(&unmatched(&excluded, |it| CHECKS.contains(&it) || own.contains(&it)));
    match (well, query.has("verbose")) {
        (true, false) => respond::text(StatusCode::OK, "ok"),
        (true, true) => respond::text(StatusCode::OK, format!("{text}{endpoint} check passed\n")),
        (false, _) => {
            respond::text(StatusCode::INTERNAL_SERVER_ERROR, format!("{text}{endpoint} check failed\n"))
        }
    }
}

/// What is said of checks that are to be left out and do not exist, in upstream's words.
fn unmatched(excluded: &[&str], is_known: impl Fn(&str) -> bool) -> String {
    let mut unknown: Vec<String> =
        excluded.iter().filter(|it| !is_known(it)).map(|it| format!("{it:?}")).collect();
    unknown.sort();
    unknown.dedup();
    match unknown.as_slice() {
        [] => String::new(),
        _ => format!("warn: some health checks cannot be excluded: no matches for {}\n", unknown.join(",")),
    }
}

async fn one_check(
    Shared(it): Shared<Endpoints>,
    Path((endpoint, check)): Path<(String, String)>,
) -> Response {
    let known = CHECKS.contains(&check.as_str()) || (endpoint == "readyz" && check == "shutdown");
    if !matches!(endpoint.as_str(), "healthz" | "livez" | "readyz") || !known {
        return respond::refusal(&ApiError::no_route());
    }
    match is_well(&it.state, &check).await {
        true => respond::text(StatusCode::OK, "ok"),
        false => respond::text(StatusCode::INTERNAL_SERVER_ERROR, format!("{check} check failed\n")),
    }
}

async fn core(Shared(it): Shared<Endpoints>, headers: HeaderMap) -> Response {
    let host = headers.get(http::header::HOST).and_then(|it| it.to_str().ok()).unwrap_or_default();
    discovered(&headers, || it.served().discovery.aggregated(true), || it.served().discovery.core(host))
}

async fn groups(Shared(it): Shared<Endpoints>, headers: HeaderMap) -> Response {
    discovered(&headers, || it.served().discovery.aggregated(false), || it.served().discovery.group_list())
}

/// Answers in the aggregated form when the client knows it.
fn discovered(headers: &HeaderMap, aggregated: impl Fn() -> Value, plain: impl Fn() -> Value) -> Response {
    let form = match form(headers, &[Shape::Discovery]) {
        Ok(form) => form,
        Err(error) => return respond::refusal(&error),
    };
    let tree = if form.shape == Shape::Discovery { aggregated() } else { plain() };
    let body = serde_json::to_vec(&tree).unwrap_or_default();
    let mut response = fingerprinted(headers, form, body.into());
    response.headers_mut().insert(http::header::VARY, HeaderValue::from_static("Accept"));
    response
}

async fn group(Shared(it): Shared<Endpoints>, headers: HeaderMap, Path(group): Path<String>) -> Response {
    found(&headers, it.served().discovery.group(&group))
}

async fn core_resources(
    Shared(it): Shared<Endpoints>,
    headers: HeaderMap,
    Path(version): Path<String>,
) -> Response {
    found(&headers, it.served().discovery.resources("", &version))
}

async fn resources(
    Shared(it): Shared<Endpoints>,
    headers: HeaderMap,
    Path((group, version)): Path<(String, String)>,
) -> Response {
    found(&headers, it.served().discovery.resources(&group, &version).filter(|_| !group.is_empty()))
}

fn found(headers: &HeaderMap, tree: Option<Value>) -> Response {
    match tree {
        Some(tree) => document(headers, &tree),
        None => respond::refusal(&ApiError::no_route()),
    }
}

/// An answer that says what it is a version of, so that clients who have it need not read it again.
fn fingerprinted(headers: &HeaderMap, form: Form, body: Bytes) -> Response {
    let tag = format!("\"{:016X}\"", fingerprint(&body));
    let response = match is_known(headers, &tag) {
        true => respond::bytes(StatusCode::NOT_MODIFIED, form.content_type(), Body::empty()),
        false => answered(respond::json(StatusCode::OK, form, body)),
    };
    tagged(response, &tag)
}

fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    headers.get(IF_NONE_MATCH).is_some_and(|it| it.as_bytes() == tag.as_bytes())
}

fn tagged(mut response: Response, tag: &str) -> Response {
    if let Ok(tag) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// FNV-1a: the same for the same bytes, in every run.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, it| (hash ^ u64::from(*it)).wrapping_mul(0x0100_0000_01b3))
}

async fn openapi_v2(Shared(it): Shared<Endpoints>, headers: HeaderMap) -> Response {
    let accept = headers.get(ACCEPT).and_then(|it| it.to_str().ok()).unwrap_or_default();
    match accept.starts_with(openapi::V2_PROTOBUF_ACCEPT) {
        true => {
            let body = documents::whole_protobuf(&it.served());
            respond::bytes(StatusCode::OK, openapi::V2_PROTOBUF_TYPE, body)
        }
        false => fingerprinted(&headers, Form::JSON, documents::whole(&it.served()).into()),
    }
}

async fn openapi_index(Shared(it): Shared<Endpoints>, headers: HeaderMap) -> Response {
    document(&headers, &documents::index(&it.served()))
}

/// One document. Who names its hash, as the index does, may keep it for good; who names another is sent to the right one.
async fn openapi_v3(
    Shared(it): Shared<Endpoints>,
    headers: HeaderMap,
    Path(root): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let Some(tag) = documents::tag(&it.served(), &root) else {
        return respond::refusal(&ApiError::no_route());
    };
    let query = Query::parse(query.as_deref());
    match query.get("hash") {
        None => openapi_document(&it, &headers, &root, &tag),
        Some(hash) if hash == tag => {
            let mut response = openapi_document(&it, &headers, &root, &tag);
            kept_for_good(&mut response, it.state.now());
            response
        }
        Some(_) => {
            let mut response = respond::text(StatusCode::MOVED_PERMANENTLY, Body::empty());
            if let Ok(place) = HeaderValue::from_str(&format!("/openapi/v3/{root}?hash={tag}")) {
                response.headers_mut().insert(LOCATION, place);
            }
            response
        }
    }
}

fn openapi_document(it: &Endpoints, headers: &HeaderMap, root: &str, tag: &str) -> Response {
    let tag = format!("\"{tag}\"");
    let json = Form::JSON.content_type();
    if is_known(headers, &tag) {
        return tagged(respond::bytes(StatusCode::NOT_MODIFIED, json, Body::empty()), &tag);
    }
    match documents::document(&it.served(), root) {
        Some(document) => tagged(respond::bytes(StatusCode::OK, json, document), &tag),
        None => respond::refusal(&ApiError::no_route()),
    }
}

/// Lets caches keep an answer as long as caches keep anything, which is a year.
fn kept_for_good(response: &mut Response, now: Timestamp) {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, immutable"));
    let end = now.saturating_add(SignedDuration::from_hours(365 * 24)).unwrap_or(now);
    if let Ok(end) = HeaderValue::from_str(&end.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()) {
        headers.insert(EXPIRES, end);
    }
}

async fn openid_configuration(Shared(it): Shared<Endpoints>) -> Response {
    answered(respond::value(StatusCode::OK, Form::JSON, &it.state.tokens.openid_configuration()))
}

async fn jwks(Shared(it): Shared<Endpoints>) -> impl IntoResponse {
    answered(respond::value(StatusCode::OK, Form::JSON, &it.state.tokens.jwks()))
}
