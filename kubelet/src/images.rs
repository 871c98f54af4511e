//! Image names and pull policies: what may be pulled, and what users are told when an image is not there.
//!
//! Everything here is pure. Images are simply those of the host's engine, so a missing one is most often one that was
//! not built or not tagged: the messages say how to.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::observed::Trouble;

/// The image name cannot be read.
pub const INVALID_NAME: &str = "InvalidImageName";
/// The image is not here and must not be pulled.
pub const NEVER_PULL: &str = "ErrImageNeverPull";
/// The image could not be pulled.
pub const PULL: &str = "ErrImagePull";
/// The image could not be pulled; the next try is some time away.
pub const BACK_OFF: &str = "ImagePullBackOff";

/// How long a failed pull is shown as such before it is shown as waiting for the next one.
pub const SHOWN_AS_ERROR: SignedDuration = SignedDuration::from_secs(3);

/// When an image is pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// If the registry can be reached; a local image is used when it cannot.
    Always,
    /// When it is not here.
    IfNotPresent,
    /// Never.
    Never,
}

impl Policy {
    /// The policy that a container names; that of its tag when it names none.
    pub fn of(named: Option<&str>, image: &str) -> Policy {
        match named {
            Some("Always") => Policy::Always,
            Some("Never") => Policy::Never,
            Some(_) => Policy::IfNotPresent,
            None if is_latest(image) => Policy::Always,
            None => Policy::IfNotPresent,
        }
    }
}

fn is_latest(image: &str) -> bool {
    let last = image.rsplit('/').next().unwrap_or(image);
    !image.contains('@') && last.split_once(':').is_none_or(|(_, tag)| tag == "latest")
}

/// Why an image name cannot be read, if it can't.
pub fn flaw_of(image: &str) -> Option<&'static str> {
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    let slash = name.rfind('/').map_or(0, |it| it + 1);
    let (path, tag) = match name[slash..].find(':') {
        Some(colon) => (&name[..slash + colon], Some(&name[slash + colon + 1..])),
        None => (name, None),
    };
    let (registry, path) = split_registry(path);
    let parts_are_good = path.split('/').all(is_path_part);
    if registry.is_some_and(|it| !is_registry(it)) || !parts_are_good {
        return Some("invalid reference format");
    }
    if tag.is_some_and(|it| !is_tag(it)) {
        return Some("invalid reference format: the tag is malformed");
    }
    digest.is_some_and(|it| !is_digest(it)).then_some("invalid reference format: the digest is malformed")
}

/// The first part names a registry when it could not be a folder: it has a dot or a port, or is `localhost`.
fn split_registry(path: &str) -> (Option<&str>, &str) {
    match path.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (Some(first), rest),
        _ => (None, path),
    }
}

fn is_registry(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'.' | b'-' | b':' | b'[' | b']'))
}

fn is_path_part(text: &str) -> bool {
    let word = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit();
    let ends = text.bytes().next().is_some_and(word) && text.bytes().last().is_some_and(word);
    ends && text.bytes().all(|it| word(it) || matches!(it, b'.' | b'_' | b'-'))
}

fn is_tag(text: &str) -> bool {
    let first = text.bytes().next().is_some_and(|it| it.is_ascii_alphanumeric() || it == b'_');
    first
        && text.len() <= 128
        && text.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'.' | b'_' | b'-'))
}

fn is_digest(text: &str) -> bool {
    text.split_once(':').is_some_and(|(kind, hex)| {
        !kind.is_empty() && hex.len() >= 32 && hex.bytes().all(|it| it.is_ascii_hexdigit())
    })
}

/// What to do about an image that is not here.
pub fn advice(image: &str) -> String {
    format!(
        "build it with \"docker build -t {image} .\" or tag an existing one with \"docker tag EXISTING {image}\" on \
         the node's host: every image of the host's engine can be used at once"
    )
}

/// The message of an image that is not here and must not be pulled.
pub fn never_pull_message(image: &str) -> String {
    format!(
        "Container image \"{image}\" is not present with pull policy of Never; {}, or set imagePullPolicy: \
         IfNotPresent to have it pulled",
        advice(image)
    )
}

/// The message of an image that could not be pulled.
pub fn pull_message(image: &str, why: &str) -> String {
    format!(
        "failed to pull image \"{image}\": {why}; if the image is local, {}, and use a tag other than latest or set \
         imagePullPolicy: IfNotPresent",
        advice(image)
    )
}

/// How a trouble shows: a failed pull turns into waiting for the next one after a moment.
pub fn waiting_of(trouble: &Trouble, now: Timestamp) -> (&'static str, String) {
    if trouble.reason == PULL && turns_at(trouble) <= now {
        let message = format!("Back-off pulling image \"{}\": {PULL}: {}", trouble.image, trouble.message);
        return (BACK_OFF, message);
    }
    (trouble.reason, trouble.message.clone())
}

/// When a failed pull begins to show as waiting for the next one.
pub fn turns_at(trouble: &Trouble) -> Timestamp {
    trouble.at.saturating_add(SHOWN_AS_ERROR).unwrap_or(Timestamp::MAX)
}

/// How long to wait after a failure of this kind that happened `times` times in a row.
pub fn retry_after(reason: &str, times: u32) -> Duration {
    let (first, longest) = match reason {
        PULL => (10, 300),
        NEVER_PULL | INVALID_NAME => (10, 60),
        _ => (1, 30),
    };
    let factor = 1_u64.checked_shl(times.saturating_sub(1).min(16)).unwrap_or(u64::MAX);
    Duration::from_secs((first * factor).min(longest))
}

/// An image's identifier as container statuses give it.
pub fn reported_id(id: &str) -> String {
    if id.is_empty() { String::new() } else { format!("docker://{id}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_the_engine_reads_them() {
        let good =
            ["x", "web:1", "acceptance.invalid/no/such:1", "localhost:5000/a/b_c:v1.2", "docker.io/a/b:1"];
        for name in good {
            assert_eq!(flaw_of(name), None, "{name}");
        }
        let digest = format!("a/b@sha256:{}", "0f".repeat(32));
        assert_eq!(flaw_of(&digest), None);
        for name in ["", "Not A Name:::", "Web:1", "web:", "a//b", "a@sha256:xyz", "-a", "web:a b"] {
            assert!(flaw_of(name).is_some(), "{name}");
        }
    }

    #[test]
    fn the_tag_decides_when_no_policy_is_named() {
        let check = |named, image, expect| assert_eq!(Policy::of(named, image), expect, "{image}");
        check(None, "x", Policy::Always);
        check(None, "r:5000/x", Policy::Always);
        check(None, "x:latest", Policy::Always);
        check(None, "x:1", Policy::IfNotPresent);
        check(Some("Never"), "x", Policy::Never);
    }

    #[test]
    fn failures_wait_longer_each_time() {
        let waits = |reason| [1, 2, 3, 9].map(|times| retry_after(reason, times).as_secs());
        assert_eq!(waits(PULL), [10, 20, 40, 300]);
        assert_eq!(waits("CreateContainerConfigError"), [1, 2, 4, 30]);
    }
}
