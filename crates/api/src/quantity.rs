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

    /// Parses a quantity. Digits below 10⁻⁹ are rounded up, as upstream does. What is too large for this type counts as
    /// the largest there is; [`canonical`] writes it all the same.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Written::parse(text).map(|it| Self { nanos: it.nanos() })
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
        let binary = 1024 * NANO..=i128::from(i64::MAX) * NANO;
        if format == Format::Binary && self.is_whole() && binary.contains(&self.nanos.saturating_abs()) {
            return Quantity(with_binary_suffix(self.nanos / NANO));
        }
        Quantity(with_decimal_suffix(self.nanos, format))
    }
}

/// The form in which upstream stores a quantity: no fraction, the largest suffix that keeps it exact.
///
/// It has no bound, as upstream's has none, but for binary suffixes: those end at 2⁶³-1. Beyond the largest suffix,
/// where upstream would write one that is empty, and so another number, it is written with an exponent.
pub fn canonical(text: &str) -> Result<String, ParseError> {
    let written = Written::parse(text)?;
    match Format::of(text) {
        Format::Binary => Ok(Amount { nanos: written.nanos() }.written(Format::Binary).0),
        format => Ok(written.decimal(format)),
    }
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

fn with_decimal_suffix(nanos: i128, format: Format) -> String {
    let digits = nanos.unsigned_abs().to_string();
    Written { negative: nanos < 0, digits, exponent: LEAST, unit: Unit::Ten }.decimal(format)
}

/// The power of ten below which nothing is kept.
const LEAST: i64 = -9;

/// What digits are multiplied with, besides a power of ten.
#[derive(Clone, Copy, Debug)]
enum Unit {
    Ten,
    /// 2 to this power.
    Two(u32),
}

/// A number as it stands there: of any length.
struct Written {
    negative: bool,
    /// Without leading zeros; nothing for zero.
    digits: String,
    /// The power of ten that the digits are multiplied with: not below [`LEAST`], or twice that with a unit.
    exponent: i64,
    unit: Unit,
}

impl Written {
    fn parse(text: &str) -> Result<Self, ParseError> {
        let end = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '+' | '-')).unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let (negative, number) = match number.as_bytes().first() {
            Some(b'-') => (true, &number[1..]),
            Some(b'+') => (false, &number[1..]),
            _ => (false, number),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let good = |it: &str| it.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !good(whole) || !good(fraction) {
            return Err(ParseError);
        }
        let (exponent, unit) = scale_of(suffix)?;
        let digits = format!("{whole}{fraction}").trim_start_matches('0').to_owned();
        let exponent = exponent - i64::try_from(fraction.len()).map_err(|_| ParseError)?;
        let mut written = Self { negative, digits, exponent, unit };
        written.round_at(if matches!(unit, Unit::Ten) { LEAST } else { 2 * LEAST });
        Ok(written)
    }

    /// Rounds up what is below a power of ten.
    fn round_at(&mut self, least: i64) {
        let Ok(below @ 1..) = usize::try_from(least - self.exponent) else { return };
        self.exponent = least;
        let rest = self.digits.split_off(self.digits.len().saturating_sub(below));
        if rest.bytes().any(|it| it != b'0') {
            self.increment();
        }
    }

    fn increment(&mut self) {
        let kept = self.digits.trim_end_matches('9').len();
        let nines = self.digits.len() - kept;
        let last = self.digits[..kept].bytes().last().map_or(1, |it| it - b'0' + 1);
        self.digits.truncate(kept.saturating_sub(1));
        self.digits.push(char::from(b'0' + last));
        self.digits.push_str(&"0".repeat(nines));
    }

    /// The value in units of 10⁻⁹, as far as it fits.
    fn nanos(&self) -> i128 {
        let size = self.size().unwrap_or(i128::MAX);
        let size =
            if matches!(self.unit, Unit::Two(_)) { size.min(i128::from(i64::MAX) * NANO) } else { size };
        if self.negative { -size } else { size }
    }

    fn size(&self) -> Option<i128> {
        if self.digits.is_empty() {
            return Some(0);
        }
        let digits: i128 = self.digits.parse().ok()?;
        let Unit::Two(power) = self.unit else {
            return digits.checked_mul(10_i128.checked_pow(u32::try_from(self.exponent - LEAST).ok()?)?);
        };
        // Of the tens in a long fraction only the fives divide; the twos are taken from the unit.
        let long = u32::try_from(LEAST - self.exponent).unwrap_or(0);
        let short = u32::try_from(self.exponent - LEAST).unwrap_or(0);
        let scaled = digits.checked_mul(10_i128.pow(short))?.checked_mul(1 << (power - long))?;
        Some(ceil(scaled, 5_i128.pow(long)))
    }

    /// With the largest decimal suffix that keeps it exact, or an exponent.
    fn decimal(&self, format: Format) -> String {
        let significant = self.digits.trim_end_matches('0');
        if significant.is_empty() {
            return "0".to_owned();
        }
        let mut exponent = self.exponent + (self.digits.len() - significant.len()) as i64;
        let zeros = exponent.rem_euclid(3);
        exponent -= zeros;
        let sign = if self.negative { "-" } else { "" };
        let zeros = &"00"[..zeros as usize];
        let suffix = match (exponent, usize::try_from((exponent - LEAST) / 3)) {
            (0, _) => String::new(),
            (_, Ok(at)) if format != Format::Exponent && at < SUFFIXES.len() => SUFFIXES[at].to_owned(),
            _ => format!("e{exponent}"),
        };
        format!("{sign}{significant}{zeros}{suffix}")
    }
}

/// For every third power of ten, from [`LEAST`] on.
const SUFFIXES: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];

fn ceil(value: i128, unit: i128) -> i128 {
    value.div_euclid(unit) + i128::from(value.rem_euclid(unit) != 0)
}

fn clamp(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

/// What a suffix multiplies with: a power of ten, or a unit.
fn scale_of(suffix: &str) -> Result<(i64, Unit), ParseError> {
    if let Some(at) = SUFFIXES.iter().position(|it| *it == suffix) {
        return Ok((at as i64 * 3 + LEAST, Unit::Ten));
    }
    if let Some(at) = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].iter().position(|it| *it == suffix) {
        return Ok((0, Unit::Two(at as u32 * 10 + 10)));
    }
    let exponent = suffix.strip_prefix(['e', 'E']).ok_or(ParseError)?;
    exponent.parse::<i32>().map(|it| (it.into(), Unit::Ten)).map_err(|_| ParseError)
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
        check("0.0000000019", "2n");
        check("1.000000000000000001Ei", "1152921504606846977152921505n");
        check("0.33333333333333333333333333Ki", "341333333334n");
        check("0.9999999999", "1");
        check("1.9999999999e-9", "2e-9");
        check("+00.500", "500m");
        check("1e-2147483648", "1e-9");
    }

    #[test]
    fn large_numbers_stay_what_they_are() {
        let check = |text: &str, expect: &str| assert_eq!(canonical(text).as_deref(), Ok(expect), "{text}");
        check("9223372036854775807", "9223372036854775807");
        check("9223372036854775808", "9223372036854775808");
        check("-9223372036854775808000", "-9223372036854775808k");
        check("1e30", "1e30");
        check("1e31", "10e30");
        check("12e2147483640", "12e2147483640");
        check("1000E", "1e21");
        check(
            "123456789012345678901234567890123456789012345",
            "123456789012345678901234567890123456789012345",
        );
        check("7Ei", "7Ei");
        check("8Ei", "9223372036854775807");
        assert!(Amount::parse("1e40").expect("it parses") > Amount::parse("1e20").expect("it parses"));
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
        for text in ["", "x", "1x", "1..2", "-", "1 ", "1e", "1e1.5", "1e99999999999", "--1"] {
            assert_eq!(Amount::parse(text), Err(ParseError), "{text}");
        }
    }
}
