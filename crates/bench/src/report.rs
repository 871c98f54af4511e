//! What was measured, and how it is printed: as text, or as Markdown. Pure.
//!
//! A [`Row`] holds every sample of one figure. What is printed is the median, with the least and the greatest beside
//! it, so that nobody takes noise for a result.

use std::fmt;

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    PerSecond,
    Millis,
    Seconds,
    MiB,
    /// Of one core.
    Percent,
    /// A ratio of two figures of the same run.
    Times,
}

/// What a figure should reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

/// One figure: all its samples.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    what: String,
    unit: Unit,
    samples: Vec<f64>,
    /// What else was measured in the same run, and the ratio to it.
    against: Option<(String, f64)>,
    target: Option<Target>,
}

/// The figures of one bench.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    title: String,
    rows: Vec<Row>,
    notes: Vec<String>,
}

/// Everything of one run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) machine: Vec<(&'static str, String)>,
    pub(crate) sections: Vec<Section>,
}

impl Row {
    pub(crate) fn new(what: impl Into<String>, unit: Unit, samples: Vec<f64>) -> Self {
        Self { what: what.into(), unit, samples, against: None, target: None }
    }

    /// A figure that was measured once.
    pub(crate) fn single(what: impl Into<String>, unit: Unit, value: f64) -> Self {
        Self::new(what, unit, vec![value])
    }

    /// Puts another figure of the same run beside it.
    pub(crate) fn against(mut self, name: &str, other: &[f64]) -> Self {
        self.against = Some((name.to_owned(), median(&self.samples) / median(other)));
        self
    }

    pub(crate) fn target(mut self, target: Target) -> Self {
        self.target = Some(target);
        self
    }

    /// The texts of the columns.
    fn cells(&self) -> [String; 5] {
        let value = median(&self.samples);
        let spread = match self.samples.len() {
            0 | 1 => String::new(),
            _ => format!(
                "{} to {}",
                self.unit.number(least(&self.samples)),
                self.unit.number(greatest(&self.samples))
            ),
        };
        let against = self.against.as_ref().map(|(name, ratio)| format!("{ratio:.2} × {name}"));
        let target = self.target.map(|it| it.judged(value, self.unit));
        [
            self.what.clone(),
            self.unit.text(value),
            spread,
            against.unwrap_or_default(),
            target.unwrap_or_default(),
        ]
    }
}

impl Section {
    pub(crate) fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), rows: Vec::new(), notes: Vec::new() }
    }

    pub(crate) fn row(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    fn lines(&self) -> Vec<[String; 5]> {
        self.rows.iter().map(Row::cells).collect()
    }
}

impl Unit {
    fn text(self, value: f64) -> String {
        let number = self.number(value);
        match self {
            Self::PerSecond => format!("{number} /s"),
            Self::Millis => format!("{number} ms"),
            Self::Seconds => format!("{number} s"),
            Self::MiB => format!("{number} MiB"),
            Self::Percent => format!("{number} %"),
            Self::Times => format!("{number} ×"),
        }
    }

    /// Three digits or so: more would be noise.
    fn number(self, value: f64) -> String {
        match value.abs() {
            size if self == Self::PerSecond || size >= 100.0 => grouped(value),
            size if size >= 10.0 => format!("{value:.1}"),
            size if size >= 1.0 || size == 0.0 => format!("{value:.2}"),
            _ => format!("{value:.3}"),
        }
    }
}

impl Target {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
        }
    }

    fn judged(self, value: f64, unit: Unit) -> String {
        let verdict = if self.is_met(value) { "met" } else { "behind" };
        match self {
            Self::AtLeast(bound) => format!("≥ {}: {verdict}", unit.text(bound)),
            Self::AtMost(bound) => format!("≤ {}: {verdict}", unit.text(bound)),
        }
    }
}

const HEADINGS: [&str; 5] = ["", "median", "spread", "against, in this run", "target"];

impl Report {
    /// For terminals: columns as wide as they need to be.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        for (name, value) in &self.machine {
            out += &format!("{name}: {value}\n");
        }
        for section in &self.sections {
            out += &format!("\n{}\n", section.title);
            out += &aligned(&section.lines());
            section.notes.iter().for_each(|note| out += &format!("  note: {note}\n"));
        }
        out
    }

    /// For BENCHMARKS.md.
    pub(crate) fn markdown(&self) -> String {
        let mut out = String::new();
        for (name, value) in &self.machine {
            out += &format!("- {name}: {value}\n");
        }
        for section in &self.sections {
            out += &format!("\n### {}\n\n", section.title);
            out += &markdown_row(&HEADINGS.map(str::to_owned));
            out += "|---|--:|---|---|---|\n";
            section.lines().iter().for_each(|line| out += &markdown_row(line));
            section.notes.iter().for_each(|note| out += &format!("\n{note}\n"));
        }
        out
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text())
    }
}

fn aligned(lines: &[[String; 5]]) -> String {
    let all = || std::iter::once(HEADINGS.map(str::to_owned)).chain(lines.iter().cloned());
    let width = |column: usize| all().map(|it| it[column].chars().count()).max().unwrap_or(0);
    let [a, b, c, d] = [0, 1, 2, 3].map(width);
    let line = |it: [String; 5]| {
        let [what, value, spread, against, target] = it;
        let line = format!("  {what:<a$}  {value:>b$}  {spread:<c$}  {against:<d$}  {target}");
        format!("{}\n", line.trim_end())
    };
    all().map(line).collect()
}

fn markdown_row(cells: &[String; 5]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

/// A whole number with commas: 12,345.
fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut out = String::from(if value < -0.5 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The middle sample; NaN when there is none.
pub(crate) fn median(samples: &[f64]) -> f64 {
    quantile(samples, 0.5)
}

/// The sample below which this part of all lie, between neighbours where it falls between; NaN when there is none.
pub(crate) fn quantile(samples: &[f64], part: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = part * last as f64;
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    low + (high - low) * place.fract()
}

fn least(samples: &[f64]) -> f64 {
    quantile(samples, 0.0)
}

fn greatest(samples: &[f64]) -> f64 {
    quantile(samples, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_samples() {
        let check = |samples: &[f64], part, expect| assert_eq!(quantile(samples, part), expect);
        check(&[3.0, 1.0, 2.0], 0.5, 2.0);
        check(&[4.0, 1.0, 2.0, 3.0], 0.5, 2.5);
        check(&[7.0], 0.99, 7.0);
        check(&[0.0, 10.0], 0.95, 9.5);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn numbers_have_as_many_digits_as_they_mean() {
        let check = |unit: Unit, value, expect: &str| assert_eq!(unit.text(value), expect);
        check(Unit::PerSecond, 12_345.6, "12,346 /s");
        check(Unit::PerSecond, 999.0, "999 /s");
        check(Unit::Millis, 1234.0, "1,234 ms");
        check(Unit::Millis, 12.34, "12.3 ms");
        check(Unit::Times, 1.234, "1.23 ×");
        check(Unit::Percent, 0.0, "0.00 %");
        check(Unit::Seconds, 0.1234, "0.123 s");
    }

    fn sample() -> Report {
        let mut section = Section::new("writes");
        let floor = vec![50.0, 60.0, 40.0];
        let row = Row::new("one writer", Unit::PerSecond, vec![100.0, 120.0, 90.0]);
        section.row(row.against("floor", &floor).target(Target::AtLeast(110.0)));
        section.row(Row::single("wait", Unit::Millis, 5.0).target(Target::AtMost(5.0)));
        section.note("short");
        Report { machine: vec![("cores", "2".to_owned())], sections: vec![section] }
    }

    #[test]
    fn text_is_aligned() {
        let expect = "cores: 2\n\nwrites\n               median  spread     against, in this run  target\n  \
                      one writer   100 /s  90 to 120  2.00 × floor          ≥ 110 /s: behind\n  \
                      wait        5.00 ms                                   ≤ 5.00 ms: met\n  note: short\n";
        assert_eq!(sample().to_string(), expect);
    }

    #[test]
    fn markdown_is_a_table() {
        let markdown = sample().markdown();
        assert!(markdown.contains("| one writer | 100 /s | 90 to 120 | 2.00 × floor | ≥ 110 /s: behind |\n"));
        assert!(markdown.starts_with("- cores: 2\n\n### writes\n\n|  | median |"));
    }
}
