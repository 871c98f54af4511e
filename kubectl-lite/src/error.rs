//! How a command fails: kubectl's words for what the server refused, and the exit code.
//!
//! Start at [`report`]. [`message`] is pure; it names the server's reason as kubectl does, because scripts match on it.

use crate::output;
use api::{ApiError, status::reason};
use std::process::ExitCode;

/// The command itself is fine and ends with this code, such as that of a program in a container.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Exit {
    /// The exit code.
    pub(crate) code: u8,
    /// What is said, if anything.
    pub(crate) message: String,
}

/// A refusal, with what was being done when it came.
#[derive(Debug, thiserror::Error)]
#[error("error when {verb} {source_name:?}: {error}")]
pub(crate) struct During {
    /// Such as `creating`.
    pub(crate) verb: &'static str,
    /// The file.
    pub(crate) source_name: String,
    /// What was refused.
    pub(crate) error: anyhow::Error,
}

/// Several things failed; the others were done.
#[derive(Debug, thiserror::Error)]
#[error("several things failed")]
pub(crate) struct Several(pub(crate) Vec<anyhow::Error>);

/// Collects the failures of things that are done one after the other.
#[derive(Debug, Default)]
pub(crate) struct Failures(Vec<anyhow::Error>);

impl Failures {
    /// Keeps a failure for the end.
    pub(crate) fn keep<T>(&mut self, result: anyhow::Result<T>) -> Option<T> {
        result.map_err(|error| self.0.push(error)).ok()
    }

    /// Whether nothing failed so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All failures as one.
    pub(crate) fn into_result(mut self) -> anyhow::Result<()> {
        match self.0.len() {
            0 => Ok(()),
            1 => Err(self.0.remove(0)),
            _ => Err(Several(self.0).into()),
        }
    }
}

/// The server's refusal behind an error, if that is what it is.
pub(crate) fn refusal(error: &anyhow::Error) -> Option<&ApiError> {
    error.downcast_ref::<client::Error>()?.refusal()
}

/// Whether the server says that the object isn't there.
pub(crate) fn is_not_found(error: &anyhow::Error) -> bool {
    refusal(error).is_some_and(ApiError::is_not_found)
}

/// Says what failed and gives the exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    if is_broken_pipe(error) {
        return ExitCode::SUCCESS;
    }
    let text = message(error);
    if !text.is_empty() {
        output::note(text.trim_end_matches('\n'));
    }
    ExitCode::from(error.downcast_ref::<Exit>().map_or(1, |it| it.code))
}

/// Whoever read our output has seen enough.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|it| it.kind() == std::io::ErrorKind::BrokenPipe)
}

/// What is said of an error, as kubectl would.
pub(crate) fn message(error: &anyhow::Error) -> String {
    if let Some(Several(errors)) = error.downcast_ref() {
        return errors.iter().map(one_of_many).collect::<Vec<_>>().join("\n");
    }
    if let Some(exit) = error.downcast_ref::<Exit>() {
        return exit.message.clone();
    }
    if let Some(During { verb, source_name, error }) = error.downcast_ref() {
        return during(verb, source_name, error);
    }
    match error.downcast_ref::<client::Error>() {
        Some(client::Error::Refused(refusal)) => refused(refusal, refusal.message()),
        Some(client::Error::Transport(source)) => unreachable_server(source.as_ref()),
        _ => prefixed(&format!("{error:#}")),
    }
}

/// Among others, an invalid object takes one line, as with kubectl.
fn one_of_many(error: &anyhow::Error) -> String {
    let (refused, text) = match error.downcast_ref() {
        Some(During { verb, source_name, error }) => {
            (refusal(error), format!("error when {verb} {source_name:?}: "))
        }
        None => (refusal(error), String::new()),
    };
    match refused.filter(|it| it.reason() == reason::INVALID) {
        Some(refused) => format!("Error from server (Invalid): {text}{}", refused.message()),
        None => message(error),
    }
}

fn during(verb: &str, source_name: &str, error: &anyhow::Error) -> String {
    let told = |text: &str| format!("error when {verb} {source_name:?}: {text}");
    match refusal(error) {
        Some(refusal) => refused(refusal, &told(refusal.message())),
        None => match error.downcast_ref::<client::Error>() {
            Some(client::Error::Transport(source)) => unreachable_server(source.as_ref()),
            _ => prefixed(&told(&format!("{error:#}"))),
        },
    }
}

fn prefixed(text: &str) -> String {
    if text.starts_with("error: ") { text.to_owned() } else { format!("error: {text}") }
}

fn refused(refusal: &ApiError, message: &str) -> String {
    match refusal.reason() {
        reason::INVALID => invalid(refusal),
        reason::UNAUTHORIZED => format!("error: You must be logged in to the server ({message})"),
        "" => format!("Error from server: {message}"),
        reason => format!("Error from server ({reason}): {message}"),
    }
}

fn invalid(refusal: &ApiError) -> String {
    let Some(details) = &refusal.0.details else {
        return format!("The request is invalid: {}", refusal.message());
    };
    let (kind, name) =
        (details.kind.as_deref().unwrap_or_default(), details.name.as_deref().unwrap_or_default());
    let mut text = if kind.is_empty() && name.is_empty() {
        "The request is invalid".to_owned()
    } else {
        format!("The {kind} {name:?} is invalid")
    };
    let causes = causes_of(details);
    match causes.as_slice() {
        [] if kind.is_empty() && name.is_empty() => text.push_str(&format!(": {}", refusal.message())),
        [] => {}
        [one] => text.push_str(&format!(": {one}")),
        many => {
            text.push_str(": ");
            many.iter().for_each(|it| text.push_str(&format!("\n* {it}")));
        }
    }
    text
}

/// The causes of a refusal, each once.
fn causes_of(details: &k8s_openapi::apimachinery::pkg::apis::meta::v1::StatusDetails) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for cause in details.causes.iter().flatten() {
        let message = cause.message.clone().unwrap_or_default();
        let line = match cause.field.as_deref().filter(|it| !it.is_empty()) {
            Some(field) => format!("{field}: {message}"),
            None => message,
        };
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

fn unreachable_server(source: &(dyn std::error::Error + 'static)) -> String {
    let chain: Vec<String> =
        std::iter::successors(Some(source), |it| it.source()).map(ToString::to_string).collect();
    let all = chain.join(": ");
    if all.contains("Connection refused") {
        let server = server_in(&all).unwrap_or_default();
        return format!(
            "The connection to the server {server} was refused - did you specify the right host or port?"
        );
    }
    format!("Unable to connect to the server: {}", chain.last().map_or("", |it| it))
}

/// The host and port of the address that the transport's message names.
fn server_in(text: &str) -> Option<&str> {
    let rest = text.split_once("://")?.1;
    rest.split(['/', ')', '?', ' ']).next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::{Resource, field};
    use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};

    fn check(error: impl Into<client::Error>, expect: &str) {
        assert_eq!(message(&anyhow::Error::from(error.into())), expect);
    }

    #[test]
    fn refusals_read_as_kubectls() {
        let pod = Pod::KIND.row();
        check(ApiError::not_found(pod, "x"), r#"Error from server (NotFound): pods "x" not found"#);
        check(ApiError::unauthorized(), "error: You must be logged in to the server (Unauthorized)");
    }

    #[test]
    fn invalid_objects_list_their_causes() {
        let spec = field::Path::new("spec");
        let one = field::Error::invalid(&spec.child("replicas"), -1, "must be positive");
        let two = field::Error::required(&spec.child("selector"), "");
        let row = Deployment::KIND.row();
        check(
            ApiError::invalid(row, "a", std::slice::from_ref(&one)),
            r#"The Deployment "a" is invalid: spec.replicas: Invalid value: -1: must be positive"#,
        );
        check(
            ApiError::invalid(row, "a", &[one, two]),
            "The Deployment \"a\" is invalid: \n* spec.replicas: Invalid value: -1: must be positive\n\
             * spec.selector: Required value",
        );
    }

    #[test]
    fn several_failures_take_a_line_each() {
        let row = Deployment::KIND.row();
        let error = field::Error::required(&field::Path::new("spec"), "");
        let invalid = client::Error::from(ApiError::invalid(row, "a", &[error]));
        let missing = client::Error::from(ApiError::not_found(row, "b"));
        let several = Several(vec![invalid.into(), missing.into()]);
        assert_eq!(
            message(&several.into()),
            "Error from server (Invalid): Deployment.apps \"a\" is invalid: spec: Required value\n\
             Error from server (NotFound): deployments.apps \"b\" not found"
        );
    }

    #[test]
    fn a_source_is_named() {
        let error = client::Error::from(ApiError::bad_request("no"));
        let error = During { verb: "creating", source_name: "STDIN".into(), error: error.into() };
        let expect = r#"Error from server (BadRequest): error when creating "STDIN": no"#;
        assert_eq!(message(&error.into()), expect);
    }
}
