//! What is done with objects: one generic handler per verb, for every kind of the table.
//!
//! Start at [`handle`]. It finds the kind, then the handler of the verb; what hangs below an object is in
//! [`subresource`]. All changes of existing objects pass through [`change`], so that conflicts, status and spec,
//! generations, validation, admission and dry runs are right once for all.

pub(crate) mod apply;
pub(crate) mod change;
pub(crate) mod collection;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod patch;
pub(crate) mod pods;
pub(crate) mod present;
pub(crate) mod scale;
mod stored;
pub(crate) mod subresource;
pub(crate) mod token;
pub(crate) mod update;
pub(crate) mod watch;

use crate::accept::{self, Form, Shape};
use crate::audit::record::Record;
use crate::authz;
use crate::body::room::Room;
use crate::body::{self, Content, FieldValidation};
use crate::cache::entry::Entry;
use crate::front::Limit;
use crate::notes::Notes;
use crate::ownership::Manager;
use crate::request::{Query, ResourcePath, Verb};
use crate::respond::{self, Answer};
use crate::shape::Shaper;
use crate::state::State;
use crate::versions;
use access::{Attributes, ResourceTarget, UserInfo};
use api::{ApiError, Key, Kind, Object};
use axum::body::Body;
use bytes::Bytes;
use change::{Part, Target};
use http::header::ACCEPT;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One request to a resource, with everything that handlers ask about it.
pub(crate) struct Call {
    pub(crate) kind: Kind,
    /// The namespace for namespaced kinds, empty otherwise or for all; the name, empty for collections.
    pub(crate) key: Key,
    pub(crate) path: ResourcePath,
    pub(crate) query: Query,
    pub(crate) user: Arc<UserInfo>,
    /// Who owns what this request writes.
    pub(crate) manager: Manager,
    pub(crate) parts: Parts,
    /// A mutex because a body cannot be shared; nobody ever waits for it.
    body: Mutex<Body>,
    room: Arc<Room>,
    /// How long the request may take; what a body may take is a part of it.
    time: Duration,
    /// What the client and the audit log should know besides the answer.
    pub(crate) notes: Arc<Notes>,
}

impl Call {
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// The body, read to its end.
    pub(crate) async fn content(&mut self) -> Result<Content, ApiError> {
        let bytes = self.whole_body().await?;
        let content = Content::new(&self.parts.headers, bytes)?;
        if let Some(record) = self.record() {
            record.sent(|| content.tree().ok());
        }
        Ok(content)
    }

    /// The body as an object of the kind. What field validation finds is noted or refused.
    pub(crate) async fn object(&mut self, validation: FieldValidation) -> Result<Object, ApiError> {
        let mut found = Vec::new();
        let object = self.content().await?.object(self.kind, validation, &mut found);
        self.notes.warn(found);
        object
    }

    /// The bytes of a patch.
    pub(crate) async fn bytes(&mut self) -> Result<Bytes, ApiError> {
        let bytes = self.whole_body().await?;
        if let Some(record) = self.record() {
            // A patch is JSON, or YAML, of which JSON is a part.
            record.sent(|| body::yaml(&bytes).ok());
        }
        Ok(bytes)
    }

    async fn whole_body(&mut self) -> Result<Bytes, ApiError> {
        let body = self.take_body();
        self.room.read(body, &self.user.name, self.time).await
    }

    fn record(&self) -> Option<&Arc<Record>> {
        self.parts.extensions.get()
    }

    /// The body as it is, for patches and proxies.
    pub(crate) fn take_body(&mut self) -> Body {
        std::mem::take(self.body.get_mut().expect("nobody locks it"))
    }

    /// The form that the client asked for, of those that objects have.
    pub(crate) fn form(&self) -> Result<Form, ApiError> {
        accept::negotiate(self.header(ACCEPT), accept::OBJECTS)
    }

    pub(crate) fn header(&self, name: http::header::HeaderName) -> Option<&str> {
        self.headers().get(name).and_then(|it| it.to_str().ok())
    }

    pub(crate) fn shaper(&self, state: &State, form: Form) -> Result<Shaper, ApiError> {
        Shaper::new(self.kind, form, &self.query, state.clock.clone())
    }

    /// The object that this request changes.
    pub(crate) fn target(&self, part: Part, dry_run: bool) -> Target<'_> {
        Target {
            kind: self.kind,
            key: &self.key,
            part,
            subresource: &self.path.subresource,
            user: &self.user,
            manager: &self.manager,
            dry_run,
        }
    }

    /// The object that this request creates.
    pub(crate) fn creation<'a>(&'a self, manager: &'a Manager, dry_run: bool) -> create::Request<'a> {
        create::Request {
            kind: self.kind,
            namespace: &self.key.namespace,
            user: &self.user,
            manager,
            dry_run,
        }
    }

    /// Refuses who may not create what the path names: some requests come to that by another verb.
    pub(crate) fn check_create(&self, state: &State) -> Result<(), ApiError> {
        let row = self.kind.row();
        let target = ResourceTarget::of(row.group, row.version, row.plural)
            .subresource(&self.path.subresource)
            .in_namespace(&self.key.namespace)
            .named(&self.key.name);
        authz::check(state, &Attributes::resource(&self.user, "create", target))
    }

    /// An object as the answer.
    pub(crate) async fn answer(&self, state: &State, status: StatusCode, entry: Arc<Entry>) -> Answer {
        let form = self.form()?;
        let entry = versions::entry(state, self.kind, entry).await?;
        if form.shape == Shape::Plain && entry.kind == self.kind {
            return respond::json(status, form, entry.json.clone());
        }
        respond::json(status, form, self.shaper(state, form)?.object(&entry)?)
    }
}

/// Does what a request asks of a resource. An answer and a refusal alike carry what was noted on the way.
pub(crate) async fn handle(
    state: &Arc<State>,
    path: ResourcePath,
    query: Query,
    user: Arc<UserInfo>,
    (parts, body): (Parts, Body),
    notes: &Arc<Notes>,
) -> Answer {
    let kind = state.catalogue.find(&path.group, &path.version, &path.resource);
    let kind = kind.ok_or_else(ApiError::no_route)?;
    let key = key_of(kind, &path)?;
    let manager = Manager::of(path.verb, &query, &parts.headers)?;
    let (body, room, notes) = (Mutex::new(body), state.room.clone(), notes.clone());
    let time = parts.extensions.get().map_or(state.request_timeout, |Limit(time)| *time);
    let mut call = Call { kind, key, path, query, user, manager, parts, body, room, time, notes };
    let answer = dispatch(state, &mut call).await;
    let mut response = answer.unwrap_or_else(|error| respond::refusal(&error));
    call.notes.warn(state.catalogue.deprecation(kind));
    respond::warn(&mut response, &call.notes.warnings());
    Ok(response)
}

/// The object or collection that a path means. A namespaced object has no path without its namespace.
fn key_of(kind: Kind, path: &ResourcePath) -> Result<Key, ApiError> {
    let namespaced = kind.row().namespaced();
    let misplaced = if namespaced {
        !path.name.is_empty() && path.namespace.is_empty()
    } else {
        !path.namespace.is_empty() && path.resource != "namespaces"
    };
    if misplaced {
        return Err(ApiError::no_route());
    }
    let namespace = if namespaced { path.namespace.clone() } else { String::new() };
    Ok(Key { kind, namespace, name: path.name.clone() })
}

async fn dispatch(state: &Arc<State>, call: &mut Call) -> Answer {
    if !call.path.subresource.is_empty() {
        return subresource::dispatch(state, call).await;
    }
    let row = call.kind.row();
    if !row.verbs.names().contains(&call.path.verb.name()) {
        return Err(ApiError::method_not_allowed());
    }
    let spans_namespaces = row.namespaced() && call.key.namespace.is_empty();
    match call.path.verb {
        Verb::Create if spans_namespaces || !call.key.name.is_empty() => Err(ApiError::method_not_allowed()),
        Verb::DeleteCollection if spans_namespaces || call.kind.row().plural == "namespaces" => {
            Err(ApiError::method_not_allowed())
        }
        Verb::Update | Verb::Patch if call.key.name.is_empty() => Err(ApiError::method_not_allowed()),
        Verb::Create if row.verbs == api::resources::Verbs::CreateOnly => {
            crate::reviews::create(state, call).await
        }
        Verb::Create => create::create(state, call).await,
        Verb::Get => get::get(state, call).await,
        Verb::List => list::list(state, call).await,
        Verb::Watch => watch::watch(state, call).await,
        Verb::Update => update::update(state, call, change::Part::Main).await,
        Verb::Patch => patch::patch(state, call, change::Part::Main).await,
        Verb::Delete => delete::delete(state, call).await,
        Verb::DeleteCollection => collection::delete_collection(state, call).await,
    }
}
