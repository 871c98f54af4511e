//! The certificates of a server that was given none: it makes an authority, what it proves itself with, and a kubeconfig
//! for an administrator, and renews all but the authority while it runs.

use anyhow::Context;
use apiserver::Material;
use daemon::{Clock, Tasks, clock};
use jiff::Timestamp;
use pki::files::{self, Audience};
use pki::tls::Identity;
use pki::tokens::Signer;
use pki::{Authority, Pair, San, Validity, renewal};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const AUTHORITY_DAYS: u32 = 3650;
const CERTIFICATE_DAYS: u32 = 365;
/// How often it is looked whether certificates near their end. They are renewed in the last fifth of their life.
const RENEWAL_CHECK: Duration = Duration::from_secs(60 * 60);
const NAMES: [&str; 5] = [
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
];
const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// An authority and what it has made.
pub(crate) struct Own {
    folder: PathBuf,
    clock: Clock,
    authority: Authority,
    sans: Vec<San>,
    serving: Arc<Identity>,
    kubelet_client: Arc<Identity>,
    /// The administrator's file, and the server's address in it.
    kubeconfig: Option<(PathBuf, SocketAddr)>,
    /// When what was made last is renewed.
    due: Timestamp,
}

impl Own {
    /// Opens the folder; makes the authority if it is not there.
    pub(crate) fn open(folder: &Path, listen: &[SocketAddr], sans: &[String]) -> anyhow::Result<Self> {
        let clock = Clock::system();
        let validity = Validity::days(clock.now(), AUTHORITY_DAYS);
        let authority = Authority::load_or_create(folder, "kubernetes", validity)
            .context("failed to set up the cluster's authority")?;
        let mut all: Vec<San> = NAMES.into_iter().map(San::of).collect();
        all.extend(listen.iter().map(|it| San::Ip(it.ip())));
        all.extend(sans.iter().map(|it| San::of(it)));
        let pairs = Pairs::make(&authority, &all, clock.now())?;
        Ok(Self {
            folder: folder.to_owned(),
            serving: pairs.serving.live()?,
            kubelet_client: pairs.kubelet_client.live()?,
            due: renewal::renew_at(&pairs.serving.cert_pem)?,
            kubeconfig: None,
            sans: all,
            authority,
            clock,
        })
    }

    pub(crate) fn material(&self) -> anyhow::Result<Material> {
        Ok(Material {
            serving: self.serving.clone(),
            ca_pem: self.authority.cert_pem().to_owned(),
            kubelet_client: Some(self.kubelet_client.clone()),
            tokens: Arc::new(Signer::load_or_create(&self.folder.join("sa.key"), ISSUER)?),
        })
    }

    /// Writes a kubeconfig whose user may do everything, now and whenever certificates are renewed.
    pub(crate) fn keep_kubeconfig(&mut self, file: PathBuf, address: SocketAddr) -> anyhow::Result<()> {
        self.kubeconfig = Some((file, address));
        self.write_kubeconfig()
    }

    fn write_kubeconfig(&self) -> anyhow::Result<()> {
        let Some((file, address)) = &self.kubeconfig else { return Ok(()) };
        let kubeconfig = kubeconfig(&self.authority, *address, self.clock.now())?;
        Ok(files::write(file, kubeconfig.as_bytes(), Audience::Owner)?)
    }

    /// Renews certificates before they end, until the tasks are told to stop.
    pub(crate) async fn keep(mut self, tasks: Tasks) {
        let token = tasks.token();
        while token.run_until_cancelled(clock::sleep(RENEWAL_CHECK)).await.is_some() {
            if let Err(error) = self.renew_if_due() {
                tracing::error!("failed to renew the server's certificates: {error:#}");
            }
        }
    }

    fn renew_if_due(&mut self) -> anyhow::Result<()> {
        let now = self.clock.now();
        if now < self.due {
            return Ok(());
        }
        let pairs = Pairs::make(&self.authority, &self.sans, now)?;
        self.serving.replace(&pairs.serving)?;
        self.kubelet_client.replace(&pairs.kubelet_client)?;
        self.write_kubeconfig()?;
        self.due = renewal::renew_at(&pairs.serving.cert_pem)?;
        tracing::info!("renewed the server's certificates");
        Ok(())
    }
}

/// What the server proves itself with, to callers and to nodes.
struct Pairs {
    serving: Pair,
    kubelet_client: Pair,
}

impl Pairs {
    fn make(authority: &Authority, sans: &[San], now: Timestamp) -> Result<Self, pki::Error> {
        let validity = Validity::days(now, CERTIFICATE_DAYS);
        let user = "kube-apiserver-kubelet-client";
        Ok(Self {
            serving: authority.issue_server("kube-apiserver", sans, validity)?,
            kubelet_client: authority.issue_client(user, &["system:masters"], validity)?,
        })
    }
}

fn kubeconfig(authority: &Authority, address: SocketAddr, now: Timestamp) -> anyhow::Result<String> {
    let validity = Validity::days(now, CERTIFICATE_DAYS);
    let pair = authority.issue_client("kubernetes-admin", &["system:masters"], validity)?;
    let data = |pem: &str| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pem);
    let config = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "skiff",
        "clusters": [{ "name": "skiff", "cluster": {
            "server": format!("https://{address}"),
            "certificate-authority-data": data(authority.cert_pem()),
        } }],
        "users": [{ "name": "admin", "user": {
            "client-certificate-data": data(&pair.cert_pem),
            "client-key-data": data(&pair.key_pem),
        } }],
        "contexts": [{ "name": "skiff", "context": { "cluster": "skiff", "user": "admin" } }],
    });
    Ok(api::yaml::to_string(&config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn certificates_are_renewed_in_their_last_fifth() {
        let folder = tempfile::tempdir().unwrap();
        let mut own = Own::open(folder.path(), &[], &[]).unwrap();
        let file = folder.path().join("kubeconfig");
        own.keep_kubeconfig(file.clone(), ([127, 0, 0, 1], 6443).into()).unwrap();
        let (from, first) = (own.clock.now(), files::read(&file).unwrap());
        let mut check = |days: i64, renewed: bool| {
            let before = files::read(&file).unwrap();
            own.clock = Clock::starting_at(from + jiff::SignedDuration::from_hours(24 * days));
            own.renew_if_due().unwrap();
            assert_eq!(files::read(&file).unwrap() != before, renewed, "after {days} days");
        };
        check(1, false);
        check(280, false);
        check(300, true);
        check(301, false);
        check(600, true);
        assert_ne!(files::read(&file).unwrap(), first);
    }
}
