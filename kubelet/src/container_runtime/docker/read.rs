//! From Docker's answers to ours.

use std::net::IpAddr;

use bollard::{
    errors::Error,
    models::{
        ContainerInspectResponse, ContainerState, ContainerStateStatusEnum, ContainerSummary,
        ContainerSummaryStateEnum, ImageInspect, ImageSummary, SystemInfo,
    },
};
use jiff::Timestamp;

use crate::{
    container_runtime::{Container, Exit, Facts, Image, Labels, Listed, Result, RuntimeError, State},
    labels,
};

pub(super) fn error(error: Error) -> RuntimeError {
    match error {
        Error::DockerResponseServerError { status_code, message } => {
            let message = message.trim().to_owned();
            match status_code {
                404 => RuntimeError::NotFound(message),
                409 => RuntimeError::Conflict(message),
                _ => RuntimeError::Refused(message),
            }
        }
        Error::DockerStreamError { error } => RuntimeError::Refused(error),
        other => RuntimeError::Unavailable(other.to_string()),
    }
}

pub(super) fn facts(info: SystemInfo) -> Facts {
    let number = |it: Option<i64>| it.and_then(|it| u64::try_from(it).ok()).unwrap_or_default();
    Facts {
        version: format!("docker://{}", info.server_version.unwrap_or_default()),
        kernel: info.kernel_version.unwrap_or_default(),
        os_image: info.operating_system.unwrap_or_default(),
        cpus: number(info.ncpu),
        memory: number(info.mem_total),
    }
}

pub(super) fn listed(summary: ContainerSummary) -> Option<Listed> {
    let running =
        matches!(summary.state, Some(ContainerSummaryStateEnum::RUNNING | ContainerSummaryStateEnum::PAUSED));
    let labels = summary.labels.unwrap_or_default().into_iter().collect();
    let begun = summary.state != Some(ContainerSummaryStateEnum::CREATED);
    Some(Listed { id: summary.id?.into(), labels, running, begun })
}

pub(super) fn container(found: ContainerInspectResponse) -> Result<Container> {
    let lacks =
        |what: &str| RuntimeError::Unavailable(format!("a container was reported without its {what}"));
    let labels: Labels = found.config.and_then(|it| it.labels).unwrap_or_default().into_iter().collect();
    let created = found.created.as_deref().and_then(timestamp);
    let networks = found.network_settings.and_then(|it| it.networks).unwrap_or_default();
    let attached = networks.into_values().filter_map(|it| it.ip_address).find_map(|it| it.parse().ok());
    let chosen: Option<IpAddr> = labels.get(labels::ADDRESS).and_then(|it| it.parse().ok());
    let state = found.state.ok_or_else(|| lacks("state"))?;
    Ok(Container {
        id: found.id.ok_or_else(|| lacks("id"))?.into(),
        address: chosen.or(attached),
        labels,
        image_id: found.image.unwrap_or_default(),
        state: state_of(state, created.unwrap_or(Timestamp::UNIX_EPOCH)),
    })
}

fn state_of(state: ContainerState, created: Timestamp) -> State {
    let started_at = state.started_at.as_deref().and_then(timestamp);
    let error = state.error.unwrap_or_default();
    let exited = |started_at, finished_at: Option<Timestamp>, error| {
        State::Exited(Exit {
            code: state.exit_code.and_then(|it| i32::try_from(it).ok()).unwrap_or(-1),
            out_of_memory: state.oom_killed == Some(true),
            started_at,
            finished_at: finished_at.unwrap_or(created),
            error,
        })
    };
    match state.status {
        Some(ContainerStateStatusEnum::CREATED) if error.is_empty() => State::Created,
        Some(ContainerStateStatusEnum::CREATED) => exited(None, None, error),
        Some(ContainerStateStatusEnum::RUNNING | ContainerStateStatusEnum::PAUSED) => {
            State::Running { started_at: started_at.unwrap_or(created) }
        }
        _ => exited(started_at.or(Some(created)), state.finished_at.as_deref().and_then(timestamp), error),
    }
}

/// Docker writes the year 1 for times that never came.
fn timestamp(text: &str) -> Option<Timestamp> {
    text.parse::<Timestamp>().ok().filter(|it| *it > Timestamp::UNIX_EPOCH)
}

pub(super) fn image(found: ImageInspect) -> Image {
    let config = found.config.unwrap_or_default();
    let mut names = found.repo_tags.unwrap_or_default();
    names.extend(found.repo_digests.unwrap_or_default());
    Image {
        id: found.id.unwrap_or_default(),
        names,
        size: found.size.unwrap_or_default(),
        user: config.user.unwrap_or_default(),
        stop_signal: config.stop_signal.filter(|it| !it.is_empty()),
    }
}

pub(super) fn listed_image(summary: ImageSummary) -> Image {
    let mut names = summary.repo_tags;
    names.extend(summary.repo_digests);
    names.retain(|it| !it.contains("<none>"));
    Image { id: summary.id, names, size: summary.size, ..Image::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_told_apart() {
        let created: Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
        let state = |status, error: &str, code, started: &str, finished: &str| ContainerState {
            status: Some(status),
            error: Some(error.to_owned()),
            exit_code: Some(code),
            started_at: Some(started.to_owned()),
            finished_at: Some(finished.to_owned()),
            ..ContainerState::default()
        };
        let never = "0001-01-01T00:00:00Z";
        let fresh = state(ContainerStateStatusEnum::CREATED, "", 0, never, never);
        assert_eq!(state_of(fresh, created), State::Created);
        let broken = state(ContainerStateStatusEnum::CREATED, "no such file", 127, never, never);
        let State::Exited(exit) = state_of(broken, created) else { panic!("it has failed to start") };
        assert_eq!((exit.code, exit.started_at, exit.finished_at), (127, None, created));
        let ended = state(
            ContainerStateStatusEnum::EXITED,
            "",
            3,
            "2030-01-01T00:00:01.5Z",
            "2030-01-01T00:00:09.123456789Z",
        );
        let State::Exited(exit) = state_of(ended, created) else { panic!("it has ended") };
        assert_eq!((exit.code, exit.finished_at.as_second() - created.as_second()), (3, 9));
    }
}
