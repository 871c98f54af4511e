//! Conversion of custom resources between the versions of their definition, by a webhook.
//!
//! Start at [`Converter::entries`], for what is stored, and [`Converter::objects`], for what is on its way. A converter
//! belongs to one generation of a definition, and so do its connections and what it remembers: they end with it.
//! [`review`] writes the question and judges the answer, [`memory`] keeps answers, so that an object is converted once for
//! all who read it in that version: its bytes are then shared as those of the stored version are.
//!
//! A failure is an answer, too: a list fails as a whole, a watch ends with an error, and what is stored stays as it is.

mod memory;
mod review;

use crate::cache::entry::Entry;
use crate::state::State;
use crate::webhooks::client::{Client, Limit};
use api::k8s::api::admissionregistration::v1::{ServiceReference, WebhookClientConfig};
use api::k8s::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use api::{ApiError, Kind, Object};
use memory::{Found, Memory, Report};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many objects are sent at once, and how many bytes of them.
const MOST_OBJECTS: usize = 500;
const MOST_BYTES: usize = 1 << 20;

/// See the module.
pub(crate) struct Converter {
    client: Client,
    /// Whether the webhook reads the version of the review that is spoken here.
    understood: bool,
    /// Locked to look and to keep, never while somebody is asked.
    memory: Mutex<Memory>,
}

/// What a look at the memory found.
struct Look {
    /// By the place of the entry that was asked for.
    found: Vec<Option<Arc<Entry>>>,
    mine: Vec<usize>,
    waiting: Vec<watch::Receiver<Report>>,
}

impl Converter {
    /// The converter of a definition whose versions differ in more than their name.
    pub(crate) fn of(definition: &CustomResourceDefinition) -> Option<Self> {
        let conversion = definition.spec.conversion.as_ref().filter(|it| it.strategy == "Webhook")?;
        let webhook = conversion.webhook.clone()?;
        let config = webhook.client_config.unwrap_or_default();
        let service = config.service.map(|it| ServiceReference {
            name: it.name,
            namespace: it.namespace,
            path: it.path,
            port: it.port,
        });
        let config = WebhookClientConfig { ca_bundle: config.ca_bundle, service, url: config.url };
        let understood = webhook.conversion_review_versions.iter().any(|it| it == review::VERSION);
        Some(Self { client: Client::of(&config), understood, memory: Mutex::default() })
    }

    /// Stored entries in another version; those that are in it already as they are.
    pub(crate) async fn entries(
        &self,
        state: &State,
        wanted: Kind,
        entries: &[Arc<Entry>],
    ) -> Result<Vec<Arc<Entry>>, ApiError> {
        let mut all: Vec<Option<Arc<Entry>>> =
            entries.iter().map(|it| (it.kind == wanted).then(|| it.clone())).collect();
        loop {
            let (report, lead) = watch::channel(None);
            let Look { found, mine, waiting } = self.look(wanted, entries, all, &lead);
            all = found;
            if !mine.is_empty() {
                let sources: Vec<&Arc<Entry>> = mine.iter().map(|it| &entries[*it]).collect();
                let made = self.lead(state, wanted, &sources).await;
                report.send_replace(Some(made.as_ref().map(drop).map_err(Clone::clone)));
                mine.iter().zip(made?).for_each(|(index, it)| all[*index] = Some(it));
            }
            for mut other in waiting {
                // A leader that went away without a word has left its work to whoever looks next.
                if let Ok(report) = other.wait_for(Option::is_some).await {
                    report.clone().unwrap_or(Ok(()))?;
                }
            }
            if all.iter().all(Option::is_some) {
                return Ok(all.into_iter().flatten().collect());
            }
        }
    }

    fn look(
        &self,
        wanted: Kind,
        entries: &[Arc<Entry>],
        mut found: Vec<Option<Arc<Entry>>>,
        lead: &watch::Receiver<Report>,
    ) -> Look {
        let (mut mine, mut waiting) = (Vec::new(), Vec::new());
        let mut memory = self.memory.lock().expect("nobody panics while holding this lock");
        for (index, entry) in entries.iter().enumerate() {
            if found[index].is_some() {
                continue;
            }
            match memory.look(entry, wanted.row().version, lead) {
                Found::Done(made) => found[index] = Some(made),
                Found::Missing => mine.push(index),
                // The same object twice in one question waits for itself: the next look finds it.
                Found::Pending(report) if report.same_channel(lead) => {}
                Found::Pending(report) => waiting.push(report),
            }
        }
        Look { found, mine, waiting }
    }

    /// Converts entries for all who wait for them.
    async fn lead(
        &self,
        state: &State,
        wanted: Kind,
        sources: &[&Arc<Entry>],
    ) -> Result<Vec<Arc<Entry>>, ApiError> {
        let values = sources.iter().map(|it| serde_json::from_slice(&it.json).map_err(ApiError::internal));
        let made = match values.collect::<Result<Vec<Value>, ApiError>>() {
            Ok(values) => self.ask(state, wanted, values).await,
            Err(error) => Err(error),
        };
        let mut memory = self.memory.lock().expect("nobody panics while holding this lock");
        let objects = made.inspect_err(|_| {
            sources.iter().for_each(|it| memory.give_up(it, wanted.row().version));
        })?;
        let made = sources.iter().zip(objects).map(|(source, mut object)| {
            object.meta_mut().resource_version = None;
            let entry = Entry::new(wanted, source.key.clone(), &object.to_json(), source.revision);
            let entry = Arc::new(entry);
            memory.keep(source, entry.clone());
            entry
        });
        Ok(made.collect())
    }

    /// Objects that are not stored, or not as they are here, in another version.
    pub(crate) async fn objects(
        &self,
        state: &State,
        wanted: Kind,
        objects: Vec<Value>,
    ) -> Result<Vec<Object>, ApiError> {
        self.ask(state, wanted, objects).await
    }

    async fn ask(&self, state: &State, wanted: Kind, objects: Vec<Value>) -> Result<Vec<Object>, ApiError> {
        let mut converted = Vec::with_capacity(objects.len());
        for batch in batches(&objects) {
            let made = self.ask_once(state, wanted, batch).await;
            converted.extend(made.map_err(|why| failure(batch, &why))?);
        }
        Ok(converted)
    }

    async fn ask_once(&self, state: &State, wanted: Kind, objects: &[Value]) -> Result<Vec<Object>, String> {
        if !self.understood {
            return Err(format!(
                "failed: no supported conversion review versions: this server speaks {}",
                review::VERSION
            ));
        }
        let uid = state.random.uid();
        let question = review::question(&uid, wanted.row(), objects);
        let answer = self.client.post(state, Limit::Silent(PATIENCE), question.into()).await;
        let answer = answer.map_err(|why| format!("failed: {why}"))?;
        let converted = review::answer(&answer, &uid, objects.len())?;
        let pairs = objects.iter().zip(converted).enumerate();
        let accepted = pairs.map(|(index, (original, converted))| {
            let invalid = |why| format!("returned invalid converted object at index {index}{why}");
            review::accepted(original, converted, wanted).map_err(invalid)
        });
        accepted.collect()
    }
}

/// Runs of objects that are not too much for one question.
fn batches(objects: &[Value]) -> Vec<&[Value]> {
    let (mut batches, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (index, object) in objects.iter().enumerate() {
        let size = object.to_string().len();
        if index > start && (index - start == MOST_OBJECTS || bytes + size > MOST_BYTES) {
            batches.push(&objects[start..index]);
            (start, bytes) = (index, 0);
        }
        bytes += size;
    }
    batches.push(&objects[start..]);
    batches
}

/// The 500 that whoever asked reads.
fn failure(objects: &[Value], why: &str) -> ApiError {
    let text = |name: &str| objects.first().and_then(|it| it.get(name)?.as_str()).unwrap_or_default();
    let kind = format!("{}, Kind={}", text("apiVersion"), text("kind"));
    ApiError::new(500, "", format!("conversion webhook for {kind} {why}"))
}
