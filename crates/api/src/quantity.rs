//! Kubernetes quantities: exact numbers with decimal or binary suffixes, such as `100m`, `1.5Gi`, `2e3`.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// A quantity in thousandths, exact as far as an i128 reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount {
    nanos: i128,
}

/// A text that is no quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
pub struct ParseError;

const NANO: i128 = 1_000_000_000;

impl Amount {
    /// A whole number.
    pub const fn whole(value: i64) -> Self {
        Self { nanos: value as i128 * NANO }
    }

    /// A number of thousandths.
    pub const fn millis(value: i64) -> Self {
        Self { nanos: value as i128 * (NANO / 1000) }
    }

    /// Parses a quantity. Digits below 10⁻⁹ are rounded up, as upstream does.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let end = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '+' | '-')).unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let (sign, digits) = match number.as_bytes().first() {
            Some(b'-') => (-1, &number[1..]),
            Some(b'+') => (1, &number[1..]),
            _ => (1, number),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let good = |it: &str| it.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !good(whole) || !good(fraction) {
            return Err(ParseError);
        }
        let (numerator, denominator) = scale_of(suffix)?;
        let nanos = scaled(whole, fraction, numerator, denominator).ok_or(ParseError)?;
        Ok(Self { nanos: sign * nanos })
    }

    /// The value rounded up to a whole number.
    pub fn value(self) -> i64 {
        clamp(ceil(self.nanos, NANO))
    }

    /// The value in thousandths, rounded up.
    pub fn milli_value(self) -> i64 {
        clamp(ceil(self.nanos, NANO / 1000))
    }

    /// Whether it is below zero.
    pub fn is_negative(self) -> bool {
        self.nanos < 0
    }

    /// Whether it is a whole number.
    pub fn is_whole(self) -> bool {
        self.nanos % NANO == 0
    }
}

impl std::ops::Add for Amount {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { nanos: self.nanos.saturating_add(other.nanos) }
    }
}

impl std::ops::Sub for Amount {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self { nanos: self.nanos.saturating_sub(other.nanos) }
    }
}

impl std::iter::Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::default(), |sum, it| sum + it)
    }
}

/// The amount of a quantity; zero for one that does not parse, which validation has refused before.
pub fn amount(quantity: &Quantity) -> Amount {
    Amount::parse(&quantity.0).unwrap_or_default()
}

/// How a quantity is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `1500M`.
    #[default]
    Decimal,
    /// `1536Mi`.
    Binary,
    /// `15e8`.
    Exponent,
}

impl Format {
    /// How this text is written.
    pub fn of(text: &str) -> Self {
        match text {
            it if it.ends_with('i') => Self::Binary,
            it if it.contains(['e', 'E']) && !it.ends_with('E') => Self::Exponent,
            _ => Self::Decimal,
        }
    }
}

impl Amount {
    /// The quantity as upstream stores it: no fraction, the largest suffix that keeps it exact.
    pub fn written(self, format: Format) -> Quantity {
        if format == Format::Binary && self.is_whole() && self.nanos.abs() >= 1024 * NANO {
            return Quantity(with_binary_suffix(self.nanos / NANO));
        }
        Quantity(with_decimal_suffix(self.nanos, format == Format::Exponent))
    }
}

/// The form in which upstream stores a quantity: no fraction, the largest suffix that keeps it exact.
pub fn canonical(text: &str) -> Result<String, ParseError> {
    Ok(Amount::parse(text)?.written(Format::of(text)).0)
}

/// The sum, written as the first is, or as the second when the first is zero.
pub fn sum(first: &Quantity, second: &Quantity) -> Quantity {
    let zero = amount(first) == Amount::default();
    let format = Format::of(if zero { &second.0 } else { &first.0 });
    (amount(first) + amount(second)).written(format)
}

/// What is left of the first, but never less than nothing.
pub fn remainder(first: &Quantity, second: &Quantity) -> Quantity {
    (amount(first) - amount(second)).max(Amount::default()).written(Format::of(&first.0))
}

fn with_binary_suffix(mut value: i128) -> String {
    let suffixes = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let mut at = 0;
    while value != 0 && value % 1024 == 0 && at + 1 < suffixes.len() {
        value /= 1024;
        at += 1;
    }
    format!("{value}{}", suffixes[at])
}

fn with_decimal_suffix(nanos: i128, exponent: bool) -> String {
    if nanos == 0 {
        return "0".to_owned();
    }
    let suffixes = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
    let (mut value, mut at) = (nanos, 0);
    while value % 1000 == 0 && at + 1 < suffixes.len() {
        value /= 1000;
        at += 1;
    }
    if exponent && at != 3 {
        return format!("{value}e{}", (at as i32 - 3) * 3);
    }
    format!("{value}{}", suffixes[at])
}

fn ceil(value: i128, unit: i128) -> i128 {
    value.div_euclid(unit) + i128::from(value.rem_euclid(unit) != 0)
}

fn clamp(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

/// What a suffix multiplies with, as a fraction of nanos.
fn scale_of(suffix: &str) -> Result<(i128, i128), ParseError> {
    let binary = |power: u32| Ok((NANO << (10 * power), 1));
    match suffix {
        "n" => Ok((1, 1)),
        "u" => Ok((1000, 1)),
        "m" => Ok((1_000_000, 1)),
        "" => Ok((NANO, 1)),
        "k" => Ok((NANO * 1000, 1)),
        "M" => Ok((NANO * 10_i128.pow(6), 1)),
        "G" => Ok((NANO * 10_i128.pow(9), 1)),
        "T" => Ok((NANO * 10_i128.pow(12), 1)),
        "P" => Ok((NANO * 10_i128.pow(15), 1)),
        "E" => Ok((NANO * 10_i128.pow(18), 1)),
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        "Ei" => binary(6),
        exponent => {
            let exponent: i32 =
                exponent.strip_prefix(['e', 'E']).ok_or(ParseError)?.parse().map_err(|_| ParseError)?;
            match exponent {
                -27..-9 => Ok((1, 10_i128.pow(exponent.unsigned_abs() - 9))),
                -9..0 => Ok((10_i128.pow(9 - exponent.unsigned_abs()), 1)),
                0..=18 => Ok((NANO * 10_i128.pow(exponent.unsigned_abs()), 1)),
                _ => Err(ParseError),
            }
        }
    }
}

fn scaled(whole: &str, fraction: &str, numerator: i128, denominator: i128) -> Option<i128> {
    let fraction = &fraction[..fraction.len().min(18)];
    let digits: i128 = format!("0{whole}{fraction}").parse().ok()?;
    let divisor = 10_i128.pow(u32::try_from(fraction.len()).ok()?).checked_mul(denominator)?;
    Some(ceil(digits.checked_mul(numerator)?, divisor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_prints_canonically() {
        let check = |text: &str, expect: &str| assert_eq!(canonical(text).as_deref(), Ok(expect), "{text}");
        check("0.5", "500m");
        check("1000m", "1");
        check("1.5Gi", "1536Mi");
        check("1024Mi", "1Gi");
        check("100Mi", "100Mi");
        check("128974848", "128974848");
        check("1e3", "1e3");
        check("0", "0");
        check("-1", "-1");
        check("0.1Gi", "107374182400m");
        check("200000000000000000000000000001e-9", "200000000000000000000000000001e-9");
        check("1e-27", "1e-9");
    }

    #[test]
    fn sums_keep_their_form() {
        let quantity = |text: &str| Quantity(text.to_owned());
        let check = |first: &str, second: &str, total: &str, left: &str| {
            assert_eq!(sum(&quantity(first), &quantity(second)).0, total, "{first} + {second}");
            assert_eq!(remainder(&quantity(first), &quantity(second)).0, left, "{first} - {second}");
        };
        check("0", "1Gi", "1Gi", "0");
        check("1Gi", "512Mi", "1536Mi", "512Mi");
        check("700m", "400m", "1100m", "300m");
        check("1", "2", "3", "0");
    }

    #[test]
    fn measures() {
        let amount = |text: &str| Amount::parse(text).expect("it parses");
        assert_eq!(amount("250m").milli_value(), 250);
        assert_eq!(amount("250m").value(), 1);
        assert_eq!(amount("1Gi").value(), 1 << 30);
        assert!(amount("999m") < amount("1"));
        for text in ["", "x", "1x", "1..2", "-", "1 ", "1e99", "--1"] {
            assert_eq!(Amount::parse(text), Err(ParseError), "{text}");
        }
    }
}
