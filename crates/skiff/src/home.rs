//! Where clusters live on disk, and who holds them.
//!
//! ```text
//! HOME/NAME/cluster.json   what the cluster is
//!           up.lock        held while a command changes the cluster
//!           serve.lock     held by the process that runs the cluster
//!           control.sock   where that process takes commands
//!           skiff.log      what it says
//!           audit-policy.yaml   what is logged of requests; without it nothing is
//!           audit.log      what was logged
//!           pki/  data/  nodes/NODE/
//! ```

use anyhow::{Context, Result, bail};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

/// The folder of all clusters.
#[derive(Clone, Debug)]
pub(crate) struct Home(PathBuf);

/// The folder of one cluster.
#[derive(Clone, Debug)]
pub(crate) struct Folder(PathBuf);

/// A lock that ends with its holder, also when that is killed.
pub(crate) struct Lock(#[allow(dead_code, reason = "the open file is the lock")] File);

impl Home {
    /// `$SKIFF_HOME`, else `$XDG_DATA_HOME/skiff`, else `~/.local/share/skiff`.
    pub(crate) fn find() -> Result<Self> {
        let variable = |name: &str| std::env::var_os(name).filter(|it| !it.is_empty()).map(PathBuf::from);
        let path = variable("SKIFF_HOME")
            .or_else(|| variable("XDG_DATA_HOME").map(|it| it.join("skiff")))
            .or_else(|| variable("HOME").map(|it| it.join(".local/share/skiff")))
            .context(
                "neither SKIFF_HOME nor HOME is set; set SKIFF_HOME to a folder for the clusters' data",
            )?;
        Ok(Self(std::path::absolute(path)?))
    }

    /// The folder of a cluster, which need not exist.
    pub(crate) fn cluster(&self, name: &str) -> Folder {
        Folder(self.0.join(name))
    }

    /// The clusters that exist.
    pub(crate) fn clusters(&self) -> Vec<Folder> {
        let entries = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        let mut folders: Vec<PathBuf> =
            entries.map(|it| it.path()).filter(|it| it.join("cluster.json").exists()).collect();
        folders.sort();
        folders.into_iter().map(Folder).collect()
    }
}

impl Folder {
    /// A folder by its path, as a child process is told.
    pub(crate) fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
    pub(crate) fn description(&self) -> PathBuf {
        self.0.join("cluster.json")
    }
    pub(crate) fn control(&self) -> PathBuf {
        self.0.join("control.sock")
    }
    pub(crate) fn log(&self) -> PathBuf {
        self.0.join("skiff.log")
    }
    pub(crate) fn audit_policy(&self) -> PathBuf {
        self.0.join("audit-policy.yaml")
    }
    pub(crate) fn audit_log(&self) -> PathBuf {
        self.0.join("audit.log")
    }
    pub(crate) fn pki(&self) -> PathBuf {
        self.0.join("pki")
    }
    pub(crate) fn data(&self) -> PathBuf {
        self.0.join("data")
    }
    pub(crate) fn store(&self) -> PathBuf {
        self.data().join("store")
    }
    pub(crate) fn node(&self, name: &str) -> PathBuf {
        self.0.join("nodes").join(name)
    }

    /// Makes the folder, readable by its owner only.
    pub(crate) fn create(&self) -> Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0);
        made.with_context(|| format!("failed to make {}", self.0.display()))
    }

    /// Waits until no other command changes this cluster, and keeps others out.
    pub(crate) fn lock_changes(&self) -> Result<Lock> {
        let file = self.lock_file("up.lock")?;
        file.lock().context("failed to lock the cluster's folder")?;
        Ok(Lock(file))
    }

    /// Becomes the process that runs this cluster.
    pub(crate) fn lock_serving(&self) -> Result<Lock> {
        let file = self.lock_file("serve.lock")?;
        match file.try_lock() {
            Ok(()) => Ok(Lock(file)),
            Err(TryLockError::WouldBlock) => bail!("the cluster runs already; `skiff status` shows it"),
            Err(TryLockError::Error(error)) => Err(error).context("failed to lock the cluster's folder"),
        }
    }

    /// Whether a process runs this cluster.
    pub(crate) fn is_served(&self) -> Result<bool> {
        if !self.0.join("serve.lock").exists() {
            return Ok(false);
        }
        Ok(matches!(self.lock_file("serve.lock")?.try_lock(), Err(TryLockError::WouldBlock)))
    }

    fn lock_file(&self, name: &str) -> Result<File> {
        let path = self.0.join(name);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        file.with_context(|| format!("failed to open {}", path.display()))
    }
}
