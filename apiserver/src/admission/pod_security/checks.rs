//! What the levels forbid: the table of checks, which of them a version has, and what is said of a pod that fails some.

use super::policy::{Level, LevelVersion, Version};
use super::{baseline, restricted};
use api::k8s::api::core::v1::PodSpec;
use std::collections::{BTreeMap, BTreeSet};

/// A pod, or what a workload makes pods of.
pub(super) struct Subject<'a> {
    pub(super) annotations: Option<&'a BTreeMap<String, String>>,
    pub(super) spec: &'a PodSpec,
}

/// A rule that a pod breaks.
#[derive(Debug)]
pub(super) struct Violation {
    pub(super) reason: &'static str,
    pub(super) detail: String,
}

/// Looks at one thing.
pub(super) type Test = fn(&Subject<'_>) -> Option<Violation>;

/// One rule.
pub(super) struct Check {
    pub(super) id: &'static str,
    /// Its forms, each with the minor version from which on it holds.
    pub(super) forms: &'static [(u32, Test)],
    /// Rules that this one makes superfluous.
    pub(super) overrides: Option<&'static str>,
}

impl Check {
    pub(super) const fn new(id: &'static str, forms: &'static [(u32, Test)]) -> Self {
        Self { id, forms, overrides: None }
    }

    pub(super) const fn overriding(self, id: &'static str) -> Self {
        Self { overrides: Some(id), ..self }
    }

    fn form(&self, minor: u32) -> Option<Test> {
        self.forms.iter().rev().find(|(since, _)| *since <= minor).map(|(_, test)| *test)
    }
}

/// The rules that a pod breaks, in upstream's order.
pub(super) fn violations(at: LevelVersion, subject: &Subject<'_>) -> Vec<Violation> {
    let minor = match at.version {
        Version::Latest => u32::MAX,
        Version::Minor(minor) => minor,
    };
    let (basic, strict) = match at.level {
        Level::Privileged => return Vec::new(),
        Level::Baseline => (baseline::CHECKS, [].as_slice()),
        Level::Restricted => (baseline::CHECKS, restricted::CHECKS),
    };
    let active = strict.iter().filter(|it| it.form(minor).is_some());
    let overridden: Vec<&str> = active.filter_map(|it| it.overrides).collect();
    let basic = basic.iter().filter(|it| !overridden.contains(&it.id));
    basic.chain(strict).filter_map(|it| it.form(minor)?(subject)).collect()
}

/// Everything that is wrong, as the author of the pod is told.
pub(super) fn detail(violations: &[Violation]) -> String {
    let each = violations.iter().map(|it| match it.detail.as_str() {
        "" => it.reason.to_owned(),
        detail => format!("{} ({detail})", it.reason),
    });
    each.collect::<Vec<_>>().join(", ")
}

/// The same in short, as the author of a namespace is told.
pub(super) fn reasons(violations: &[Violation]) -> String {
    violations.iter().map(|it| it.reason).collect::<Vec<_>>().join(", ")
}

/// `container "a"`, `containers "a", "b"`.
pub(super) fn named(one: &str, names: &[&str]) -> String {
    format!("{} {}", plural(one, names.len()), quoted(names.iter().copied()))
}

pub(super) fn plural(one: &str, count: usize) -> String {
    if count == 1 { one.to_owned() } else { format!("{one}s") }
}

/// `"a", "b"`.
pub(super) fn quoted<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    items.into_iter().map(|it| format!("{it:?}")).collect::<Vec<_>>().join(", ")
}

/// Who sets something that they must not: the pod itself, some of its containers, or both.
#[derive(Default)]
pub(super) struct Setters<'a> {
    pub(super) pod: bool,
    pub(super) containers: Vec<&'a str>,
    pub(super) values: BTreeSet<&'a str>,
}

impl<'a> Setters<'a> {
    pub(super) fn is_empty(&self) -> bool {
        !self.pod && self.containers.is_empty()
    }

    pub(super) fn add_pod(&mut self, value: &'a str) {
        self.pod = true;
        self.values.insert(value);
    }

    pub(super) fn add(&mut self, container: &'a str, value: &'a str) {
        self.containers.push(container);
        self.values.insert(value);
    }

    /// `pod and container "a"`.
    pub(super) fn text(&self) -> String {
        self.parts().join(" and ")
    }

    pub(super) fn parts(&self) -> Vec<String> {
        let pod = self.pod.then(|| "pod".to_owned());
        let containers = (!self.containers.is_empty()).then(|| named("container", &self.containers));
        pod.into_iter().chain(containers).collect()
    }

    pub(super) fn quoted_values(&self) -> String {
        quoted(self.values.iter().copied())
    }
}
