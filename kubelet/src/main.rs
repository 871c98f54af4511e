//! The node agent as a process of its own.

use std::{net::IpAddr, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::Parser;
use daemon::Tasks;
use daemon::args::{DataArgs, LogArgs};
use daemon::follow::Followed;
use kubelet::{Capacity, Config, Credentials};
use network::IpNet;
use pki::Pair;

/// Runs the pods that are bound to this node.
#[derive(Debug, Parser)]
#[command(name = "kubelet", version)]
struct Args {
    /// Where the API server is, and who asks
    #[arg(long)]
    kubeconfig: PathBuf,
    /// The cluster's name
    #[arg(long)]
    cluster: String,
    /// The node's name
    #[arg(long)]
    node_name: String,
    /// Where the node is reached, and where its server listens
    #[arg(long)]
    node_address: IpAddr,
    /// Port of the server
    #[arg(long, default_value_t = kubelet::config::DEFAULT_PORT)]
    port: u16,
    /// Where pods get their addresses from
    #[arg(long)]
    pod_cidr: IpNet,
    /// The engine's network for pods
    #[arg(long)]
    docker_network: Option<String>,
    /// Image of pause containers
    #[arg(long, default_value = kubelet::config::DEFAULT_PAUSE_IMAGE)]
    pause_image: String,
    /// Labels of the node, as KEY=VALUE
    #[arg(long, value_parser = label)]
    label: Vec<(String, String)>,
    /// Taints of the node, as KEY=VALUE:EFFECT
    #[arg(long)]
    taint: Vec<String>,
    /// CPUs that the node offers, instead of all
    #[arg(long)]
    cpu: Option<String>,
    /// Memory that the node offers, instead of all
    #[arg(long)]
    memory: Option<String>,
    /// Pods that the node takes
    #[arg(long)]
    pods: Option<u32>,
    /// Addresses of the cluster's DNS servers
    #[arg(long)]
    cluster_dns: Vec<IpAddr>,
    /// The cluster's DNS domain
    #[arg(long, default_value = "cluster.local")]
    cluster_domain: String,
    /// The server's certificate
    #[arg(long)]
    tls_cert_file: PathBuf,
    /// The server's key
    #[arg(long)]
    tls_private_key_file: PathBuf,
    /// The authority that signs clients' certificates
    #[arg(long)]
    client_ca_file: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    log: LogArgs,
}

fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("a label is written KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

impl Args {
    /// What the node serves with; a certificate that is renewed is taken over.
    fn credentials(&self, tasks: &Tasks) -> anyhow::Result<Credentials> {
        let (certificate, key) = (self.tls_cert_file.clone(), self.tls_private_key_file.clone());
        let followed = Followed::of([certificate.clone(), key.clone()]);
        let serving = Pair::read(&certificate, &key)?.live()?;
        let renewed = serving.clone();
        followed.follow(tasks, move || renewed.replace(&Pair::read(&certificate, &key)?));
        Ok(Credentials { serving, client_ca_pem: pki::files::read(&self.client_ca_file)? })
    }

    fn config(self) -> anyhow::Result<Config> {
        let data_dir = std::path::absolute(&self.data.data).context("failed to find the data folder")?;
        Ok(Config {
            docker_network: self.docker_network,
            data_dir,
            pause_image: self.pause_image,
            port: self.port,
            labels: self.label.into_iter().collect(),
            capacity: Capacity { cpu: self.cpu, memory: self.memory, pods: self.pods },
            cluster_dns: self.cluster_dns,
            cluster_domain: self.cluster_domain,
            taints: self.taint,
            ..Config::new(&self.cluster, &self.node_name, self.node_address, self.pod_cidr)
        })
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let options = daemon::Options { log: args.log.clone(), ..daemon::Options::default() };
    daemon::run(options, |tasks| async move {
        let client = runtime::connect(&args.kubeconfig, &tasks)?;
        let credentials = args.credentials(&tasks)?;
        kubelet::run(args.config()?, client, credentials, tasks).await
    })
}
