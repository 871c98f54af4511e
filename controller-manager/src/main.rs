//! The controller manager as a process of its own.

use anyhow::Context;
use clap::Parser;
use controller_manager::Config;
use daemon::args::LogArgs;
use daemon::metrics::Registry;
use daemon::{Clock, Options, Random, Tasks};
use runtime::trace::Ring;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Runs the cluster's controllers
#[derive(Parser)]
#[command(name = "controller-manager", version)]
struct Args {
    /// Where the API server is and who we are
    #[arg(long, value_name = "FILE")]
    kubeconfig: PathBuf,
    /// Certificate of the cluster's authority (PEM), which every namespace gets
    #[arg(long, value_name = "FILE")]
    root_ca: Option<PathBuf>,
    /// Certificate of the authority that signs what certificate signing requests ask for (PEM)
    #[arg(long, value_name = "FILE", requires = "cluster_signing_key_file")]
    cluster_signing_cert_file: Option<PathBuf>,
    /// Key of that authority
    #[arg(long, value_name = "FILE", requires = "cluster_signing_cert_file")]
    cluster_signing_key_file: Option<PathBuf>,
    /// Key that signs the tokens of service accounts that are kept in Secrets (ECDSA P-256, PKCS #8 PEM)
    #[arg(long, value_name = "FILE")]
    service_account_private_key_file: Option<PathBuf>,
    #[command(flatten)]
    log: LogArgs,
}

/// How many reconciles are remembered.
const REMEMBERED: usize = 4096;

fn main() -> ExitCode {
    let args = Args::parse();
    let options = Options { log: args.log.clone(), ..Options::default() };
    daemon::run(options, |tasks| start(args, tasks))
}

async fn start(args: Args, tasks: Tasks) -> anyhow::Result<()> {
    let client = runtime::connect(&args.kubeconfig, &tasks)?;
    let read = |path: PathBuf| {
        std::fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))
    };
    let signing = (args.cluster_signing_cert_file, args.cluster_signing_key_file);
    let authority = match (signing.0.map(read).transpose()?, signing.1.map(read).transpose()?) {
        (Some(certificate), Some(key)) => Some(Arc::new(pki::Authority::load(&certificate, &key)?)),
        _ => None,
    };
    // These tokens name no issuer of their own.
    let tokens = args.service_account_private_key_file.map(read).transpose()?;
    let tokens = tokens.map(|it| pki::tokens::Signer::load("", &it)).transpose()?.map(Arc::new);
    let config = Config { authority, tokens, root_ca: args.root_ca.map(read).transpose()? };
    let (metrics, ring) = (Registry::new(), Ring::new(REMEMBERED));
    controller_manager::run(config, client, Clock::system(), Random::system(), metrics, ring, tasks).await
}
