//! The API server as a program of its own. With its data it keeps an authority, from which it makes its certificates
//! and a kubeconfig for an administrator.

use anyhow::Context;
use apiserver::{AuditConfig, AuditTarget, Config, Material, Server, Storage};
use clap::Parser;
use daemon::args::{DataArgs, LogArgs};
use daemon::{Clock, Options, Tasks};
use pki::files::{self, Audience};
use pki::tokens::Signer;
use pki::{Authority, Pair, San, Validity};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

const AUTHORITY_DAYS: u32 = 3650;
const CERTIFICATE_DAYS: u32 = 365;

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
}

impl Audit {
    fn config(&self) -> anyhow::Result<Option<AuditConfig>> {
        let (Some(policy), Some(path)) = (&self.audit_policy_file, &self.audit_log_path) else {
            return Ok(None);
        };
        let policy = files::read(policy).context("failed to read the audit policy")?;
        let (max_size, max_backup) = (self.audit_log_maxsize << 20, self.audit_log_maxbackup);
        Ok(Some(AuditConfig { policy, target: AuditTarget { path: path.clone(), max_size, max_backup } }))
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
    fn material(&self) -> anyhow::Result<Material> {
        let pair = |certificate: &Path, key: &Path| {
            anyhow::Ok(Pair { cert_pem: files::read(certificate)?, key_pem: files::read(key)? })
        };
        let tokens = files::read(&self.service_account_signing_key_file)?;
        Ok(Material {
            serving: pair(&self.tls_cert_file, &self.tls_private_key_file)?.live()?,
            ca_pem: files::read(&self.client_ca_file)?,
            kubelet_client: Some(pair(&self.kubelet_client_certificate, &self.kubelet_client_key)?.live()?),
            tokens: Arc::new(Signer::load(&self.service_account_issuer, &tokens)?),
        })
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let options = Options { log: args.log.clone(), ..Options::default() };
    daemon::run(options, |tasks| serve(args, tasks))
}

async fn serve(args: Args, tasks: Tasks) -> anyhow::Result<()> {
    if let Some(given) = &args.given {
        start(&args, given.material()?, tasks).await?;
        return Ok(());
    }
    let folder = args.data.data.join("pki");
    let clock = Clock::system();
    let authority =
        Authority::load_or_create(&folder, "kubernetes", Validity::days(clock.now(), AUTHORITY_DAYS))
            .context("failed to set up the cluster's authority")?;
    let material = material(&args, &authority, &folder, &clock)?;
    let server = start(&args, material, tasks).await?;
    if let (Some(file), Some(address)) = (&args.bootstrap_kubeconfig, server.addresses().first()) {
        let kubeconfig = kubeconfig(&authority, *address, &clock)?;
        files::write(file, kubeconfig.as_bytes(), Audience::Owner)?;
    }
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

fn material(args: &Args, authority: &Authority, folder: &Path, clock: &Clock) -> anyhow::Result<Material> {
    let validity = || Validity::days(clock.now(), CERTIFICATE_DAYS);
    let names = [
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ];
    let mut sans: Vec<San> = names.into_iter().map(San::of).collect();
    sans.extend(args.listen.iter().map(|it| San::Ip(it.ip())));
    sans.extend(args.sans.iter().map(|it| San::of(it)));
    let issuer = "https://kubernetes.default.svc.cluster.local";
    Ok(Material {
        serving: authority.issue_server("kube-apiserver", &sans, validity())?.live()?,
        ca_pem: authority.cert_pem().to_owned(),
        kubelet_client: Some(
            authority
                .issue_client("kube-apiserver-kubelet-client", &["system:masters"], validity())?
                .live()?,
        ),
        tokens: Arc::new(Signer::load_or_create(&folder.join("sa.key"), issuer)?),
    })
}

/// A kubeconfig whose user may do everything.
fn kubeconfig(authority: &Authority, address: SocketAddr, clock: &Clock) -> anyhow::Result<String> {
    let validity = Validity::days(clock.now(), CERTIFICATE_DAYS);
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
