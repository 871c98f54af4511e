//! A connection to the cluster that the flags and the kubeconfig name, and the calls that commands make over it.
//!
//! Objects stay JSON trees here, since the command line passes on whatever kinds the server has.

use crate::args::Global;
use crate::output;
use crate::request::{self, Call};
use crate::resolve::{Catalog, Resource};
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use client::decode::Lines;
use client::https::Https;
use client::kubeconfig::{Credentials, Kubeconfig, default_paths};
use client::transport::{Body, BoxError, Transport};
use client::{Client, Error};
use daemon::Clock;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::BodyExt;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::sync::OnceCell;

/// A cluster, an identity, a namespace.
pub(crate) struct Session {
    client: Client,
    /// Where the server is and who asks.
    pub(crate) credentials: Credentials,
    /// Headers of every request, also of streams.
    pub(crate) headers: HeaderMap,
    /// The namespace that commands mean when they name none.
    pub(crate) namespace: String,
    /// Whether the user typed that namespace.
    pub(crate) namespace_is_given: bool,
    /// The time.
    pub(crate) clock: Clock,
    catalog: OnceCell<Catalog>,
}

/// The kubeconfig files that count, the one to write first.
pub(crate) fn kubeconfig_paths(global: &Global) -> Vec<PathBuf> {
    match &global.kubeconfig {
        Some(path) => vec![path.clone()],
        None => default_paths(std::env::var("KUBECONFIG").ok().as_deref(), std::env::home_dir().as_deref()),
    }
}

/// The kubeconfig as all its files together say it.
pub(crate) fn kubeconfig(global: &Global) -> Result<Kubeconfig> {
    let mut merged = Kubeconfig::default();
    for path in kubeconfig_paths(global) {
        let one = if global.kubeconfig.is_some() {
            Kubeconfig::load(&path)
        } else {
            Kubeconfig::load_or_default(&path)
        };
        merged.merge(one?);
    }
    Ok(merged)
}

fn credentials(global: &Global) -> Result<Credentials> {
    let config = kubeconfig(global)?;
    let context = global.context.as_deref();
    let mut credentials = if context.is_none() && config.current_context.is_empty() {
        Credentials { server: "http://localhost:8080".to_owned(), ..Credentials::default() }
    } else {
        config.credentials(context)?
    };
    if let Some(server) = &global.server {
        credentials.server.clone_from(server);
    }
    if let Some(token) = &global.token {
        credentials.token = Some(token.clone());
        credentials.identity_pem = None;
    }
    if let Some(path) = &global.certificate_authority {
        credentials.ca_pem = std::fs::read(path)
            .with_context(|| format!("unable to read certificate-authority {}", path.display()))?;
    }
    Ok(credentials)
}

fn headers(global: &Global) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    let agent = concat!("kubectl-lite/", env!("CARGO_PKG_VERSION"));
    headers.insert(http::header::USER_AGENT, HeaderValue::from_static(agent));
    if let Some(user) = &global.as_user {
        headers.insert("Impersonate-User", HeaderValue::from_str(user)?);
    }
    for group in &global.as_group {
        headers.append("Impersonate-Group", HeaderValue::from_str(group)?);
    }
    if let Some(uid) = &global.as_uid {
        headers.insert("Impersonate-Uid", HeaderValue::from_str(uid)?);
    }
    if headers.len() > 1 && global.as_user.is_none() {
        bail!("requesting uid or groups for {agent} without impersonating a user: add --as");
    }
    Ok(headers)
}

/// Adds our headers on the way out, and says the server's warnings on the way in.
struct Edge {
    inner: Https,
    headers: HeaderMap,
    said: Mutex<Vec<String>>,
}

impl Transport for Edge {
    fn send(&self, mut request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Body>, BoxError>> {
        request.headers_mut().extend(self.headers.clone());
        Box::pin(async move {
            let response = self.inner.send(request).await?;
            for warning in response.headers().get_all(http::header::WARNING) {
                self.warn(warning);
            }
            Ok(response)
        })
    }
}

impl Edge {
    /// Says a warning once.
    fn warn(&self, header: &HeaderValue) {
        let Some(text) = header.to_str().ok().and_then(warning_text) else { return };
        let mut said = self.said.lock().expect("nobody panics while holding this lock");
        if !said.contains(&text) {
            output::note(format!("Warning: {text}"));
            said.push(text);
        }
    }
}

/// The text in `299 - "text"`.
fn warning_text(header: &str) -> Option<String> {
    let quoted = header.strip_prefix("299 ")?.split_once('"')?.1;
    let end = quoted.rfind('"')?;
    Some(quoted[..end].replace("\\\"", "\"").replace("\\\\", "\\"))
}

impl Session {
    /// Reads the kubeconfig and gets ready to talk; nothing is sent yet.
    pub(crate) fn open(global: &Global) -> Result<Self> {
        let credentials = credentials(global)?;
        let headers = headers(global)?;
        let inner = Https::new(&credentials)?;
        let edge = Edge { inner, headers: headers.clone(), said: Mutex::default() };
        let given = global.namespace.clone().filter(|it| !it.is_empty());
        let configured = credentials.namespace.clone().filter(|it| !it.is_empty());
        Ok(Self {
            client: Client::new(Arc::new(edge)),
            headers,
            namespace_is_given: given.is_some(),
            namespace: given.or(configured).unwrap_or_else(|| "default".to_owned()),
            credentials,
            clock: Clock::system(),
            catalog: OnceCell::new(),
        })
    }

    /// The kinds that the server has, asked for once.
    pub(crate) async fn catalog(&self) -> Result<&Catalog> {
        self.catalog.get_or_try_init(|| Catalog::discover(self)).await
    }

    /// Sends a call and returns the whole answer of a success.
    pub(crate) async fn bytes(&self, call: Call) -> Result<Bytes> {
        Ok(self.client.bytes(call.into_request()?).await?)
    }

    /// Sends a call and returns the JSON of a success.
    pub(crate) async fn json(&self, call: Call) -> Result<Value> {
        let target = call.target();
        let bytes = self.bytes(call).await?;
        serde_json::from_slice(&bytes).with_context(|| format!("failed to decode the answer to {target}"))
    }

    /// Sends a call whose answer keeps coming.
    pub(crate) async fn stream(&self, call: Call) -> Result<Pieces> {
        let response = self.client.stream(call.into_request()?).await?;
        Ok(Pieces { body: response.into_body(), lines: Lines::default() })
    }

    /// Reads one object.
    pub(crate) async fn get(&self, resource: &Resource, namespace: &str, name: &str) -> Result<Value> {
        self.json(Call::get(resource.object(namespace, name))).await
    }

    /// Reads one object, or nothing if it isn't there.
    pub(crate) async fn find(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Value>> {
        match self.get(resource, namespace, name).await {
            Ok(object) => Ok(Some(object)),
            Err(error) if crate::error::is_not_found(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lists objects page by page, as one list whose items say their kind.
    pub(crate) async fn list(&self, wanted: &Wanted<'_>) -> Result<Value> {
        let mut all: Option<Value> = None;
        let mut token: Option<String> = None;
        loop {
            let mut page = self.json(wanted.page(token.as_deref())).await?;
            token = page["metadata"]["continue"].as_str().filter(|it| !it.is_empty()).map(str::to_owned);
            let field = if page["kind"] == "Table" { "rows" } else { "items" };
            let items = page[field].take();
            page[field] = match all.as_mut() {
                None => items,
                Some(all) => joined(all[field].take(), items),
            };
            if token.is_none() {
                return Ok(with_kinds(page, wanted.resource));
            }
            all = Some(page);
        }
    }
}

fn joined(before: Value, after: Value) -> Value {
    let (Value::Array(mut before), Value::Array(after)) = (before, after) else { return Value::Null };
    before.extend(after);
    Value::Array(before)
}

/// The items of a list carry no kind on the wire; here each gets that of the list.
fn with_kinds(mut list: Value, resource: &Resource) -> Value {
    if let Some(items) = list.get_mut("items") {
        if items.is_null() {
            *items = Value::Array(Vec::new());
        }
        for item in items.as_array_mut().into_iter().flatten() {
            if item.get("kind").is_none() {
                item["kind"] = resource.kind.clone().into();
                item["apiVersion"] = resource.api_version().into();
            }
        }
    }
    list
}

/// Which objects a list or a watch is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// The kind.
    pub(crate) resource: &'a Resource,
    /// One namespace, or all when empty.
    pub(crate) namespace: &'a str,
    /// Such as `app=web`.
    pub(crate) labels: Option<&'a str>,
    /// Such as `spec.nodeName=one`.
    pub(crate) fields: Option<&'a str>,
    /// At most so many in one answer.
    pub(crate) chunk: Option<u32>,
    /// Whether rows are wanted instead of objects.
    pub(crate) accept: Option<&'static str>,
}

impl<'a> Wanted<'a> {
    /// All objects of a kind in a namespace.
    pub(crate) fn all(resource: &'a Resource, namespace: &'a str) -> Self {
        Self { resource, namespace, labels: None, fields: None, chunk: Some(500), accept: None }
    }

    fn call(&self) -> Call {
        let call = Call::get(self.resource.collection(self.namespace))
            .with("labelSelector", self.labels)
            .with("fieldSelector", self.fields);
        match self.accept {
            Some(accept) => call.accept(accept),
            None => call,
        }
    }

    fn page(&self, token: Option<&str>) -> Call {
        self.call().with("limit", self.chunk.filter(|it| *it > 0)).with("continue", token)
    }

    /// The watch of the same objects after a revision.
    pub(crate) fn watch(&self, revision: Option<&str>) -> Call {
        self.call().with("watch", Some("true")).with("resourceVersion", revision)
    }

    /// The same, as rows.
    pub(crate) fn as_table(self) -> Self {
        Self { accept: Some(request::TABLE), ..self }
    }
}

/// An answer that keeps coming.
pub(crate) struct Pieces {
    body: Body,
    lines: Lines,
}

impl Pieces {
    /// The next piece as it came.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>> {
        while let Some(frame) = self.body.frame().await {
            if let Ok(data) = frame.map_err(Error::Transport)?.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// The next whole line as JSON.
    pub(crate) async fn next_json(&mut self) -> Result<Option<Value>> {
        loop {
            if let Some(line) = self.lines.next_line() {
                return Ok(Some(serde_json::from_slice(&line).context("failed to decode a change")?));
            }
            match self.next().await? {
                Some(piece) => self.lines.push(&piece),
                None => return Ok(None),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::warning_text;

    #[test]
    fn warnings_are_unquoted() {
        let check = |header: &str, expect: Option<&str>| assert_eq!(warning_text(header).as_deref(), expect);
        check(r#"299 - "it is \"old\"""#, Some(r#"it is "old""#));
        check("199 - nothing", None);
    }
}
