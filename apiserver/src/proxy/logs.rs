//! What may be asked of a log, checked before a node is asked (upstream's `ValidatePodLogOptions`).

use crate::request::Query;
use api::ApiError;
use api::field::{Error, Errors, Path};
use jiff::Timestamp;

/// Numbers and times that are none cannot be read, which is a 400; those that make no sense are a 422.
pub(super) fn check(query: &Query, pod: &str) -> Result<(), ApiError> {
    let errors = Asked::read(query)?.errors();
    if errors.is_empty() { Ok(()) } else { Err(ApiError::invalid_kind(("", "PodLogOptions"), pod, &errors)) }
}

/// The options that have rules.
struct Asked<'a> {
    tail_lines: Option<i64>,
    since_seconds: Option<i64>,
    since_time: Option<Timestamp>,
    limit_bytes: Option<i64>,
    stream: Option<&'a str>,
}

impl<'a> Asked<'a> {
    fn read(query: &'a Query) -> Result<Self, ApiError> {
        let number = |name: &str| query.get(name).map(number).transpose();
        Ok(Self {
            tail_lines: number("tailLines")?,
            since_seconds: number("sinceSeconds")?,
            since_time: query.get("sinceTime").map(time).transpose()?,
            limit_bytes: number("limitBytes")?,
            stream: query.get("stream"),
        })
    }

    fn errors(&self) -> Errors {
        let mut errors = Errors::new();
        if let Some(lines) = self.tail_lines.filter(|it| *it < 0) {
            let rule = "must be greater than or equal to 0";
            errors.push(Error::invalid(&Path::new("tailLines"), lines, rule));
        }
        let mut positive = |name: &'static str, value: Option<i64>| {
            if let Some(value) = value.filter(|it| *it < 1) {
                errors.push(Error::invalid(&Path::new(name), value, "must be greater than 0"));
            }
        };
        positive("limitBytes", self.limit_bytes);
        if self.since_time.is_none() {
            positive("sinceSeconds", self.since_seconds);
        } else if self.since_seconds.is_some() {
            let rule = "at most one of `sinceTime` or `sinceSeconds` may be specified";
            errors.push(Error::forbidden(&Path::new(""), rule));
        }
        errors.extend(self.stream_errors());
        errors
    }

    fn stream_errors(&self) -> Errors {
        let known = ["All", "Stderr", "Stdout"];
        let Some(stream) = self.stream else { return Errors::new() };
        if !known.contains(&stream) {
            return vec![Error::not_supported(&Path::new("stream"), stream, &known)];
        }
        if stream != "All" && self.tail_lines.is_some() {
            let rule = "`tailLines` and specific `stream` are mutually exclusive for now";
            return vec![Error::forbidden(&Path::new(""), rule)];
        }
        Errors::new()
    }
}

/// A number as Go reads it, with Go's words where it is none.
fn number(text: &str) -> Result<i64, ApiError> {
    text.parse().map_err(|error: std::num::ParseIntError| {
        let is_large =
            matches!(error.kind(), std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow);
        let why = if is_large { "value out of range" } else { "invalid syntax" };
        ApiError::bad_request(format!("strconv.ParseInt: parsing {text:?}: {why}"))
    })
}

fn time(text: &str) -> Result<Timestamp, ApiError> {
    text.parse().map_err(|_| {
        let form = "2006-01-02T15:04:05Z07:00";
        ApiError::bad_request(format!("parsing time {text:?} as {form:?}: cannot parse {text:?} as \"2006\""))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_refused_as_upstream_refuses_them() {
        let expect = |query: &str, expect: Option<(u16, &str)>| {
            let got = super::check(&Query::parse(Some(query)), "web").err();
            let got = got.as_ref().map(|it| (it.code(), it.message()));
            assert_eq!(got, expect, "{query}");
        };
        expect("", None);
        expect("tailLines=0&limitBytes=1&sinceSeconds=1&follow=true&stream=All", None);
        expect("sinceTime=2026-01-01T00:00:00Z", None);
        let refused = |rule: &str| format!("PodLogOptions \"web\" is invalid: {rule}");
        for (query, rule) in [
            ("tailLines=-1", "tailLines: Invalid value: -1: must be greater than or equal to 0"),
            ("sinceSeconds=0", "sinceSeconds: Invalid value: 0: must be greater than 0"),
            ("limitBytes=0", "limitBytes: Invalid value: 0: must be greater than 0"),
            (
                "sinceSeconds=5&sinceTime=2026-01-01T00:00:00Z",
                ": Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified",
            ),
            (
                "stream=Other",
                "stream: Unsupported value: \"Other\": supported values: \"All\", \"Stderr\", \"Stdout\"",
            ),
        ] {
            expect(query, Some((422, &refused(rule))));
        }
        expect("tailLines=x", Some((400, "strconv.ParseInt: parsing \"x\": invalid syntax")));
        let large = "limitBytes=99999999999999999999";
        expect(large, Some((400, "strconv.ParseInt: parsing \"99999999999999999999\": value out of range")));
    }
}
