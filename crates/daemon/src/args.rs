//! The command line arguments that every daemon takes; flatten them into the daemon's own with `#[command(flatten)]`.

use std::path::PathBuf;

use clap::Args;

use crate::logging::{self, Format};

/// What to log and how.
#[derive(Args, Clone, Debug)]
pub struct LogArgs {
    /// Which log lines to keep, for example `info,scheduler=debug`; the variable SKIFF_LOG wins over it
    #[arg(long = "log", value_name = "FILTER", default_value = "info")]
    pub filter: String,
    /// Write one JSON object a line
    #[arg(long = "log-json")]
    pub json: bool,
}

impl LogArgs {
    /// Sets logging up as asked; see [`logging::init`].
    pub fn init(&self) -> Result<(), logging::InvalidFilter> {
        logging::init(&self.filter, if self.json { Format::Json } else { Format::Text })
    }
}

impl Default for LogArgs {
    fn default() -> LogArgs {
        LogArgs { filter: "info".to_owned(), json: false }
    }
}

/// Where a daemon keeps what must survive it.
#[derive(Args, Clone, Debug)]
pub struct DataArgs {
    /// Directory for data, keys and certificates; created when missing
    #[arg(long = "data", value_name = "DIR")]
    pub data: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Example {
        #[command(flatten)]
        log: LogArgs,
        #[command(flatten)]
        data: DataArgs,
    }

    #[test]
    fn arguments_have_the_documented_names_and_defaults() {
        let example = Example::parse_from(["example", "--data", "/d"]);
        assert_eq!((example.log.filter.as_str(), example.log.json), ("info", false));
        assert_eq!(example.data.data, PathBuf::from("/d"));
        let example = Example::parse_from(["example", "--data=/d", "--log=debug", "--log-json"]);
        assert_eq!((example.log.filter.as_str(), example.log.json), ("debug", true));
    }
}
