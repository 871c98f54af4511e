//! Runs the controllers: the only part that knows a connection or a task.

use crate::controllers::certificate::signing;
use crate::controllers::{CONTROLLERS, root_ca, tokens};
use anyhow::Context;
use api::{Key, ObjectMeta};
use client::{Client, PatchType};
use daemon::metrics::Registry;
use daemon::{Clock, Random, Tasks, clock};
use k8s_openapi::api::certificates::v1::CertificateSigningRequestSpec;
use k8s_openapi::api::core::v1::ConfigMap;
use pki::{Authority, Validity};
use runtime::executor::Executor;
use runtime::trace::Ring;
use runtime::{Driver, Informers, Recorder, Registration, Settings};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What the controllers need to be told.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// What signs the certificates that the signers of `kubernetes.io` grant. Without it, nobody does.
    pub authority: Option<Arc<Authority>>,
    /// What signs the tokens of service accounts that are kept in Secrets. Without it, nobody fills those.
    pub tokens: Option<Arc<pki::tokens::Signer>>,
    /// The certificate of the cluster's authority (PEM), which every namespace gets. Without it, whatever was
    /// published before stays.
    pub root_ca: Option<String>,
}

/// Starts every controller. Returns when their tasks run; `tasks` owns them. When a second manager may run at the same
/// time, only the one that leads may call this.
pub async fn run(
    config: Config,
    client: Client,
    clock: Clock,
    random: Random,
    metrics: Registry,
    ring: Ring,
    tasks: Tasks,
) -> anyhow::Result<()> {
    if let Some(certificate) = config.root_ca {
        let (client, random, token) = (client.clone(), random.fork(), tasks.token());
        let publish = async move { publish_root_ca(&client, &certificate, &random).await };
        tasks.spawn("root certificate", async move { _ = token.run_until_cancelled(publish).await });
    }
    let authority = config.authority.map(|authority| Arc::new(Signer { authority, clock: clock.clone() }));
    let informers = Informers::new(client.clone(), tasks.clone(), random.fork());
    let tokens = config.tokens.map(|it| Arc::new(Issuer(it)));
    let able = |it: &&Registration| match it.name {
        signing::NAME => authority.is_some(),
        tokens::NAME => tokens.is_some(),
        _ => true,
    };
    for registration in CONTROLLERS.iter().filter(able) {
        let name = registration.name;
        let signer = authority.clone().map(|it| it as Arc<dyn runtime::executor::Authority>);
        let issuer = tokens.clone().map(|it| it as Arc<dyn runtime::executor::Tokens>);
        let recorder = Recorder::start(client.clone(), name, "", clock.clone(), &tasks);
        let settings = Settings {
            informers: informers.clone(),
            executor: Executor::new(client.clone(), recorder).signing_with(signer).issuing_with(issuer),
            clock: clock.clone(),
            metrics: metrics.clone(),
            ring: ring.clone(),
        };
        tasks.spawn(name, Driver::new(*registration, settings).run(tasks.clone()));
    }
    tracing::info!(controllers = CONTROLLERS.len(), "controllers started");
    Ok(())
}

/// The cluster's authority, as the executor asks it.
struct Signer {
    authority: Arc<Authority>,
    clock: Clock,
}

impl runtime::executor::Authority for Signer {
    fn sign(&self, request: &CertificateSigningRequestSpec, lifetime: Duration) -> Result<String, String> {
        let asked = pki::Request::parse_bytes(&request.request.0).map_err(|it| daemon::chain(&it))?;
        let validity = Validity { now: self.clock.now(), lifetime };
        let usages = request.usages.as_deref().unwrap_or_default();
        self.authority.sign_csr(&asked, usages, validity).map_err(|it| daemon::chain(&it))
    }
}

/// The cluster's signer of tokens, as the executor asks it.
struct Issuer(Arc<pki::tokens::Signer>);

impl runtime::executor::Tokens for Issuer {
    fn token(&self, namespace: &str, account: &(String, String), secret: &str) -> Result<String, String> {
        let subject = pki::tokens::Unending {
            namespace: namespace.to_owned(),
            service_account: pki::tokens::Reference::new(&account.0, &account.1),
            secret: secret.to_owned(),
        };
        self.0.issue_unending(&subject).map_err(|it| daemon::chain(&it))
    }
}

const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Publishes the certificate, trying until the server takes it.
async fn publish_root_ca(client: &Client, certificate: &str, random: &Random) {
    let mut wait = FIRST_WAIT;
    while let Err(error) = try_publish(client, certificate).await {
        tracing::debug!("will retry: {error:#}");
        clock::sleep(random.jitter(wait, 0.5)).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

async fn try_publish(client: &Client, certificate: &str) -> anyhow::Result<()> {
    let (namespace, name) = root_ca::SOURCE;
    let data = BTreeMap::from([(root_ca::ENTRY.to_owned(), certificate.to_owned())]);
    let map = ConfigMap {
        metadata: ObjectMeta {
            namespace: Some(namespace.to_owned()),
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        },
        data: Some(data.clone()),
        ..ConfigMap::default()
    };
    match client.create(&map).await {
        Err(error) if error.is_already_exists() => {
            let (key, patch) = (Key::of::<ConfigMap>(namespace, name), json!({"data": data}));
            client.patch(&key, None, PatchType::Merge, &patch).await.map(drop)
        }
        other => other.map(drop),
    }
    .context("failed to publish the root certificate")
}
