//! The node agent as a process of its own.

use std::{net::IpAddr, path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Context;
use clap::Parser;
use client::{Client, https::Https, kubeconfig::Kubeconfig};
use daemon::args::{DataArgs, LogArgs};
use kubelet::{Capacity, Config, Credentials};
use network::IpNet;

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
    fn credentials(&self) -> anyhow::Result<Credentials> {
        let read = |path: &PathBuf| {
            std::fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))
        };
        Ok(Credentials {
            serving: pki::Pair {
                cert_pem: read(&self.tls_cert_file)?,
                key_pem: read(&self.tls_private_key_file)?,
            }
            .live()?,
            client_ca_pem: read(&self.client_ca_file)?,
        })
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
        let identity = Kubeconfig::load(&args.kubeconfig)?.credentials(None)?;
        let client = Client::new(Arc::new(Https::new(&identity).context("failed to set up a client")?));
        let credentials = args.credentials()?;
        kubelet::run(args.config()?, client, credentials, tasks).await
    })
}
