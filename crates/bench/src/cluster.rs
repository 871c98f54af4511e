//! A whole cluster by the launcher, with a home of its own, so that nobody's clusters are touched.

use crate::process::{self, Memory, Process};
use crate::setting::Setting;
use anyhow::{Context, Result, bail};
use client::Client;
use client::https::Https;
use client::kubeconfig::Kubeconfig;
use daemon::clock;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// A running cluster. It goes with all it has when it is dropped.
pub(crate) struct Cluster {
    program: PathBuf,
    home: tempfile::TempDir,
    name: String,
    /// How long `skiff up` took.
    pub(crate) up_in: Duration,
}

impl Cluster {
    pub(crate) fn up(setting: &Setting, nodes: usize) -> Result<Self> {
        let name = format!("bench-{}", std::process::id());
        let program = setting.program("skiff")?;
        let mut cluster = Self { program, home: setting.fresh()?, name, up_in: Duration::ZERO };
        cluster.up_in = cluster.start(nodes)?;
        Ok(cluster)
    }

    fn start(&self, nodes: usize) -> Result<Duration> {
        let kubeconfig = self.kubeconfig();
        let nodes = nodes.to_string();
        let started = clock::instant();
        self.skiff("up", |it| it.args(["--nodes", &nodes]).arg("--kubeconfig").arg(kubeconfig))?;
        Ok(clock::instant().duration_since(started))
    }

    fn kubeconfig(&self) -> PathBuf {
        self.home.path().join("kubeconfig")
    }

    fn skiff(&self, action: &str, with: impl FnOnce(&mut Command) -> &mut Command) -> Result<()> {
        let mut command = Command::new(&self.program);
        // `skiff down` takes the cluster out of the kubeconfig that it finds; it is to find none of the user's.
        command.env("SKIFF_HOME", self.home.path()).env("KUBECONFIG", self.kubeconfig());
        command.args([action, "--name", &self.name]).stdin(Stdio::null());
        let output = with(&mut command).output().context("failed to start skiff")?;
        if !output.status.success() {
            bail!("`skiff {action}` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    pub(crate) fn client(&self) -> Result<Client> {
        let credentials = Kubeconfig::load(&self.kubeconfig())?.credentials(None)?;
        Ok(Client::new(Arc::new(Https::new(&credentials)?)))
    }

    /// All processes of the cluster, without Docker's.
    pub(crate) fn processes(&self) -> Result<Vec<Process>> {
        let folder = self.home.path().join(&self.name);
        let folder = folder.to_str().context("the folder's name is not text")?;
        let serving = process::find(&["serve", folder])?;
        let serving = serving.first().context("the cluster's process is not there")?;
        serving.family()
    }
}

/// Seconds of CPU that these have used so far.
pub(crate) fn cpu_of(processes: &[Process]) -> Result<f64> {
    processes.iter().map(|it| it.cpu()).sum()
}

pub(crate) fn memory_of(processes: &[Process]) -> Result<Memory> {
    processes.iter().try_fold(Memory::default(), |sum, it| Ok(sum + it.memory()?))
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Err(error) = self.skiff("down", |it| it) {
            use std::io::Write;
            // Whoever measures wants to know that something stays behind; if that cannot be said, there is no more to do.
            drop(writeln!(std::io::stderr(), "{error:#}"));
        }
    }
}
