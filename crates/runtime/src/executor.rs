//! Carries out plans. The only part of the loop that writes.
//!
//! Actions run in order and the first failure ends the plan; the next plan starts from what is observed then. What is
//! already as the plan wants it (an object gone before its delete) is no failure.

use crate::cache::revision_of;
use crate::events::Recorder;
use crate::plan::Action;
use api::{Key, Kind, Object, OwnerReference};
use client::{Client, Error, PatchType, request};
use futures::future::{BoxFuture, join_all};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use serde_json::json;

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

/// Carries out plans with one identity.
#[derive(Clone)]
pub struct Executor {
    client: Client,
    recorder: Recorder,
}

impl Executor {
    /// Writes with this client and tells events to this recorder.
    pub fn new(client: Client, recorder: Recorder) -> Self {
        Self { client, recorder }
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
        if let Action::SlowStart(actions) = action {
            return self.slow_start(actions, written).await;
        }
        let line = action.to_string();
        written.extend(self.one(action).await.map_err(|source| Failure { action: line, source })?);
        Ok(())
    }

    async fn one(&self, action: Action) -> Result<Option<Written>, Error> {
        match action {
            Action::Create(object) => self.client.create_object(&object).await.map(stored),
            Action::Update { object, below } => self.client.update_object(&object, below).await.map(stored),
            Action::Patch { key, below, kind, patch } => {
                self.client.patch(&key, below, kind, &patch).await.map(stored)
            }
            Action::CreateBelow { key, below, body } => {
                self.client.create_below(&key, below, &body).await.map(|_| None)
            }
            Action::Delete { key, options } => self.delete(&key, &options).await,
            Action::DeleteOrphan { key, options, gone } => self.delete_orphan(&key, &options, &gone).await,
            Action::DeleteAll { kind, namespace } => {
                let request = request::delete_collection(kind, &namespace);
                self.client.bytes(request).await.map(|_| None)
            }
            Action::Adopt { key, uid, owner_key, owner } => self.adopt(&key, &uid, &owner_key, owner).await,
            Action::Event(note) => {
                self.recorder.record(note);
                Ok(None)
            }
            Action::SlowStart(_) => unreachable!("batches are unfolded by the caller"),
        }
    }

    async fn delete(&self, key: &Key, options: &DeleteOptions) -> Result<Option<Written>, Error> {
        match self.client.delete(key, options).await {
            Ok(revision) => Ok(revision.map(|it| (key.kind, it))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn delete_orphan(
        &self,
        key: &Key,
        options: &DeleteOptions,
        gone: &[(Key, String)],
    ) -> Result<Option<Written>, Error> {
        for (owner, uid) in gone {
            match self.client.get_object(owner).await {
                Ok(live) if api::owner::uid(&live) == uid => return Ok(None),
                Err(error) if !error.is_not_found() => return Err(error),
                Ok(_) | Err(_) => {}
            }
        }
        self.delete(key, options).await
    }

    /// Adds an owner reference, if the owner lives and the object is still the same one.
    async fn adopt(
        &self,
        key: &Key,
        uid: &str,
        owner_key: &Key,
        owner: OwnerReference,
    ) -> Result<Option<Written>, Error> {
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

fn stored(object: Object) -> Option<Written> {
    Some((object.kind(), revision_of(&object)))
}
