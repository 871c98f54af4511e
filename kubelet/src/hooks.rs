//! Life cycle hooks, and running a command in a container to its end.

use std::{net::IpAddr, time::Duration};

use api::k8s::api::core::v1::{Container, LifecycleHandler};
use daemon::clock;
use futures::StreamExt;

use crate::{
    container_runtime::{self, ContainerId, ContainerRuntime, ExecSpec, RuntimeError},
    probes,
};

/// As much of a hook's output as is shown.
const SHOWN: usize = 10 * 1024;
/// How long an HTTP hook may take.
const HTTP_TIMEOUT: Duration = Duration::from_secs(30);

/// Runs a command in a container to its end: its exit code, and the beginning of what it printed.
pub(crate) async fn run_command(
    runtime: &dyn ContainerRuntime,
    id: &ContainerId,
    spec: &ExecSpec,
    shown: usize,
) -> container_runtime::Result<(i32, String)> {
    let mut session = runtime.exec(id, spec).await?;
    let mut printed: Vec<u8> = Vec::new();
    while let Some(chunk) = session.output.next().await {
        let bytes = chunk?.bytes;
        printed.extend_from_slice(&bytes[..bytes.len().min(shown.saturating_sub(printed.len()))]);
    }
    let code = session.control.exit_code().await?;
    let code =
        code.ok_or_else(|| RuntimeError::Unavailable("the command's end was not reported".to_owned()))?;
    Ok((code, String::from_utf8_lossy(&printed).into_owned()))
}

/// Where a hook acts.
pub(crate) struct Place<'a> {
    /// The engine.
    pub(crate) runtime: &'a dyn ContainerRuntime,
    /// The container.
    pub(crate) id: &'a ContainerId,
    /// The container's spec, for the names of its ports.
    pub(crate) container: &'a Container,
    /// The pod's address.
    pub(crate) address: Option<IpAddr>,
}

/// Runs a hook to its end; what went wrong, in words for an event.
pub(crate) async fn run(handler: &LifecycleHandler, place: &Place<'_>) -> Result<(), String> {
    if let Some(exec) = &handler.exec {
        let command = exec.command.clone().unwrap_or_default();
        let spec = ExecSpec { command, ..ExecSpec::default() };
        return match run_command(place.runtime, place.id, &spec, SHOWN).await {
            Ok((0, _)) => Ok(()),
            Ok((code, output)) => {
                Err(format!("command '{}' exited with {code}: {output}", spec.command.join(" ")))
            }
            Err(error) => Err(error.to_string()),
        };
    }
    if let Some(get) = &handler.http_get {
        let address = place.address.ok_or("the pod has no address")?;
        let target = probes::http_target(get, place.container, address)?;
        return probes::http_get(&target, HTTP_TIMEOUT).await.map(|_| ());
    }
    if let Some(sleep) = &handler.sleep {
        clock::sleep(Duration::from_secs(u64::try_from(sleep.seconds).unwrap_or(0))).await;
    }
    Ok(())
}
