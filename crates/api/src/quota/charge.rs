//! Whether a write fits into a quota.

use super::usage::of_container;
use super::{Usage, add, counts, fits, only, usage};
use crate::object::Object;
use crate::quantity::{Amount, amount, remainder};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, ResourceQuota};
use std::collections::{BTreeMap, BTreeSet};

/// Resources that every container has to name once a quota limits them. Upstream regrets it and adds no more.
const TO_BE_NAMED: &[&str] =
    &["cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"];

/// Whether the quota, as far as its status says what it is about, has a say about the object.
pub fn concerns(quota: &ResourceQuota, object: &Object) -> bool {
    hard(quota).keys().any(|it| counts(object.kind(), it)) && fits(quota, object)
}

/// What is used of the quota once `new` is there, in place of `old` if there is one; nothing when that is as it was. The
/// error says why `new` may not be there.
pub fn charge(
    quota: &ResourceQuota,
    new: &Object,
    old: Option<&Object>,
    now: Timestamp,
) -> Result<Option<Usage>, String> {
    if !concerns(quota, new) {
        return Ok(None);
    }
    let name = crate::meta::name(&quota.metadata);
    let limited: BTreeSet<&str> =
        hard(quota).keys().map(String::as_str).filter(|it| counts(new.kind(), it)).collect();
    if let Some(missing) = new.get::<Pod>().and_then(|it| unnamed(it, &limited)) {
        return Err(format!("failed quota: {name}: must specify {missing}"));
    }
    let known = quota.status.as_ref().and_then(|it| it.used.clone()).unwrap_or_default();
    if limited.iter().any(|it| !known.contains_key(*it)) {
        let limited: Vec<&str> = limited.into_iter().collect();
        return Err(format!("status unknown for quota: {name}, resources: {}", limited.join(",")));
    }
    let asked = asked(quota, new, old, now);
    if asked.is_empty() {
        return Ok(None);
    }
    let mut used = known.clone();
    add(&mut used, &asked);
    let exceeds = |it: &str| hard(quota).get(it).is_some_and(|limit| amount(&used[it]) > amount(limit));
    let exceeded = only(&asked, exceeds);
    if exceeded.is_empty() {
        return Ok(Some(used));
    }
    let shown = |it: &Usage| pretty(&only(it, |name| exceeded.contains_key(name)));
    Err(format!(
        "exceeded quota: {name}, requested: {}, used: {}, limited: {}",
        pretty(&exceeded),
        shown(&known),
        shown(hard(quota))
    ))
}

fn hard(quota: &ResourceQuota) -> &Usage {
    static NOTHING: Usage = Usage::new();
    quota.status.as_ref().and_then(|it| it.hard.as_ref()).unwrap_or(&NOTHING)
}

/// What the write needs of the quota's resources beyond what it had.
fn asked(quota: &ResourceQuota, new: &Object, old: Option<&Object>, now: Timestamp) -> Usage {
    let before = old.filter(|it| fits(quota, it)).map(|it| usage(it, now)).unwrap_or_default();
    let mut asked = only(&usage(new, now), |it| hard(quota).contains_key(it));
    for (name, quantity) in &mut asked {
        if let Some(before) = before.get(name) {
            *quantity = remainder(quantity, before);
        }
    }
    asked.retain(|_, it| amount(it) > Amount::default());
    asked
}

/// The resources that containers had to name and did not, with these containers. A pod that speaks for all its
/// containers is let off.
fn unnamed(pod: &Pod, limited: &BTreeSet<&str>) -> Option<String> {
    let spec = pod.spec.as_ref()?;
    let own = spec.resources.as_ref();
    if own.is_some_and(|it| it.requests.is_some() || it.limits.is_some()) {
        return None;
    }
    let needed = || TO_BE_NAMED.iter().filter(|it| limited.contains(**it));
    let mut missing: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for container in spec.containers.iter().chain(spec.init_containers.iter().flatten()) {
        let named = of_container(container);
        for name in needed().filter(|it| !named.contains_key(**it)) {
            missing.entry(name).or_default().insert(&container.name);
        }
    }
    let each = missing.iter().map(|(resource, containers)| {
        let containers: Vec<&str> = containers.iter().copied().collect();
        format!("{resource} for: {}", containers.join(","))
    });
    let text = each.collect::<Vec<_>>().join("; ");
    (!text.is_empty()).then_some(text)
}

fn pretty(usage: &Usage) -> String {
    let each: Vec<String> = usage.iter().map(|(name, it)| format!("{name}={}", it.0)).collect();
    each.join(",")
}
