//! When a schedule comes due: cron's five fields, the names for common ones, and fixed intervals.
//!
//! The rules are those of upstream's parser: a day matches by day of month *and* day of week when one of them is `*`,
//! by either one otherwise; `5/15` means `5-59/15`. Local times that a clock change skips do not come due that day;
//! those that it repeats come due twice.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan, Zoned};

/// When something comes due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Schedule {
    /// At minutes that match five fields.
    Fields(Box<Fields>),
    /// So long after the last time.
    Every(SignedDuration),
}

/// What minutes match, as sets of bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fields {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether a day needs to match by both of its fields.
    both_days: bool,
    zone: TimeZone,
}

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
/// A schedule that does not come due within so many years never does.
const FAR: i32 = 5;

impl Schedule {
    /// Reads a schedule; times are those of `zone`. Nothing when it makes no sense.
    pub(super) fn parse(text: &str, zone: TimeZone) -> Option<Self> {
        if let Some(interval) = text.strip_prefix("@every ") {
            return interval_of(interval).map(Self::Every);
        }
        let text = match text {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            other => other,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let &[minutes, hours, days, months, weekdays] = fields.as_slice() else { return None };
        Some(Self::Fields(Box::new(Fields {
            minutes: bits(minutes, 0, 59, &[])?,
            hours: bits(hours, 0, 23, &[])?,
            days: bits(days, 1, 31, &[])?,
            months: bits(months, 1, 12, MONTHS)?,
            weekdays: bits(weekdays, 0, 6, WEEKDAYS)?,
            both_days: is_any(days) || is_any(weekdays),
            zone,
        })))
    }

    /// The first time after this one.
    pub(super) fn next(&self, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every(interval) => {
                let next = after.checked_add(*interval).ok()?;
                Timestamp::from_second(next.as_second()).ok()
            }
            Self::Fields(fields) => fields.next(after),
        }
    }
}

impl Fields {
    fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let seconds = after.as_second();
        let start = Timestamp::from_second(seconds - seconds.rem_euclid(60) + 60).ok()?;
        let mut time = start.to_zoned(self.zone.clone());
        let last = time.year().checked_add(i16::try_from(FAR).ok()?)?;
        while time.year() <= last {
            time = match self.step(&time)? {
                None => return Some(time.timestamp()),
                Some(later) => later,
            };
        }
        None
    }

    /// A later time to look at; the inner nothing when this one matches. The outer one is the end of time.
    fn step(&self, time: &Zoned) -> Option<Option<Zoned>> {
        let later = if !has(self.months, time.month()) {
            time.last_of_month().ok()?.tomorrow().ok()?.start_of_day().ok()?
        } else if !self.matches_day(time) {
            time.tomorrow().ok()?.start_of_day().ok()?
        } else if !has(self.hours, time.hour()) {
            time.checked_add((60 - i64::from(time.minute())).minutes()).ok()?
        } else if !has(self.minutes, time.minute()) {
            time.checked_add(1.minute()).ok()?
        } else {
            return Some(None);
        };
        Some(Some(later))
    }

    fn matches_day(&self, time: &Zoned) -> bool {
        let day = has(self.days, time.day());
        let weekday = has(self.weekdays, time.weekday().to_sunday_zero_offset());
        if self.both_days { day && weekday } else { day || weekday }
    }
}

fn has(bits: u64, number: i8) -> bool {
    bits >> number & 1 == 1
}

fn is_any(field: &str) -> bool {
    field.split(',').any(|it| matches!(it, "*" | "?") || it.starts_with("*/1") && it.len() == 3)
}

/// The numbers that a field such as `1-5,10/2` names.
fn bits(field: &str, least: u32, most: u32, names: &[&str]) -> Option<u64> {
    let mut all = 0;
    for part in field.split(',').filter(|it| !it.is_empty()) {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<u32>().ok().filter(|it| *it > 0)?)),
            None => (part, None),
        };
        let number = |text: &str| number_of(text, least, names);
        let (first, last) = match range.split_once('-') {
            _ if matches!(range, "*" | "?") => (least, most),
            Some((first, last)) => (number(first)?, number(last)?),
            None if step.is_some() => (number(range)?, most),
            None => (number(range)?, number(range)?),
        };
        if first < least || last > most || first > last {
            return None;
        }
        let step = usize::try_from(step.unwrap_or(1)).ok()?;
        all |= (first..=last).step_by(step).fold(0, |bits, it| bits | 1 << it);
    }
    (all != 0).then_some(all)
}

fn number_of(text: &str, least: u32, names: &[&str]) -> Option<u32> {
    match names.iter().position(|it| it.eq_ignore_ascii_case(text)) {
        Some(at) => u32::try_from(at).ok().map(|it| it + least),
        None => text.parse().ok(),
    }
}

/// Such as `1h30m`; less than a second counts as one.
fn interval_of(text: &str) -> Option<SignedDuration> {
    let (mut rest, mut seconds) = (text, 0_f64);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, unit) = rest.split_at(digits);
        let (length, scale) = match unit {
            it if it.starts_with("ms") => (2, 1e-3),
            it if it.starts_with("us") => (2, 1e-6),
            it if it.starts_with("ns") => (2, 1e-9),
            it if it.starts_with('h') => (1, 3600.0),
            it if it.starts_with('m') => (1, 60.0),
            it if it.starts_with('s') => (1, 1.0),
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * scale;
        rest = &unit[length..];
    }
    // A cast of a float saturates.
    (!text.is_empty()).then(|| SignedDuration::from_secs((seconds as i64).max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_in(zone: &str, schedule: &str, after: &str, expect: &[&str]) {
        let zone = TimeZone::get(zone).unwrap();
        let schedule = Schedule::parse(schedule, zone).expect("it is a schedule");
        let mut time: Timestamp = after.parse().unwrap();
        for expect in expect {
            time = schedule.next(time).expect("it comes due");
            assert_eq!(time.to_string(), *expect);
        }
    }

    fn check(schedule: &str, after: &str, expect: &[&str]) {
        check_in("UTC", schedule, after, expect);
    }

    #[test]
    fn fields_are_crons() {
        check("* * * * *", "2030-01-01T00:00:00Z", &["2030-01-01T00:01:00Z", "2030-01-01T00:02:00Z"]);
        check(
            "*/20 * * * *",
            "2030-01-01T00:00:59Z",
            &["2030-01-01T00:20:00Z", "2030-01-01T00:40:00Z", "2030-01-01T01:00:00Z"],
        );
        check(
            "50/5 3 * * *",
            "2030-01-01T00:00:00Z",
            &["2030-01-01T03:50:00Z", "2030-01-01T03:55:00Z", "2030-01-02T03:50:00Z"],
        );
        check("0 0 29 feb *", "2030-01-01T00:00:00Z", &["2032-02-29T00:00:00Z"]);
        check("0 12 * * MON-TUE", "2030-01-01T12:00:00Z", &["2030-01-07T12:00:00Z", "2030-01-08T12:00:00Z"]);
        check("@monthly", "2030-01-31T00:00:00Z", &["2030-02-01T00:00:00Z", "2030-03-01T00:00:00Z"]);
        check("@every 1h30m", "2030-01-01T00:10:05Z", &["2030-01-01T01:40:05Z", "2030-01-01T03:10:05Z"]);
    }

    #[test]
    fn days_match_by_either_field_unless_one_is_open() {
        check(
            "0 0 13 * 5",
            "2030-09-01T00:00:00Z",
            &["2030-09-06T00:00:00Z", "2030-09-13T00:00:00Z", "2030-09-20T00:00:00Z"],
        );
        check("0 0 ? * 6", "2030-01-01T00:00:00Z", &["2030-01-05T00:00:00Z", "2030-01-12T00:00:00Z"]);
        check(
            "0 0 */2 * 1",
            "2030-01-01T00:00:00Z",
            &["2030-01-03T00:00:00Z", "2030-01-05T00:00:00Z", "2030-01-07T00:00:00Z"],
        );
    }

    #[test]
    fn clock_changes_skip_and_repeat() {
        let berlin = "Europe/Berlin";
        check_in(berlin, "0 12 * * *", "2030-01-01T00:00:00Z", &["2030-01-01T11:00:00Z"]);
        check_in(
            berlin,
            "30 2 * * *",
            "2030-03-30T00:00:00Z",
            &["2030-03-30T01:30:00Z", "2030-04-01T00:30:00Z"],
        );
        check_in(
            berlin,
            "30 2 * * *",
            "2030-10-26T12:00:00Z",
            &["2030-10-27T00:30:00Z", "2030-10-27T01:30:00Z", "2030-10-28T01:30:00Z"],
        );
    }

    #[test]
    fn nonsense_has_no_schedule() {
        for text in ["", "x", "* * * *", "60 * * * *", "* * 0 * *", "@never", "@every x", "5-1 * * * *"] {
            assert_eq!(Schedule::parse(text, TimeZone::UTC), None, "{text}");
        }
        assert_eq!(Schedule::parse("0 0 31 2 *", TimeZone::UTC).unwrap().next(Timestamp::UNIX_EPOCH), None);
    }
}
