//! How a daemon of its own process reaches the API server: with a kubeconfig, and with what that says later.

use client::Client;
use client::https::{Https, SetupError};
use client::kubeconfig::{self, Kubeconfig};
use daemon::Tasks;
use daemon::follow::Followed;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The file cannot be used.
    #[error("failed to use the kubeconfig")]
    Kubeconfig(#[from] kubeconfig::Error),
    /// What it says cannot be used.
    #[error("failed to set up a client")]
    Setup(#[from] SetupError),
}

/// A client with the identity of a kubeconfig. When the file changes, or one that it names, because a certificate was
/// renewed for instance, requests from then on are sent with what it says then.
///
/// # Errors
///
/// When the file cannot be read or says nothing usable; later that keeps what it said before.
pub fn connect(path: &Path, tasks: &Tasks) -> Result<Client, ConnectError> {
    let files: Vec<PathBuf> = Kubeconfig::load(path)?.files().map(Path::to_owned).collect();
    let followed = Followed::of(files.into_iter().chain([path.to_owned()]));
    let https = Arc::new(Https::new(&Kubeconfig::load(path)?.credentials(None)?)?);
    let (renewed, path) = (https.clone(), path.to_owned());
    followed.follow(tasks, move || -> Result<(), ConnectError> {
        Ok(renewed.replace(&Kubeconfig::load(&path)?.credentials(None)?)?)
    });
    Ok(Client::new(https))
}
