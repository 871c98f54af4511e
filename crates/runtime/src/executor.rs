//! Carries out plans. The only part of the loop that writes.
//!
//! Actions run in order and the first failure ends the plan; the next plan starts from what is observed then. What is
//! already as the plan wants it (an object gone before its delete) is no failure.

use crate::cache::revision_of;
use crate::events::Recorder;
use crate::plan::{Action, ERROR, NAME};
use api::{Key, Kind, Object, OwnerReference, Subresource};
use client::{Client, Error, ListParams, PatchType, request};
use futures::future::{BoxFuture, join_all};
use k8s_openapi::ByteString;
use k8s_openapi::api::authorization::v1::{SubjectAccessReview, SubjectAccessReviewSpec};
use k8s_openapi::api::certificates::v1::{CertificateSigningRequest, CertificateSigningRequestSpec};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// A write that was made: an object of this kind got this revision.
pub type Written = (Kind, u64);

/// An action that could not be carried out.
#[derive(Debug, thiserror::Error)]
#[error("failed to {action}")]
pub struct Failure {
    /// The action, as one line.
    pub action: String,
    /// Why.
    #[source]
    pub source: Error,
}

/// The entry of a Secret that holds a service account's token.
const TOKEN: &str = "token";

/// Grants signing requests. Its means are not the API's. Whether to grant was decided by the plan.
pub trait Authority: Send + Sync {
    /// A certificate (PEM) for the request's subject, key and usages, valid for so long from now; or why there is none.
    fn sign(&self, request: &CertificateSigningRequestSpec, lifetime: Duration) -> Result<String, String>;
}

/// Makes tokens of service accounts that last as long as the Secrets that hold them.
pub trait Tokens: Send + Sync {
    /// A token of the account (name and UID) for the Secret of this name; or why there is none.
    fn token(&self, namespace: &str, account: &(String, String), secret: &str) -> Result<String, String>;
}

/// Carries out plans with one identity.
#[derive(Clone)]
pub struct Executor {
    client: Client,
    recorder: Recorder,
    authority: Option<Arc<dyn Authority>>,
    tokens: Option<Arc<dyn Tokens>>,
}

impl Executor {
    /// Writes with this client and tells events to this recorder.
    pub fn new(client: Client, recorder: Recorder) -> Self {
        Self { client, recorder, authority: None, tokens: None }
    }

    /// The same, able to carry out [`Action::Sign`].
    pub fn signing_with(self, authority: Option<Arc<dyn Authority>>) -> Self {
        Self { authority, ..self }
    }

    /// The same, able to carry out [`Action::IssueToken`].
    pub fn issuing_with(self, tokens: Option<Arc<dyn Tokens>>) -> Self {
        Self { tokens, ..self }
    }

    /// Carries out actions in order. What was written comes back also when one failed.
    pub async fn execute(&self, actions: Vec<Action>) -> (Vec<Written>, Result<(), Failure>) {
        let mut written = Vec::new();
        for action in actions {
            if let Err(failure) = self.run(action, &mut written).await {
                return (written, Err(failure));
            }
        }
        (written, Ok(()))
    }

    async fn run(&self, action: Action, written: &mut Vec<Written>) -> Result<(), Failure> {
        match action {
            Action::SlowStart(actions) => self.slow_start(actions, written).await,
            Action::Told { attempt, well, badly } => self.told(*attempt, well, badly, written).await,
            Action::WhenGone { gone, then } => self.when_gone(gone, *then, written).await,
            Action::FirstAllowed(choices) => self.first_allowed(choices, written).await,
            action => {
                let line = action.to_string();
                let wrote = self.one(action).await.map_err(|source| Failure { action: line, source })?;
                written.extend(wrote.map(|it| it.at));
                Ok(())
            }
        }
    }

    async fn one(&self, action: Action) -> Result<Option<Wrote>, Error> {
        match action {
            Action::Create(object) => self.create(&object).await,
            Action::Update { object, below } => self.client.update_object(&object, below).await.map(stored),
            Action::Patch { key, below, kind, patch } => {
                self.client.patch(&key, below, kind, &patch).await.map(stored)
            }
            Action::CreateBelow { key, below, body } => {
                self.client.create_below(&key, below, &body).await.map(|_| None)
            }
            Action::Delete { key, options } => self.delete(&key, &options).await,
            Action::EnsureNone { kind, namespace } => self.ensure_none(kind, &namespace).await,
            Action::DeleteAll { kind, namespace } => {
                let request = request::delete_collection(kind, &namespace);
                self.client.bytes(request).await.map(|_| None)
            }
            Action::Adopt { key, uid, owner_key, owner } => self.adopt(&key, &uid, &owner_key, owner).await,
            Action::Sign { request, lifetime } => self.sign(*request, lifetime).await,
            Action::IssueToken { secret, account } => self.issue(*secret, &account).await,
            Action::Event(note) => {
                self.recorder.record(note);
                Ok(None)
            }
            Action::SlowStart(_)
            | Action::Told { .. }
            | Action::WhenGone { .. }
            | Action::FirstAllowed(_) => {
                unreachable!("what holds other actions is unfolded by the caller")
            }
        }
    }

    async fn sign(
        &self,
        mut request: CertificateSigningRequest,
        lifetime: Duration,
    ) -> Result<Option<Wrote>, Error> {
        let refused = |why: String| Error::from(api::ApiError::internal(why));
        let authority = self.authority.as_ref();
        let authority = authority.ok_or_else(|| refused("there is no authority to sign with".to_owned()))?;
        let certificate = authority.sign(&request.spec, lifetime).map_err(refused)?;
        request.status.get_or_insert_default().certificate = Some(ByteString(certificate.into_bytes()));
        self.client.update_object(&request.into(), Some(Subresource::Status)).await.map(stored)
    }

    async fn issue(&self, mut secret: Secret, account: &(String, String)) -> Result<Option<Wrote>, Error> {
        let refused = |why: String| Error::from(api::ApiError::internal(why));
        let tokens = self.tokens.as_ref();
        let tokens = tokens.ok_or_else(|| refused("there is no key to sign tokens with".to_owned()))?;
        let (namespace, name) = (api::meta::namespace(&secret.metadata), api::meta::name(&secret.metadata));
        let token = tokens.token(namespace, account, name).map_err(refused)?;
        secret.data.get_or_insert_default().insert(TOKEN.to_owned(), ByteString(token.into_bytes()));
        self.client.update_object(&secret.into(), None).await.map(stored)
    }

    fn first_allowed<'a>(
        &'a self,
        choices: Vec<(SubjectAccessReviewSpec, Action)>,
        written: &'a mut Vec<Written>,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let mut lines = Vec::new();
            for (question, action) in choices {
                let line = action.to_string();
                let failed = |source| Failure { action: format!("ask whether to {line}"), source };
                if self.allowed(question).await.map_err(failed)? {
                    return self.run(action, written).await;
                }
                lines.push(line);
            }
            let why = "the one who asks for it has not the right to";
            let source = api::ApiError::new(403, api::status::reason::FORBIDDEN, why).into();
            Err(Failure { action: lines.join("; "), source })
        })
    }

    async fn allowed(&self, spec: SubjectAccessReviewSpec) -> Result<bool, Error> {
        let review = SubjectAccessReview { spec, ..SubjectAccessReview::default() };
        let review = self.client.create(&review).await?;
        Ok(review.status.is_some_and(|it| it.allowed))
    }

    /// A name of its own that is taken means that an earlier attempt won.
    async fn create(&self, object: &Object) -> Result<Option<Wrote>, Error> {
        match self.client.create_object(object).await {
            Err(error) if error.is_already_exists() && object.meta().name.is_some() => Ok(None),
            other => other.map(stored),
        }
    }

    async fn delete(&self, key: &Key, options: &DeleteOptions) -> Result<Option<Wrote>, Error> {
        match self.client.delete(key, options).await {
            Ok(revision) => {
                Ok(revision.map(|revision| Wrote { at: (key.kind, revision), name: key.name.clone() }))
            }
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn ensure_none(&self, kind: Kind, namespace: &str) -> Result<Option<Wrote>, Error> {
        let params = ListParams { limit: Some(1), ..ListParams::default() };
        let list = self.client.list(kind, namespace, &params).await?;
        if list.items.is_empty() {
            return Ok(None);
        }
        Err(api::ApiError::conflict(kind.row(), "", "the namespace still holds such objects").into())
    }

    fn when_gone<'a>(
        &'a self,
        gone: Vec<(Key, String)>,
        then: Action,
        written: &'a mut Vec<Written>,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            for (key, uid) in gone {
                match self.client.get_object(&key).await {
                    Ok(live) if uid.is_empty() || api::owner::uid(&live) == uid => return Ok(()),
                    Err(source) if !source.is_not_found() => {
                        return Err(Failure { action: format!("get {key}"), source });
                    }
                    Ok(_) | Err(_) => {}
                }
            }
            self.run(then, written).await
        })
    }

    fn told<'a>(
        &'a self,
        attempt: Action,
        well: Vec<Action>,
        badly: Vec<Action>,
        written: &'a mut Vec<Written>,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let Err(failure) = self.attempt(attempt, well, written).await else { return Ok(()) };
            let why = failure.source.to_string();
            for action in badly {
                // What was tried has failed already, and that is what the caller must hear of.
                if let Err(second) = self.run(action.filled(ERROR, &why), written).await {
                    tracing::debug!(error = %second, "failed to tell a failure");
                }
            }
            Err(failure)
        })
    }

    async fn attempt(
        &self,
        attempt: Action,
        well: Vec<Action>,
        written: &mut Vec<Written>,
    ) -> Result<(), Failure> {
        if matches!(
            attempt,
            Action::SlowStart(_) | Action::Told { .. } | Action::WhenGone { .. } | Action::FirstAllowed(_)
        ) {
            self.run(attempt, written).await?;
            return self.run_all(well, written).await;
        }
        let line = attempt.to_string();
        let wrote = self.one(attempt).await.map_err(|source| Failure { action: line, source })?;
        let Some(wrote) = wrote else { return Ok(()) };
        written.push(wrote.at);
        let well = well.into_iter().map(|it| it.filled(NAME, &wrote.name)).collect();
        self.run_all(well, written).await
    }

    async fn run_all(&self, actions: Vec<Action>, written: &mut Vec<Written>) -> Result<(), Failure> {
        for action in actions {
            self.run(action, written).await?;
        }
        Ok(())
    }

    /// Adds an owner reference, if the owner lives and the object is still the same one.
    async fn adopt(
        &self,
        key: &Key,
        uid: &str,
        owner_key: &Key,
        owner: OwnerReference,
    ) -> Result<Option<Wrote>, Error> {
        let live = match self.client.get_object(owner_key).await {
            Err(error) if error.is_not_found() => return Ok(None),
            other => other?,
        };
        if api::owner::uid(&live) != owner.uid || live.meta().deletion_timestamp.is_some() {
            return Ok(None);
        }
        let patch = json!({"metadata": {"uid": uid, "ownerReferences": [owner]}});
        match self.client.patch(key, None, PatchType::Strategic, &patch).await {
            Ok(object) => Ok(stored(object)),
            Err(error) if error.is_not_found() || error.is_conflict() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Batches of 1, 2, 4 ...; a batch with a failure is the last.
    fn slow_start<'a>(
        &'a self,
        mut actions: Vec<Action>,
        written: &'a mut Vec<Written>,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let mut size = 1;
            while !actions.is_empty() {
                let batch = actions.drain(..size.min(actions.len()));
                let results = join_all(batch.map(|it| self.alone(it))).await;
                let mut failure = None;
                for (wrote, result) in results {
                    written.extend(wrote);
                    failure = failure.or(result.err());
                }
                if let Some(failure) = failure {
                    return Err(failure);
                }
                size *= 2;
            }
            Ok(())
        })
    }

    async fn alone(&self, action: Action) -> (Vec<Written>, Result<(), Failure>) {
        let mut written = Vec::new();
        let result = self.run(action, &mut written).await;
        (written, result)
    }
}

/// A write that was made, and the name of what was written.
struct Wrote {
    at: Written,
    name: String,
}

fn stored(object: Object) -> Option<Wrote> {
    let name = object.meta().name.clone().unwrap_or_default();
    Some(Wrote { at: (object.kind(), revision_of(&object)), name })
}
