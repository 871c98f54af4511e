//! Checks that many kinds share.

use crate::field::{Error, Errors, Path};
use crate::validation::names::{self, Messages};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::Serialize;
use serde_json::Value;
use std::net::IpAddr;

/// What is said of a field that may not change.
pub(crate) const IMMUTABLE: &str = "field is immutable";

/// Each message becomes an error about the value.
pub(crate) fn all(errors: &mut Errors, path: &Path, value: &str, messages: Messages) {
    errors.extend(messages.into_iter().map(|it| Error::invalid(path, value, it)));
}

/// The same for numbers.
pub(crate) fn all_of_number(errors: &mut Errors, path: &Path, value: i64, messages: Messages) {
    errors.extend(messages.into_iter().map(|it| Error::invalid(path, value, it)));
}

/// The field may not change.
pub(crate) fn immutable<T: PartialEq + Serialize>(errors: &mut Errors, path: &Path, new: &T, old: &T) {
    if new != old {
        errors.push(Error::invalid(path, shown(new), IMMUTABLE));
    }
}

/// A value as it stands in messages.
pub(crate) fn shown<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).expect("API types serialize to JSON")
}

/// A number that may not be below zero.
pub(crate) fn not_negative(errors: &mut Errors, path: &Path, value: Option<i64>) {
    if let Some(value) = value.filter(|it| *it < 0) {
        errors.push(Error::invalid(path, value, "must be greater than or equal to 0"));
    }
}

/// A text that must be one of a few.
pub(crate) fn one_of(errors: &mut Errors, path: &Path, value: Option<&str>, known: &[&str]) {
    match value.unwrap_or_default() {
        "" => errors.push(Error::required(path, "")),
        value if known.contains(&value) => {}
        value => errors.push(Error::not_supported(path, value, known)),
    }
}

/// A text that must be one of a few, if it is there.
pub(crate) fn optional_one_of(errors: &mut Errors, path: &Path, value: Option<&str>, known: &[&str]) {
    if value.is_some_and(|it| !it.is_empty()) {
        one_of(errors, path, value, known);
    }
}

/// A text that must be there and have a format.
pub(crate) fn required(errors: &mut Errors, path: &Path, value: &str, check: fn(&str) -> Messages) {
    match value {
        "" => errors.push(Error::required(path, "")),
        value => all(errors, path, value, check(value)),
    }
}

/// A text that must have a format if it is there.
pub(crate) fn optional(errors: &mut Errors, path: &Path, value: Option<&str>, check: fn(&str) -> Messages) {
    if let Some(value) = value.filter(|it| !it.is_empty()) {
        all(errors, path, value, check(value));
    }
}

/// The selector of a workload, a policy or an affinity.
pub(crate) fn label_selector(errors: &mut Errors, path: &Path, selector: &LabelSelector) {
    super::meta::labels(errors, &path.child("matchLabels"), selector.match_labels.as_ref());
    for (index, requirement) in selector.match_expressions.iter().flatten().enumerate() {
        let path = path.child("matchExpressions").index(index);
        let none = requirement.values.as_ref().is_none_or(Vec::is_empty);
        match requirement.operator.as_str() {
            "In" | "NotIn" if none => {
                let detail = "must be specified when `operator` is 'In' or 'NotIn'";
                errors.push(Error::required(&path.child("values"), detail));
            }
            "Exists" | "DoesNotExist" if !none => {
                let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                errors.push(Error::forbidden(&path.child("values"), detail));
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            other => {
                errors.push(Error::invalid(&path.child("operator"), other, "not a valid selector operator"));
            }
        }
        all(errors, &path.child("key"), &requirement.key, names::qualified_name(&requirement.key));
        for (at, value) in requirement.values.iter().flatten().enumerate() {
            all(errors, &path.child("values").index(at), value, names::label_value(value));
        }
    }
}

/// Whether a selector selects everything, which workloads may not.
pub(crate) fn is_empty(selector: &LabelSelector) -> bool {
    selector.match_labels.as_ref().is_none_or(std::collections::BTreeMap::is_empty)
        && selector.match_expressions.as_ref().is_none_or(Vec::is_empty)
}

/// A number not below zero, or a percentage.
pub(crate) fn int_or_percent(errors: &mut Errors, path: &Path, value: &IntOrString) {
    match value {
        IntOrString::Int(number) => not_negative(errors, path, Some(i64::from(*number))),
        IntOrString::String(text) => all(errors, path, text, names::percent(text)),
    }
}

/// The percentage, or the number, that this is; `None` for what [`int_or_percent`] refuses.
pub(crate) fn number_of(value: &IntOrString) -> Option<i64> {
    match value {
        IntOrString::Int(number) => Some(i64::from(*number)),
        IntOrString::String(text) => text.strip_suffix('%')?.parse().ok(),
    }
}

/// A percentage may not be above 100.
pub(crate) fn at_most_all(errors: &mut Errors, path: &Path, value: &IntOrString) {
    if let IntOrString::String(text) = value
        && number_of(value).is_some_and(|it| it > 100)
    {
        errors.push(Error::invalid(path, text.as_str(), "must not be greater than 100%"));
    }
}

/// A name such as `example.com/part`: a domain, and a path below it.
pub(crate) fn domain_prefixed_path(errors: &mut Errors, path: &Path, value: &str) {
    if value.is_empty() {
        errors.push(Error::required(path, ""));
        return;
    }
    let Some((host, below)) =
        value.split_once('/').filter(|(host, below)| !host.is_empty() && !below.is_empty())
    else {
        let detail = "must be a domain-prefixed path (such as \"acme.io/foo\")";
        errors.push(Error::invalid(path, value, detail));
        return;
    };
    all(errors, path, host, names::dns_subdomain(host));
    all(errors, path, below, names::http_path(below));
}

/// An address that endpoints can have: not one of this host, of a link or of nothing.
pub(crate) fn non_special_ip(errors: &mut Errors, path: &Path, text: &str) {
    let Ok(address) = text.parse::<IpAddr>() else {
        errors.push(Error::invalid(path, text, "must be a valid IP address"));
        return;
    };
    let (link_local, link_multicast) = match address {
        IpAddr::V4(it) => (it.is_link_local(), it.octets()[..3] == [224, 0, 0]),
        IpAddr::V6(it) => (it.is_unicast_link_local(), it.segments()[0] & 0xff0f == 0xff02),
    };
    if address.is_unspecified() {
        errors.push(Error::invalid(path, text, format!("may not be unspecified ({text})")));
    }
    for (is_special, detail) in [
        (address.is_loopback(), "may not be in the loopback range (127.0.0.0/8, ::1/128)"),
        (link_local, "may not be in the link-local range (169.254.0.0/16, fe80::/10)"),
        (link_multicast, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"),
    ] {
        if is_special {
            errors.push(Error::invalid(path, text, detail));
        }
    }
}

/// A port by number or by name.
pub(crate) fn port(errors: &mut Errors, path: &Path, port: &IntOrString) {
    match port {
        IntOrString::Int(number) => {
            all_of_number(errors, path, i64::from(*number), names::port_number(*number))
        }
        IntOrString::String(name) => all(errors, path, name, names::port_name(name)),
    }
}
