//! An API server of its own, as a process: the program `apiserver` on a fresh folder.

use crate::etcd::free_address;
use crate::load::Target;
use crate::process::Process;
use crate::setting::Setting;
use anyhow::{Context, Result, bail};
use client::kubeconfig::{Credentials, Kubeconfig};
use client::request;
use daemon::{Tasks, clock};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long to leave between looks at a process that tells nobody when it is ready.
const BETWEEN: Duration = Duration::from_millis(1);

/// A running API server and the connections to it. It ends, with its data, when it is dropped.
pub(crate) struct Server {
    child: Child,
    /// Owns the connections.
    pub(crate) tasks: Tasks,
    pub(crate) target: Target,
    pub(crate) process: Process,
    /// From starting the program to its first answer.
    pub(crate) started_in: Duration,
    folder: tempfile::TempDir,
}

impl Server {
    pub(crate) async fn start(setting: &Setting) -> Result<Self> {
        let folder = setting.fresh()?;
        let kubeconfig = folder.path().join("kubeconfig");
        let mut command = Command::new(setting.program("apiserver")?);
        command.arg("--data").arg(folder.path().join("data"));
        command.arg("--bootstrap-kubeconfig").arg(&kubeconfig);
        command.args(["--listen", &free_address()?.to_string(), "--log", "warn"]);
        let started = clock::instant();
        let mut child = command.stdin(Stdio::null()).spawn().context("failed to start the API server")?;
        let tasks = Tasks::new();
        let answered = clock::timeout(PATIENCE, first_answer(&mut child, &kubeconfig, &tasks)).await;
        let target = answered.context("the API server does not answer")??;
        let started_in = clock::instant().duration_since(started);
        let process = Process(child.id());
        Ok(Self { child, tasks, target, process, started_in, folder })
    }

    /// The folder that holds its data: other things measured on the same disk go there.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

async fn first_answer(child: &mut Child, kubeconfig: &Path, tasks: &Tasks) -> Result<Target> {
    loop {
        if let Some(status) = child.try_wait()? {
            bail!("the API server ended with {status}");
        }
        if let Some(credentials) = credentials(kubeconfig) {
            let target = Target::new(&credentials, tasks.clone())?;
            target.connect().await?.ask(request::get("/readyz")).await?;
            return Ok(target);
        }
        clock::sleep(BETWEEN).await;
    }
}

/// The server writes the file once it listens.
fn credentials(kubeconfig: &Path) -> Option<Credentials> {
    Kubeconfig::load(kubeconfig).ok()?.credentials(None).ok()
}

impl Drop for Server {
    fn drop(&mut self) {
        self.tasks.cancel();
        // It writes to a folder that goes too; whether it has ended already makes no difference.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
