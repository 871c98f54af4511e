//! The values of `format` that are checked. Formats that are not known here say nothing, as upstream has it.

use base64::Engine as _;
use serde_json::Value;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Whether a text has a format; a format that is not known holds.
pub(crate) fn holds(format: &str, text: &str) -> bool {
    match format {
        "date-time" | "datetime" => is_date_time(text),
        "date" => is_date(text),
        "duration" => is_duration(text),
        "byte" => base64::engine::general_purpose::STANDARD.decode(text).is_ok(),
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        "cidr" => is_cidr(text),
        "mac" => is_mac(text),
        "uuid" | "uuid3" | "uuid4" | "uuid5" => is_uuid(format, text),
        "email" => is_email(text),
        "hostname" => is_hostname(text),
        "uri" => crate::cel::url::Url::parse(text).is_some(),
        "hexcolor" => is_hex_color(text),
        "k8s-short-name" => text.len() <= 63 && is_label(text),
        "k8s-long-name" => text.len() <= 253 && text.split('.').all(is_label),
        _ => true,
    }
}

/// Whether a number fits its format.
pub(crate) fn holds_number(format: &str, value: &Value) -> bool {
    match format {
        "int32" => value.as_f64().is_some_and(|it| it >= f64::from(i32::MIN) && it <= f64::from(i32::MAX)),
        "int64" => value.is_i64() || value.as_f64().is_some_and(|it| it.abs() < 9.3e18),
        "float" => value.as_f64().is_some_and(|it| it.abs() <= f64::from(f32::MAX)),
        _ => true,
    }
}

/// RFC 3339 with a time zone.
pub(crate) fn is_date_time(text: &str) -> bool {
    text.parse::<jiff::Timestamp>().is_ok()
}

fn is_date(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()
}

/// Go's durations, and words such as `3 days`, which upstream's validator takes too.
fn is_duration(text: &str) -> bool {
    crate::cel::time::parse_duration(text).is_some() || worded_duration(text)
}

fn worded_duration(text: &str) -> bool {
    let units = ["ns", "us", "µs", "ms", "s", "sec", "m", "min", "h", "hr", "d", "day", "w", "wk", "week"];
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let unit = unit.trim();
    let words =
        ["second", "minute", "hour", "nano", "micro", "milli", "nanosecond", "microsecond", "millisecond"];
    let known = |it: &str| units.contains(&it) || words.contains(&it);
    !number.is_empty() && (known(unit) || known(unit.trim_end_matches('s')))
}

pub(crate) fn is_cidr(text: &str) -> bool {
    text.parse::<ipnet::IpNet>().is_ok()
}

fn is_mac(text: &str) -> bool {
    let parts: Vec<&str> = text.split([':', '-']).collect();
    matches!(parts.len(), 6 | 8) && parts.iter().all(|it| it.len() == 2 && is_hex(it))
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn is_uuid(format: &str, text: &str) -> bool {
    let hex: String = text.chars().filter(|c| *c != '-').collect();
    let version = hex.chars().nth(12);
    let expected = format.chars().nth(4);
    hex.len() == 32 && is_hex(&hex) && (expected.is_none() || version == expected)
}

fn is_email(text: &str) -> bool {
    text.rsplit_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && !name.contains(char::is_whitespace) && is_hostname(host)
    })
}

fn is_hostname(text: &str) -> bool {
    let part = |it: &str| {
        let inside = it.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        !it.is_empty() && it.len() <= 63 && inside && !it.starts_with('-') && !it.ends_with('-')
    };
    text.len() <= 255 && text.trim_end_matches('.').split('.').all(part)
}

fn is_hex_color(text: &str) -> bool {
    let digits = text.trim_start_matches('#');
    matches!(digits.len(), 3 | 6) && is_hex(digits)
}

/// A DNS label.
pub(crate) fn is_label(text: &str) -> bool {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    text.bytes().all(|b| good(b) || b == b'-')
        && text.bytes().next().is_some_and(good)
        && text.bytes().next_back().is_some_and(good)
}
