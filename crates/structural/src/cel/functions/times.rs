//! The parts of time stamps and durations.

use super::{Cost, Function, Outcome, Param, member, text};
use crate::cel::error::EvalError;
use crate::cel::time;
use crate::cel::value::Val;
use Param::{Duration, Int, String as Str, Timestamp};
use jiff::Zoned;

/// Two rows: in UTC, and in the zone of an argument.
macro_rules! part_of_time {
    ($name:literal, $part:expr) => {
        [
            member($name, &[Timestamp], Int, Cost::One, |_, args| part(args, $part)),
            member($name, &[Timestamp, Str], Int, Cost::One, |_, args| part(args, $part)),
        ]
    };
}

macro_rules! part_of_duration {
    ($name:literal, $nanos:literal) => {
        member($name, &[Duration], Int, Cost::One, |_, args| match &args[0] {
            Val::Duration(it) => Ok(Val::Int(i64::try_from(it.as_nanos() / $nanos).unwrap_or(i64::MAX))),
            _ => Err(EvalError::no_such_overload()),
        })
    };
}

const PARTS: &[[Function; 2]] = &[
    part_of_time!("getFullYear", |it| i64::from(it.year())),
    part_of_time!("getMonth", |it| i64::from(it.month()) - 1),
    part_of_time!("getDate", |it| i64::from(it.day())),
    part_of_time!("getDayOfMonth", |it| i64::from(it.day()) - 1),
    part_of_time!("getDayOfWeek", |it| i64::from(it.weekday().to_sunday_zero_offset())),
    part_of_time!("getDayOfYear", |it| i64::from(it.day_of_year()) - 1),
    part_of_time!("getHours", |it| i64::from(it.hour())),
    part_of_time!("getMinutes", |it| i64::from(it.minute())),
    part_of_time!("getSeconds", |it| i64::from(it.second())),
    part_of_time!("getMilliseconds", |it| i64::from(it.millisecond())),
    [part_of_duration!("getHours", 3_600_000_000_000), part_of_duration!("getMinutes", 60_000_000_000)],
    [part_of_duration!("getSeconds", 1_000_000_000), part_of_duration!("getMilliseconds", 1_000_000)],
];

pub(super) const FUNCTIONS: &[Function] = PARTS.as_flattened();

fn part<'a>(args: &[Val<'a>], part: fn(&Zoned) -> i64) -> Outcome<'a> {
    let Val::Timestamp(timestamp) = &args[0] else { return Err(EvalError::no_such_overload()) };
    let name = (args.len() > 1).then(|| text(args, 1));
    let zone = time::zone(name).ok_or_else(|| EvalError::failed("unknown time zone"))?;
    Ok(Val::Int(part(&timestamp.to_zoned(zone))))
}
