//! Where log lines go and which are kept: standard error, filtered by the usual directives.

use std::{fmt::Display, io::IsTerminal};

use tracing_subscriber::{EnvFilter, fmt};

/// Names the environment variable whose directives replace the ones given by the caller.
pub const FILTER_VARIABLE: &str = "SKIFF_LOG";

/// Sends what `tracing` records to standard error: lines for people, or one JSON object a line for machines.
///
/// `filter` is a list of directives such as `info,scheduler=debug`; the variable `SKIFF_LOG` wins over it. A second call
/// in one process changes nothing.
pub fn init(filter: &str, format: Format) -> Result<(), InvalidFilter> {
    let directives = directives(std::env::var(FILTER_VARIABLE).ok(), filter);
    let filter = EnvFilter::builder().parse(&directives).map_err(|_| InvalidFilter(directives))?;
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // An error here means that a subscriber is already set, as in a process that runs several daemons.
    let _already_set = match format {
        Format::Text => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        Format::Json => builder.json().flatten_event(true).try_init(),
    };
    Ok(())
}

/// A filter that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidFilter(pub String);

impl Display for InvalidFilter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "failed to read the log filter {:?}; write, for example, info,scheduler=debug",
            self.0
        )
    }
}

impl std::error::Error for InvalidFilter {}

/// How a log line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Lines for people, coloured on a terminal.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

fn directives(variable: Option<String>, given: &str) -> String {
    variable.filter(|value| !value.trim().is_empty()).unwrap_or_else(|| given.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_wins_unless_it_is_empty() {
        let check = |variable: Option<&str>, expect: &str| {
            assert_eq!(directives(variable.map(str::to_owned), "info"), expect);
        };
        check(None, "info");
        check(Some(" "), "info");
        check(Some("debug"), "debug");
    }

    #[test]
    fn a_second_call_is_harmless_and_a_bad_filter_is_refused() {
        assert!(init("info", Format::Text).is_ok());
        assert!(init("warn", Format::Json).is_ok());
        assert!(init("daemon=loudest", Format::Text).is_err());
    }
}
