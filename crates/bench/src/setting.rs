//! What every bench is told: where to work, how much, and where the programs are.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What every bench is told.
pub(crate) struct Setting {
    /// Where data is put that must be on a disk. Next to the programs: a folder for temporary files may be in memory.
    pub(crate) folder: PathBuf,
    /// Fewer rounds and smaller counts, for trying things out.
    pub(crate) quick: bool,
    /// The etcd program, as a rival of the store.
    pub(crate) etcd: Option<PathBuf>,
}

impl Setting {
    pub(crate) fn new(quick: bool, etcd: Option<PathBuf>) -> Result<Self> {
        let program = std::env::current_exe().context("failed to find this program's own file")?;
        let folder = program.parent().context("this program is in no folder")?.to_owned();
        Ok(Self { folder, quick, etcd })
    }

    /// How often a figure is measured.
    pub(crate) fn rounds(&self) -> usize {
        if self.quick { 1 } else { 5 }
    }

    /// So many in full, a fifth of it in a hurry.
    pub(crate) fn scaled(&self, count: usize) -> usize {
        if self.quick { count / 5 } else { count }
    }

    /// A fresh folder on disk that goes when it is dropped.
    pub(crate) fn fresh(&self) -> Result<tempfile::TempDir> {
        tempfile::Builder::new()
            .prefix("bench-")
            .tempdir_in(&self.folder)
            .context("failed to make a folder for data")
    }

    /// One of the workspace's programs, built beside this one.
    pub(crate) fn program(&self, name: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        if !path.exists() {
            bail!("{} is not built; run `cargo build --release` first", path.display());
        }
        Ok(path)
    }
}

/// Builds the programs that are measured, when cargo started us: `cargo run` builds this one only.
pub(crate) fn build_programs(folder: &Path) -> Result<()> {
    let Some(cargo) = std::env::var_os("CARGO") else { return Ok(()) };
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--package", "apiserver", "--package", "skiff", "--bins"]);
    if folder.ends_with("release") {
        command.arg("--release");
    }
    let status = command.status().context("failed to start cargo")?;
    if !status.success() {
        bail!("failed to build the programs to measure; cargo's message is above");
    }
    Ok(())
}
