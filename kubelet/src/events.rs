//! What the agent tells users about a pod, in the words they know from upstream.
//!
//! A [`Note`] is an event before it is sent; planning may ask for the same one many times, its key makes it be sent
//! once. Sending is the recorder's business.

use api::k8s::api::core::v1::{Container, Pod};

use crate::{
    observed::{Attempt, StopCause},
    plan,
};

/// Something users should be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Notes with the same key are the same occasion.
    pub key: String,
    /// The event.
    pub event: Event,
}

/// An event of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Whether it is a warning.
    pub severity: Severity,
    /// One of upstream's reasons.
    pub reason: &'static str,
    /// For people.
    pub message: String,
    /// The container it is about.
    pub container: Option<String>,
}

/// Whether an event is a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Things go as they should.
    Normal,
    /// Something needs attention.
    Warning,
}

/// An event about how things should go.
pub fn normal(reason: &'static str, message: impl Into<String>) -> Event {
    Event { severity: Severity::Normal, reason, message: message.into(), container: None }
}

/// An event that needs attention.
pub fn warning(reason: &'static str, message: impl Into<String>) -> Event {
    Event { severity: Severity::Warning, reason, message: message.into(), container: None }
}

impl Event {
    /// The same, about one container.
    pub fn of(self, container: &str) -> Event {
        Event { container: Some(container.to_owned()), ..self }
    }
}

impl Note {
    /// A container that keeps ending waits before it is started again.
    pub fn back_off(pod: &Pod, container: &Container, attempt: &Attempt) -> Note {
        let name = &container.name;
        let message = format!("Back-off restarting failed container {name} in pod {}", full_name(pod));
        Note {
            key: format!("BackOff/{name}/{}", attempt.number),
            event: warning("BackOff", message).of(name),
        }
    }
}

/// The message of a container that waits for its next attempt.
pub fn back_off_message(pod: &Pod, container: &str, attempt: &Attempt) -> String {
    let wait = duration_text(plan::backoff_of(attempt));
    format!("back-off {wait} restarting failed container={container} pod={}", full_name(pod))
}

/// Seconds as `10s`, `2m40s`, `5m0s`.
fn duration_text(seconds: u32) -> String {
    if seconds < 60 { format!("{seconds}s") } else { format!("{}m{}s", seconds / 60, seconds % 60) }
}

/// `NAME_NAMESPACE(UID)`.
pub fn full_name(pod: &Pod) -> String {
    let meta = &pod.metadata;
    let text = |it: &Option<String>| it.clone().unwrap_or_default();
    format!("{}_{}({})", text(&meta.name), text(&meta.namespace), text(&meta.uid))
}

/// The event of a container that is asked to stop.
pub fn killing(container: &str, cause: StopCause) -> Event {
    let message = match cause {
        StopCause::PodEnds => format!("Stopping container {container}"),
        StopCause::Liveness => format!("Container {container} failed liveness probe, will be restarted"),
        StopCause::Startup => format!("Container {container} failed startup probe, will be restarted"),
        StopCause::PostStart => "FailedPostStartHook".to_owned(),
        StopCause::Changed => format!("Container {container} definition changed, will be restarted"),
        StopCause::SandboxLost => format!("Stopping container {container}: pod sandbox changed"),
    };
    normal("Killing", message).of(container)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_read_as_upstream_prints_them() {
        assert_eq!([10, 160, 300].map(duration_text), ["10s", "2m40s", "5m0s"]);
    }
}
