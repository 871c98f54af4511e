//! What the app is told by its pod: arguments and environment, read once.

use std::time::Duration;

const DEFAULT_PORT: u16 = 8080;

/// Everything the app is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where to listen (`--port`, `PORT`).
    pub port: u16,
    /// Who it is.
    pub identity: Identity,
    /// Whether to say who it is and be done, as a job does (`--once`).
    pub once: bool,
    /// How long it is not ready after its start (`START_DELAY`, seconds).
    pub start_delay: Duration,
    /// How long it goes on answering after SIGTERM (`STOP_DELAY`, seconds).
    pub stop_delay: Duration,
}

/// Who the app is, as far as it was told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// `POD_NAME`, or else the host's name, which in a pod is the same.
    pub pod: String,
    /// `POD_NAMESPACE`.
    pub namespace: Option<String>,
    /// `NODE_NAME`.
    pub node: Option<String>,
    /// `POD_IP`.
    pub address: Option<String>,
    /// `--version-label`, `VERSION`.
    pub version: Option<String>,
}

impl Settings {
    /// Settings from the arguments behind the program's name, the environment, and the host's name. An error is a
    /// sentence for whoever started the program.
    pub fn read(
        arguments: impl IntoIterator<Item = String>,
        environment: impl Fn(&str) -> Option<String>,
        host: &str,
    ) -> Result<Settings, String> {
        let environment = |name: &str| environment(name).filter(|value| !value.is_empty());
        let flags = Flags::read(arguments)?;
        let port = flags.port.or_else(|| environment("PORT"));
        Ok(Settings {
            port: port.map_or(Ok(DEFAULT_PORT), |port| {
                port.parse().map_err(|_| format!("{port:?} is not a port"))
            })?,
            identity: Identity {
                pod: environment("POD_NAME").unwrap_or_else(|| host.to_owned()),
                namespace: environment("POD_NAMESPACE"),
                node: environment("NODE_NAME"),
                address: environment("POD_IP"),
                version: flags.version.or_else(|| environment("VERSION")),
            },
            once: flags.once,
            start_delay: delay("START_DELAY", environment("START_DELAY"))?,
            stop_delay: delay("STOP_DELAY", environment("STOP_DELAY"))?,
        })
    }
}

#[derive(Default)]
struct Flags {
    port: Option<String>,
    version: Option<String>,
    once: bool,
}

impl Flags {
    fn read(arguments: impl IntoIterator<Item = String>) -> Result<Flags, String> {
        let (mut flags, mut arguments) = (Flags::default(), arguments.into_iter());
        while let Some(argument) = arguments.next() {
            if argument == "--once" {
                flags.once = true;
                continue;
            }
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (argument.as_str(), arguments.next()),
            };
            let value = value.ok_or_else(|| format!("{name} needs a value"))?;
            match name {
                "--port" => flags.port = Some(value),
                "--version-label" => flags.version = Some(value),
                _ => {
                    return Err(format!("{name} is not known; there are --port, --version-label and --once"));
                }
            }
        }
        Ok(flags)
    }
}

fn delay(name: &str, value: Option<String>) -> Result<Duration, String> {
    let Some(value) = value else { return Ok(Duration::ZERO) };
    let seconds = value.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| format!("{name}: {value:?} is not a number of seconds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Settings, String> {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned());
        let lookup = |name: &str| {
            environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        Settings::read(arguments, lookup, "host-1")
    }

    #[test]
    fn a_bare_start_has_defaults() {
        let settings = read(&[], &[("VERSION", "")]).unwrap();
        assert!(!settings.once);
        assert!(read(&["--once"], &[]).unwrap().once);
        assert_eq!(settings.identity, Identity { pod: "host-1".into(), ..Identity::default() });
        assert_eq!(
            (settings.port, settings.start_delay, settings.stop_delay),
            (8080, Duration::ZERO, Duration::ZERO)
        );
    }

    #[test]
    fn a_pod_tells_everything() {
        let environment = [
            ("POD_NAME", "web-0"),
            ("POD_NAMESPACE", "shop"),
            ("NODE_NAME", "n1"),
            ("POD_IP", "10.0.0.7"),
            ("VERSION", "v1"),
            ("PORT", "80"),
            ("START_DELAY", "2"),
            ("STOP_DELAY", "0.5"),
        ];
        let settings = read(&["--port", "81", "--version-label=v2"], &environment).unwrap();
        let identity = Identity {
            pod: "web-0".into(),
            namespace: Some("shop".into()),
            node: Some("n1".into()),
            address: Some("10.0.0.7".into()),
            version: Some("v2".into()),
        };
        let (start_delay, stop_delay) = (Duration::from_secs(2), Duration::from_millis(500));
        assert_eq!(settings, Settings { port: 81, identity, once: false, start_delay, stop_delay });
        assert_eq!(read(&[], &environment).unwrap().port, 80);
    }

    #[test]
    fn mistakes_are_explained() {
        let check = |arguments: &[&str], environment: &[(&str, &str)], expect: &str| {
            assert_eq!(read(arguments, environment).unwrap_err(), expect);
        };
        check(&["--port"], &[], "--port needs a value");
        check(&["--port=x"], &[], "\"x\" is not a port");
        check(&["--colour=red"], &[], "--colour is not known; there are --port, --version-label and --once");
        check(&[], &[("START_DELAY", "-1")], "START_DELAY: \"-1\" is not a number of seconds");
    }
}
