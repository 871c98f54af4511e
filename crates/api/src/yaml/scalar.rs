//! What a plain scalar means under YAML 1.1, the way kubectl's library reads it.

use serde_json::{Number, Value};

/// The value of an unquoted scalar without a tag.
pub(super) fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => true.into(),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => false.into(),
        _ => number(text).map_or_else(|| text.into(), Value::Number),
    }
}

/// Whether some reader of YAML could take this text for something else than text.
pub(super) fn is_ambiguous(text: &str) -> bool {
    !resolve(text).is_string()
        || text == "<<"
        || text == "="
        || text.parse::<f64>().is_ok()
        || looks_like_time(text)
        || matches!(text.to_ascii_lowercase().as_str(), ".nan" | ".inf" | "-.inf" | "+.inf")
}

fn number(text: &str) -> Option<Number> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return None;
    }
    let plain = text.replace('_', "");
    integer(&plain).or_else(|| float(&plain))
}

/// Decimal, or with the prefixes `0x`, `0b`, `0o` and `0`.
fn integer(text: &str) -> Option<Number> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    if !digits.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let value = u64::from_str_radix(digits, radix).ok()?;
    match negative {
        false => Some(value.into()),
        true => 0_i64.checked_sub_unsigned(value).map(Number::from),
    }
}

/// `[-+]?[0-9]*\.?[0-9]+([eE][-+][0-9]+)?`; a whole number is written without its point, as Go writes it.
fn float(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let digits = |it: &str| it.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or(("", mantissa));
    if !digits(whole) || fraction.is_empty() || !digits(fraction) {
        return None;
    }
    if let Some(exponent) = exponent {
        let power = exponent.strip_prefix(['+', '-'])?;
        if power.is_empty() || !digits(power) {
            return None;
        }
    }
    let value: f64 = text.parse().ok()?;
    // Up to 2⁵³ every whole number is exact.
    if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 {
        return Some((value as i64).into());
    }
    Number::from_f64(value)
}

/// `2026-01-01...`, and the older `1:30`.
fn looks_like_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    let date = bytes.len() >= 8 && bytes[..4].iter().all(u8::is_ascii_digit) && bytes[4] == b'-';
    let sexagesimal = text.contains(':')
        && text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-'))
        && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b':' | b'.' | b'_' | b'+' | b'-'));
    date || sexagesimal
}
