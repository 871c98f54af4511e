//! Whether a text is a schedule in cron's format: five fields, or a descriptor such as `@daily`.

/// A text that is no schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum Error {
    #[error("expected exactly 5 fields, found {found}: [{text}]")]
    Fields { found: usize, text: String },
    #[error("unrecognized descriptor: {0}")]
    Descriptor(String),
    #[error("failed to parse duration {0}")]
    Duration(String),
    #[error("failed to parse int from {0}")]
    Number(String),
    #[error("beginning of range ({value}) below minimum ({least}): {text}")]
    Below { value: u32, least: u32, text: String },
    #[error("end of range ({value}) above maximum ({most}): {text}")]
    Above { value: u32, most: u32, text: String },
    #[error("beginning of range ({start}) beyond end of range ({end}): {text}")]
    Backwards { start: u32, end: u32, text: String },
    #[error("step of range should be a positive number: {0}")]
    Step(String),
    #[error("too many slashes: {0}")]
    Slashes(String),
    #[error("too many hyphens: {0}")]
    Hyphens(String),
}

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// What one field may hold.
struct Bounds {
    least: u32,
    most: u32,
    names: &'static [&'static str],
}

const FIELDS: [Bounds; 5] = [
    Bounds { least: 0, most: 59, names: &[] },
    Bounds { least: 0, most: 23, names: &[] },
    Bounds { least: 1, most: 31, names: &[] },
    Bounds { least: 1, most: 12, names: MONTHS },
    Bounds { least: 0, most: 6, names: DAYS },
];

/// Checks a schedule.
pub fn check(text: &str) -> Result<(), Error> {
    if let Some(descriptor) = text.strip_prefix('@') {
        return check_descriptor(text, descriptor);
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        return Err(Error::Fields { found: fields.len(), text: fields.join(" ") });
    }
    fields.iter().zip(&FIELDS).try_for_each(|(field, bounds)| {
        field.split(',').filter(|it| !it.is_empty()).try_for_each(|it| check_range(it, bounds))
    })
}

fn check_descriptor(text: &str, descriptor: &str) -> Result<(), Error> {
    match descriptor {
        "yearly" | "annually" | "monthly" | "weekly" | "daily" | "midnight" | "hourly" => Ok(()),
        _ => match descriptor.strip_prefix("every ") {
            Some(duration) if is_duration(duration) => Ok(()),
            Some(_) => Err(Error::Duration(text.to_owned())),
            None => Err(Error::Descriptor(text.to_owned())),
        },
    }
}

/// Such as `1h30m`.
fn is_duration(text: &str) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let unit = &rest[digits..];
        let known = ["ms", "us", "ns", "h", "m", "s"].iter().find(|it| unit.starts_with(**it));
        let (Some(unit), true) = (known, digits > 0) else { return false };
        rest = &rest[digits + unit.len()..];
    }
    !text.is_empty()
}

/// `*`, `a`, `a-b`, each with an optional `/step`.
fn check_range(text: &str, bounds: &Bounds) -> Result<(), Error> {
    let parts: Vec<&str> = text.split('/').collect();
    let ends: Vec<&str> = parts[0].split('-').collect();
    if parts.len() > 2 {
        return Err(Error::Slashes(text.to_owned()));
    }
    if ends.len() > 2 {
        return Err(Error::Hyphens(text.to_owned()));
    }
    if !matches!(ends[0], "*" | "?") {
        let start = number(ends[0], bounds)?;
        let end = ends.get(1).map_or(Ok(start), |it| number(it, bounds))?;
        let text = || text.to_owned();
        if start < bounds.least {
            return Err(Error::Below { value: start, least: bounds.least, text: text() });
        }
        if end > bounds.most {
            return Err(Error::Above { value: end, most: bounds.most, text: text() });
        }
        if start > end {
            return Err(Error::Backwards { start, end, text: text() });
        }
    }
    match parts.get(1).map(|it| it.parse::<u32>()) {
        None | Some(Ok(1..)) => Ok(()),
        Some(Ok(0)) => Err(Error::Step(text.to_owned())),
        Some(Err(_)) => Err(Error::Number(parts[1].to_owned())),
    }
}

fn number(text: &str, bounds: &Bounds) -> Result<u32, Error> {
    let lower = text.to_ascii_lowercase();
    if let Some(at) = bounds.names.iter().position(|it| *it == lower) {
        return Ok(bounds.least + u32::try_from(at).expect("there are at most twelve names"));
    }
    text.parse().map_err(|_| Error::Number(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn schedules() {
        for text in
            ["* * * * *", "*/5 0-6 1,15 jan-mar MON", "0 0 ? * 0", "@daily", "@every 1h30m", "5/15 * * * *"]
        {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        let refused =
            |text, expect: &str| assert_eq!(check(text).map_err(|it| it.to_string()), Err(expect.to_owned()));
        refused("never", "expected exactly 5 fields, found 1: [never]");
        refused("* * * *", "expected exactly 5 fields, found 4: [* * * *]");
        refused("61 * * * *", "end of range (61) above maximum (59): 61");
        refused("* * 0 * *", "beginning of range (0) below minimum (1): 0");
        refused("* * * * 7", "end of range (7) above maximum (6): 7");
        refused("*/0 * * * *", "step of range should be a positive number: */0");
        refused("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1");
        refused("x * * * *", "failed to parse int from x");
        refused("@never", "unrecognized descriptor: @never");
        refused("@every x", "failed to parse duration @every x");
    }
}
