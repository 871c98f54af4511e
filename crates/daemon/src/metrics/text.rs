//! Writing metrics in Prometheus' text exposition format, version 0.0.4.

use std::fmt::Write;

use super::{Histogram, Kind, Labels, Metric, Series};

const INFALLIBLE: &str = "writing to a String cannot fail";

/// Labels as they stand between the braces.
pub(super) fn labels_of(labels: Labels<'_>) -> String {
    let pairs: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    pairs.join(",")
}

pub(super) fn write_metric(out: &mut String, name: &str, metric: &Metric) {
    let help = metric.help.replace('\\', r"\\").replace('\n', r"\n");
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {}", word_of(metric.kind)).expect(INFALLIBLE);
    for (labels, series) in &metric.series {
        match series {
            Series::Counter(counter) => write_sample(out, name, "", labels, &counter.get().to_string()),
            Series::Gauge(gauge) => write_sample(out, name, "", labels, &number_of(gauge.get())),
            Series::Read(read) => write_sample(out, name, "", labels, &number_of(read())),
            Series::Histogram(histogram) => write_histogram(out, name, labels, histogram),
        }
    }
}

fn write_histogram(out: &mut String, name: &str, labels: &str, histogram: &Histogram) {
    let cumulative = histogram.cumulative();
    for (bound, count) in &cumulative {
        let separator = if labels.is_empty() { "" } else { "," };
        let labels = format!("{labels}{separator}le=\"{}\"", number_of(*bound));
        write_sample(out, name, "_bucket", &labels, &count.to_string());
    }
    // The same count that the last bucket shows, even when someone counts at this moment.
    let count = cumulative.last().map_or(0, |(_, count)| *count);
    write_sample(out, name, "_sum", labels, &number_of(histogram.sum()));
    write_sample(out, name, "_count", labels, &count.to_string());
}

fn write_sample(out: &mut String, name: &str, suffix: &str, labels: &str, value: &str) {
    let written = match labels {
        "" => writeln!(out, "{name}{suffix} {value}"),
        labels => writeln!(out, "{name}{suffix}{{{labels}}} {value}"),
    };
    written.expect(INFALLIBLE);
}

fn word_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    }
}

fn number_of(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        value => value.to_string(),
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}
