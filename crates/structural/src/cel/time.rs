//! Durations in Go's spelling (`1h30m`), and time stamps.

use jiff::{SignedDuration, Timestamp};
use std::fmt::Write as _;

/// A length of time, to the nanosecond.
pub(crate) type Duration = SignedDuration;

const UNITS: [(&str, i128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Go's `time.ParseDuration`: signed decimal numbers, each with a unit.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    let mut nanos: i128 = 0;
    let mut any = false;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, next) = after.split_at(end);
        let scale = UNITS.iter().find(|it| it.0 == unit)?.1;
        nanos = nanos.checked_add(scaled(number, scale)?)?;
        (rest, any) = (next, true);
    }
    let nanos = i64::try_from(sign * nanos).ok()?;
    any.then(|| Duration::from_nanos(nanos))
}

fn scaled(number: &str, scale: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || whole.len() > 19 || fraction.contains('.') {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let fraction = &fraction[..fraction.len().min(15)];
    let part: i128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    Some(whole * scale + part * scale / 10i128.pow(fraction.len() as u32))
}

/// RFC 3339.
pub(crate) fn parse_timestamp(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// CEL's text of a duration: seconds with as many decimals as needed.
pub(crate) fn format_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let mut text = format!("{}{}", if nanos < 0 { "-" } else { "" }, nanos.unsigned_abs() / 1_000_000_000);
    let rest = nanos.unsigned_abs() % 1_000_000_000;
    if rest != 0 {
        let _ = write!(text, ".{}", format!("{rest:09}").trim_end_matches('0'));
    }
    text + "s"
}

/// A time zone by name or offset, as accessors of time stamps take it; UTC when there is none.
pub(crate) fn zone(name: Option<&str>) -> Option<jiff::tz::TimeZone> {
    let Some(name) = name.filter(|it| !it.is_empty() && *it != "UTC") else {
        return Some(jiff::tz::TimeZone::UTC);
    };
    let (sign, offset) = match name.strip_prefix('-') {
        Some(offset) => (-1, offset),
        None => (1, name.strip_prefix('+').unwrap_or(name)),
    };
    if let Some((hours, minutes)) = offset.split_once(':') {
        let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
        let seconds = sign * (hours.checked_mul(3600)?.checked_add(minutes.checked_mul(60)?)?);
        return jiff::tz::Offset::from_seconds(seconds).ok().map(jiff::tz::TimeZone::fixed);
    }
    jiff::tz::TimeZone::get(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_go_reads_them() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(parse_duration(text).map(format_duration).as_deref(), expect, "{text}");
        };
        check("1h30m", Some("5400s"));
        check("-1.5s", Some("-1.5s"));
        check("100ms", Some("0.1s"));
        check("0", Some("0s"));
        check("1", None);
        check("", None);
        check("1d", None);
        check("99999999999999999999h", None);
    }
}
