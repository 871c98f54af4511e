//! What a namespace's labels say: for each way of minding it, a level and the version that defines it.

use api::field::{Error, Errors, Path};
use std::collections::BTreeMap;
use std::fmt;

/// How the keys of labels, and of what is noted for the audit log, begin.
pub(super) const PREFIX: &str = "pod-security.kubernetes.io/";

/// How much pods may do, from everything to little.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    #[default]
    Privileged,
    Baseline,
    Restricted,
}

impl Level {
    const fn name(self) -> &'static str {
        match self {
            Self::Privileged => "privileged",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Privileged, Self::Baseline, Self::Restricted].into_iter().find(|it| it.name() == text)
    }
}

/// Which release of Kubernetes says what a level means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Version {
    #[default]
    Latest,
    /// The minor version; the major one is 1.
    Minor(u32),
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        if text == "latest" {
            return Some(Self::Latest);
        }
        let minor = text.strip_prefix("v1.")?;
        let plain = minor.bytes().all(|it| it.is_ascii_digit()) && (minor == "0" || !minor.starts_with('0'));
        minor.parse().ok().filter(|_| plain).map(Self::Minor)
    }
}

/// A level as one version defines it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LevelVersion {
    pub(super) level: Level,
    pub(super) version: Version,
}

impl LevelVersion {
    /// Whether pods that were fine before may not be any more.
    pub(super) fn is_news_after(self, before: Self) -> bool {
        let relaxed = self.version == before.version && self.level <= before.level;
        self.level != Level::Privileged && !relaxed
    }
}

impl fmt::Display for LevelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            Version::Latest => write!(f, "{}:latest", self.level.name()),
            Version::Minor(minor) => write!(f, "{}:v1.{minor}", self.level.name()),
        }
    }
}

/// What is refused, what is warned of, and what is noted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Policy {
    pub(super) enforce: LevelVersion,
    pub(super) warn: LevelVersion,
    pub(super) audit: LevelVersion,
}

impl Policy {
    /// What labels say, and what is wrong with them. A level to enforce that nobody knows is the strictest one.
    pub(super) fn of(labels: &BTreeMap<String, String>) -> (Self, Errors) {
        let mut errors = Errors::new();
        let enforce = read(labels, "enforce", Level::Restricted, &mut errors);
        let audit = read(labels, "audit", Level::Privileged, &mut errors);
        let warn = read(labels, "warn", Level::Privileged, &mut errors);
        (Self { enforce, warn, audit }, errors)
    }
}

fn read(
    labels: &BTreeMap<String, String>,
    mode: &str,
    otherwise: Level,
    errors: &mut Errors,
) -> LevelVersion {
    let mut found = LevelVersion::default();
    let (level, version) = (format!("{PREFIX}{mode}"), format!("{PREFIX}{mode}-version"));
    if let Some(text) = labels.get(&level) {
        found.level = Level::parse(text).unwrap_or_else(|| {
            errors.push(wrong(&level, text, "must be one of privileged, baseline, restricted"));
            otherwise
        });
    }
    if let Some(text) = labels.get(&version) {
        found.version = Version::parse(text).unwrap_or_else(|| {
            errors.push(wrong(&version, text, "must be \"latest\" or \"v1.x\""));
            Version::Latest
        });
    }
    found
}

fn wrong(label: &str, value: &str, why: &str) -> Error {
    Error::invalid(&Path::new("metadata").child("labels").key(label), value, why)
}
