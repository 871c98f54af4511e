//! Commands to the process that runs a cluster: one JSON line each way over a socket in the cluster's folder.

use crate::home::Folder;
use anyhow::{Context, Result, bail};
use daemon::{Tasks, clock};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

/// What may be asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "do")]
pub(crate) enum Request {
    /// The description in the cluster's folder has changed: start and stop nodes accordingly.
    Reconcile,
    /// Stop everything. The containers stay.
    Stop,
}

/// What comes back.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Answer {
    Done,
    Failed(String),
}

/// Longest time that a command may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks the process that runs a cluster.
pub(crate) async fn ask(folder: &Folder, request: &Request) -> Result<()> {
    let path = folder.control();
    let stream = UnixStream::connect(&path).await;
    let stream =
        stream.with_context(|| format!("failed to reach the cluster's process at {}", path.display()))?;
    let mut stream = BufReader::new(stream);
    let mut line = serde_json::to_string(request)?;
    line.push('\n');
    stream.get_mut().write_all(line.as_bytes()).await?;
    line.clear();
    let read = clock::timeout(PATIENCE, stream.read_line(&mut line)).await;
    read.context("the cluster's process does not answer; see its log")??;
    match serde_json::from_str(&line)
        .context("the cluster's process ended before it answered; see its log")?
    {
        Answer::Done => Ok(()),
        Answer::Failed(why) => bail!("{why}"),
    }
}

/// Takes commands until `tasks` ends.
pub(crate) trait Handler: Send + Sync + 'static {
    /// Carries out one command.
    fn handle(self: Arc<Self>, request: Request) -> impl Future<Output = Result<()>> + Send;
}

/// Listens on the cluster's socket.
pub(crate) fn listen<H: Handler>(folder: &Folder, handler: Arc<H>, tasks: &Tasks) -> Result<()> {
    let path = folder.control();
    // A socket that is left over: we hold the lock, so nobody listens on it.
    _ = std::fs::remove_file(&path);
    let listener =
        UnixListener::bind(&path).with_context(|| format!("failed to listen on {}", path.display()))?;
    let (token, owner) = (tasks.token(), tasks.clone());
    tasks.spawn("control", async move {
        while let Some(Ok((stream, _))) = token.run_until_cancelled(listener.accept()).await {
            let handler = Arc::clone(&handler);
            owner.spawn("command", async move {
                if let Err(error) = serve(stream, handler).await {
                    tracing::warn!("failed to answer a command: {error:#}");
                }
            });
        }
        _ = std::fs::remove_file(&path);
    });
    Ok(())
}

async fn serve<H: Handler>(stream: UnixStream, handler: Arc<H>) -> Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let answer = match serde_json::from_str(&line) {
        Ok(request) => match handler.handle(request).await {
            Ok(()) => Answer::Done,
            Err(error) => Answer::Failed(format!("{error:#}")),
        },
        Err(error) => Answer::Failed(format!("not a command: {error}")),
    };
    let mut line = serde_json::to_string(&answer)?;
    line.push('\n');
    Ok(stream.get_mut().write_all(line.as_bytes()).await?)
}
