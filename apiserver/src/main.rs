//! The API server as a program of its own. With its data it keeps an authority, from which it makes its certificates
//! and a kubeconfig for an administrator.

mod own;

use anyhow::Context;
use apiserver::{AuditConfig, AuditTarget, Config, Material, Server, Storage};
use clap::Parser;
use daemon::args::{DataArgs, LogArgs};
use daemon::follow::Followed;
use daemon::{Options, Tasks};
use own::Own;
use pki::Pair;
use pki::files;
use pki::tls::Identity;
use pki::tokens::Signer;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Serves the Kubernetes API from an embedded store
#[derive(Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    data: DataArgs,
    /// Address and port of HTTPS; may be given more than once
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:6443")]
    listen: Vec<SocketAddr>,
    /// Further names or addresses that the server's certificate is for
    #[arg(long = "san", value_name = "NAME")]
    sans: Vec<String>,
    /// Where services get their addresses from
    #[arg(
        long,
        visible_alias = "service-cluster-ip-range",
        value_name = "CIDR",
        default_value = "10.96.0.0/16"
    )]
    service_cidr: String,
    /// The address and port that pods reach it at [default: the first of --listen]
    #[arg(long, value_name = "ADDRESS:PORT")]
    advertise: Option<SocketAddr>,
    /// How many requests are worked on at once; further ones wait for their turn
    #[arg(long, value_name = "NUMBER", default_value_t = 600, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    max_requests_inflight: usize,
    /// How long a request may take, unless it is a watch or a stream
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = duration)]
    request_timeout: Duration,
    #[command(flatten)]
    audit: Audit,
    /// Keys that Secrets are encrypted with; made when missing [default: pki/encryption.keys among the data]
    #[arg(long, value_name = "FILE")]
    encryption_keys: Option<PathBuf>,
    #[command(flatten)]
    given: Option<Given>,
    /// Write a kubeconfig of an administrator to this file
    #[arg(long, value_name = "FILE")]
    bootstrap_kubeconfig: Option<PathBuf>,
}

/// A duration as Go writes it, such as `1m30s`.
fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<jiff::SignedDuration>().map_err(|error| error.to_string())?;
    Duration::try_from(parsed)
        .ok()
        .filter(|it| !it.is_zero())
        .ok_or_else(|| "must be longer than nothing".to_owned())
}

/// The audit log, which takes a policy and a file; without either there is none.
#[derive(clap::Args)]
struct Audit {
    /// What is logged of which requests: a Policy of audit.k8s.io/v1
    #[arg(long, value_name = "FILE")]
    audit_policy_file: Option<PathBuf>,
    /// Where audit events go, one JSON object a line; - for standard output
    #[arg(long, value_name = "FILE")]
    audit_log_path: Option<PathBuf>,
    /// Megabytes after which the audit log is put aside and begun anew; 0 for never
    #[arg(long, value_name = "MEGABYTES", default_value_t = 100)]
    audit_log_maxsize: u64,
    /// How many audit logs that were put aside are kept; 0 for all
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    audit_log_maxbackup: usize,
    /// Days that audit logs that were put aside are kept; 0 for ever
    #[arg(long, value_name = "DAYS", default_value_t = 0)]
    audit_log_maxage: u32,
}

impl Audit {
    fn config(&self) -> anyhow::Result<Option<AuditConfig>> {
        let (Some(policy), Some(path)) = (&self.audit_policy_file, &self.audit_log_path) else {
            return Ok(None);
        };
        let policy = files::read(policy).context("failed to read the audit policy")?;
        let target = AuditTarget {
            path: path.clone(),
            max_size: self.audit_log_maxsize << 20,
            max_backup: self.audit_log_maxbackup,
            max_age: DAY * self.audit_log_maxage,
        };
        Ok(Some(AuditConfig { policy, target }))
    }
}

/// Certificates and keys that somebody else has made; all or none. Without them the server makes its own.
#[derive(clap::Args)]
#[group(multiple = true)]
struct Given {
    /// Certificate of the server
    #[arg(long, value_name = "FILE", required = false)]
    tls_cert_file: PathBuf,
    /// Key of the server
    #[arg(long, value_name = "FILE", required = false)]
    tls_private_key_file: PathBuf,
    /// Authority of clients and nodes
    #[arg(long, value_name = "FILE", required = false)]
    client_ca_file: PathBuf,
    /// Certificate towards nodes
    #[arg(long, value_name = "FILE", required = false)]
    kubelet_client_certificate: PathBuf,
    /// Key towards nodes
    #[arg(long, value_name = "FILE", required = false)]
    kubelet_client_key: PathBuf,
    /// Key for service account tokens
    #[arg(long, value_name = "FILE", required = false)]
    service_account_signing_key_file: PathBuf,
    /// Who issues service account tokens
    #[arg(long, value_name = "URL", required = false)]
    service_account_issuer: String,
}

impl Given {
    /// What the files hold; certificates that are renewed in them are taken over.
    fn material(&self, tasks: &Tasks) -> anyhow::Result<Material> {
        let tokens = files::read(&self.service_account_signing_key_file)?;
        Ok(Material {
            serving: live(&self.tls_cert_file, &self.tls_private_key_file, tasks)?,
            ca_pem: files::read(&self.client_ca_file)?,
            kubelet_client: Some(live(&self.kubelet_client_certificate, &self.kubelet_client_key, tasks)?),
            tokens: Arc::new(Signer::load(&self.service_account_issuer, &tokens)?),
        })
    }
}

/// An identity that is what two files hold.
fn live(certificate: &Path, key: &Path, tasks: &Tasks) -> Result<Arc<Identity>, pki::Error> {
    let (certificate, key) = (certificate.to_owned(), key.to_owned());
    let followed = Followed::of([certificate.clone(), key.clone()]);
    let identity = Pair::read(&certificate, &key)?.live()?;
    let renewed = identity.clone();
    followed.follow(tasks, move || renewed.replace(&Pair::read(&certificate, &key)?));
    Ok(identity)
}

fn main() -> ExitCode {
    let args = Args::parse();
    let options = Options { log: args.log.clone(), ..Options::default() };
    daemon::run(options, |tasks| serve(args, tasks))
}

async fn serve(args: Args, tasks: Tasks) -> anyhow::Result<()> {
    if let Some(given) = &args.given {
        let material = given.material(&tasks)?;
        start(&args, material, tasks).await?;
        return Ok(());
    }
    let mut own = Own::open(&args.data.data.join("pki"), &args.listen, &args.sans)?;
    let server = start(&args, own.material()?, tasks.clone()).await?;
    if let (Some(file), Some(address)) = (args.bootstrap_kubeconfig, server.addresses().first()) {
        own.keep_kubeconfig(file, *address)?;
    }
    tasks.spawn("certificates", own.keep(tasks.clone()));
    Ok(())
}

async fn start(args: &Args, material: Material, tasks: Tasks) -> anyhow::Result<Server> {
    let mut config = Config::new(Storage::Directory(args.data.data.join("store")));
    config.listen.clone_from(&args.listen);
    config.service_cidr.clone_from(&args.service_cidr);
    config.advertise = args.advertise;
    config.max_requests_in_flight = args.max_requests_inflight;
    config.request_timeout = args.request_timeout;
    config.audit = args.audit.config()?;
    let own = || args.data.data.join("pki").join("encryption.keys");
    config.encryption_keys = Some(args.encryption_keys.clone().unwrap_or_else(own));
    let server = apiserver::start(config, material, tasks).await.context("failed to start the API server")?;
    for address in server.addresses() {
        tracing::info!(%address, "serving");
    }
    Ok(server)
}
