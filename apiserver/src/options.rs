//! The options of a request, checked: what may be combined, and what upstream says when it may not.

use crate::body::{Content, FieldValidation};
use crate::request::{Query, Verb};
use api::ApiError;
use api::field::{Error, Path};
use api::k8s::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions};
use api::status::reason;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What every write takes.
#[derive(Clone, Debug)]
pub(crate) struct WriteOptions {
    /// Everything happens but the write.
    pub(crate) dry_run: bool,
    pub(crate) validation: FieldValidation,
}

impl WriteOptions {
    pub(crate) fn of(verb: Verb, query: &Query) -> Result<Self, ApiError> {
        let dry_run: Vec<&str> = query.all("dryRun").filter(|it| !it.is_empty()).collect();
        let validation = FieldValidation::of(query).map_err(|it| invalid(name_of(verb), &[it]))?;
        Ok(Self { dry_run: is_dry_run(name_of(verb), &dry_run)?, validation })
    }
}

/// What the options of a write are called.
pub(crate) fn name_of(verb: Verb) -> &'static str {
    match verb {
        Verb::Create => "CreateOptions",
        Verb::Update => "UpdateOptions",
        _ => "PatchOptions",
    }
}

fn is_dry_run(options: &str, values: &[&str]) -> Result<bool, ApiError> {
    match values.iter().find(|it| **it != "All") {
        Some(other) => Err(invalid(options, &[Error::not_supported(&Path::new("dryRun"), *other, &["All"])])),
        None => Ok(!values.is_empty()),
    }
}

/// The options of a delete: of the body, or of the query.
pub(crate) fn delete_options(query: &Query, content: &Content) -> Result<DeleteOptions, ApiError> {
    let mut options = sent(content)?;
    if let Some(seconds) = query.get("gracePeriodSeconds") {
        options.grace_period_seconds = Some(number("gracePeriodSeconds", seconds)?);
    }
    if let Some(policy) = query.get("propagationPolicy") {
        options.propagation_policy = Some(policy.to_owned());
    }
    if query.has("orphanDependents") {
        options.orphan_dependents = Some(query.is_true("orphanDependents"));
    }
    let dry_run: Vec<String> = query.all("dryRun").map(str::to_owned).collect();
    if !dry_run.is_empty() {
        options.dry_run = Some(dry_run);
    }
    check_delete(&options)?;
    Ok(options)
}

fn sent(content: &Content) -> Result<DeleteOptions, ApiError> {
    if content.is_empty() {
        return Ok(DeleteOptions::default());
    }
    match content.tree()?.get("kind").and_then(serde_json::Value::as_str) {
        None | Some("" | "DeleteOptions") => content.plain(),
        Some(other) => Err(ApiError::bad_request(format!(
            "the body of a delete must be of kind DeleteOptions, and not {other:?}: to delete by file, name the object"
        ))),
    }
}

fn check_delete(options: &DeleteOptions) -> Result<(), ApiError> {
    let field = Path::new("propagationPolicy");
    let policy = options.propagation_policy.as_deref();
    let known = ["Foreground", "Background", "Orphan"];
    if let Some(policy) = policy.filter(|it| !known.contains(it)) {
        return Err(invalid("DeleteOptions", &[Error::not_supported(&field, policy, &known)]));
    }
    if policy.is_some() && options.orphan_dependents.is_some() {
        let both = "orphanDependents and deletionPropagation cannot be both set";
        return Err(invalid("DeleteOptions", &[Error::invalid(&field, policy.unwrap_or_default(), both)]));
    }
    is_dry_run("DeleteOptions", &options.dry_run.iter().flatten().map(String::as_str).collect::<Vec<_>>())?;
    Ok(())
}

/// Whether a delete only tries.
pub(crate) fn delete_is_dry_run(options: &DeleteOptions) -> bool {
    options.dry_run.as_ref().is_some_and(|it| !it.is_empty())
}

/// What the delete insists on, with the object's own values.
pub(crate) fn precondition_failure(wanted: &Preconditions, uid: &str, revision: u64) -> Option<String> {
    if let Some(it) = wanted.uid.as_deref().filter(|it| *it != uid) {
        return Some(format!("Precondition failed: UID in precondition: {it}, UID in object meta: {uid}"));
    }
    let it = wanted.resource_version.as_deref().filter(|it| *it != revision.to_string())?;
    Some(format!(
        "Precondition failed: ResourceVersion in precondition: {it}, ResourceVersion in object meta: {revision}"
    ))
}

/// Which version of the collection a list wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Everything committed before the request.
    Latest,
    /// Whatever is at hand.
    Any,
    /// At least this revision.
    NotOlderThan(u64),
    /// This revision.
    Exactly(u64),
}

/// What a list takes besides selectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListOptions {
    pub(crate) freshness: Freshness,
    /// 0 for no limit.
    pub(crate) limit: usize,
    /// Where an earlier page ended.
    pub(crate) after: Option<Token>,
}

/// Where a page ended: what a continue token holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Token {
    v: String,
    /// The revision of the whole list; -1 to go on with whatever is there.
    pub(crate) rv: i64,
    /// The first key that is not in the earlier pages.
    pub(crate) start: String,
}

impl Token {
    pub(crate) fn new(rv: i64, start: &str) -> Self {
        Self { v: "meta.k8s.io/v1".to_owned(), rv, start: start.to_owned() }
    }

    pub(crate) fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).expect("a token serializes to JSON"))
    }

    fn decode(text: &str) -> Result<Self, ApiError> {
        let refused = || ApiError::bad_request("continue key is not valid: encoding is not recognized");
        let json = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| refused())?;
        let token: Self = serde_json::from_slice(&json).map_err(|_| refused())?;
        if token.v == "meta.k8s.io/v1" && token.rv != 0 { Ok(token) } else { Err(refused()) }
    }
}

impl ListOptions {
    pub(crate) fn of(query: &Query) -> Result<Self, ApiError> {
        check_match(query)?;
        timeout_of(query)?;
        let limit = match query.get("limit") {
            Some(text) => usize::try_from(number("limit", text)?).unwrap_or(0),
            None => 0,
        };
        let after = query.get("continue").map(Token::decode).transpose()?;
        if after.is_some() && revision_of(query)?.is_some_and(|it| it > 0) {
            return Err(ApiError::bad_request(
                "specifying resource version is not allowed when using continue",
            ));
        }
        Ok(Self { freshness: freshness_of(query, limit)?, limit, after })
    }
}

fn freshness_of(query: &Query, limit: usize) -> Result<Freshness, ApiError> {
    let exact = match query.get("resourceVersionMatch") {
        Some(it) => it == "Exact",
        None => limit > 0,
    };
    Ok(match revision_of(query)? {
        None => Freshness::Latest,
        Some(0) => Freshness::Any,
        Some(revision) if exact => Freshness::Exactly(revision),
        Some(revision) => Freshness::NotOlderThan(revision),
    })
}

/// The resourceVersion of a list or a watch.
pub(crate) fn revision_of(query: &Query) -> Result<Option<u64>, ApiError> {
    let parsed = |text: &str| {
        text.parse().map_err(|_| {
            let detail = "resourceVersion must be a number that a list, a watch or an object had";
            ApiError::bad_request(format!("Invalid value: {text:?}: {detail}"))
        })
    };
    query.get("resourceVersion").map(parsed).transpose()
}

/// What may be combined with resourceVersionMatch and sendInitialEvents.
fn check_match(query: &Query) -> Result<(), ApiError> {
    let field = Path::new("resourceVersionMatch");
    let refused = |error| Err(invalid("ListOptions", &[error]));
    let forbidden = |why: &str| refused(Error::forbidden(&field, why));
    let initial = query.has("sendInitialEvents");
    if initial && !query.is_true("watch") {
        let field = Path::new("sendInitialEvents");
        return refused(Error::forbidden(&field, "sendInitialEvents is forbidden for list"));
    }
    match query.get("resourceVersionMatch") {
        None if initial => {
            forbidden("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")
        }
        None => Ok(()),
        Some(it) if initial && it != "NotOlderThan" => {
            forbidden("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")
        }
        Some(_) if initial => Ok(()),
        Some(_) if query.is_true("watch") => {
            forbidden("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")
        }
        Some(_) if query.get("continue").is_some() => {
            forbidden("resourceVersionMatch is forbidden when continue is provided")
        }
        Some(_) if query.get("resourceVersion").is_none() => {
            forbidden("resourceVersionMatch is forbidden unless resourceVersion is provided")
        }
        Some("Exact") if query.get("resourceVersion") == Some("0") => {
            forbidden("resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"")
        }
        Some("Exact" | "NotOlderThan") => Ok(()),
        Some(other) => refused(Error::not_supported(&field, other, &["Exact", "NotOlderThan", ""])),
    }
}

/// What a watch takes besides selectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WatchOptions {
    /// None and 0 begin with what exists.
    pub(crate) revision: Option<u64>,
    pub(crate) bookmarks: bool,
    /// Whether to begin with what exists and mark its end; none when the client leaves it to the revision.
    pub(crate) initial: Option<bool>,
    pub(crate) timeout: Option<Duration>,
}

impl WatchOptions {
    pub(crate) fn of(query: &Query) -> Result<Self, ApiError> {
        check_match(query)?;
        Ok(Self {
            revision: revision_of(query)?,
            bookmarks: query.is_true("allowWatchBookmarks"),
            initial: query.has("sendInitialEvents").then(|| query.is_true("sendInitialEvents")),
            timeout: timeout_of(query)?,
        })
    }
}

/// For how long a watch lasts, if the client says so.
fn timeout_of(query: &Query) -> Result<Option<Duration>, ApiError> {
    let Some(text) = query.get("timeoutSeconds") else { return Ok(None) };
    let seconds = u64::try_from(number("timeoutSeconds", text)?).ok().filter(|it| *it > 0);
    Ok(seconds.map(Duration::from_secs))
}

fn number(name: &str, text: &str) -> Result<i64, ApiError> {
    text.parse().map_err(|_| ApiError::bad_request(format!("{name}: {text:?} is not an integer")))
}

/// The 422 for options that make no sense.
pub(crate) fn invalid(options: &str, errors: &[Error]) -> ApiError {
    let list: Vec<String> = errors.iter().map(ToString::to_string).collect();
    let message = format!("{options}.meta.k8s.io \"\" is invalid: {}", list.join(", "));
    let mut refusal = ApiError::new(422, reason::INVALID, message);
    for error in errors {
        refusal = refusal.with_cause(error.kind.reason(), &error.field, &error.message());
    }
    if let Some(details) = &mut refusal.0.details {
        (details.group, details.kind) = (Some("meta.k8s.io".to_owned()), Some(options.to_owned()));
    }
    refusal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, expect: Result<Freshness, u16>) {
        let got = ListOptions::of(&Query::parse(Some(query)));
        assert_eq!(got.map(|it| it.freshness).map_err(|it| it.code()), expect, "{query}");
    }

    #[test]
    fn lists_say_how_fresh_they_must_be() {
        check("", Ok(Freshness::Latest));
        check("resourceVersion=0", Ok(Freshness::Any));
        check("resourceVersion=7", Ok(Freshness::NotOlderThan(7)));
        check("resourceVersion=7&limit=2", Ok(Freshness::Exactly(7)));
        check("resourceVersion=7&resourceVersionMatch=Exact", Ok(Freshness::Exactly(7)));
        check("resourceVersion=7&limit=2&resourceVersionMatch=NotOlderThan", Ok(Freshness::NotOlderThan(7)));
        check("resourceVersion=abc", Err(400));
        check("resourceVersionMatch=Exact", Err(422));
        check("resourceVersion=0&resourceVersionMatch=Exact", Err(422));
        check("resourceVersion=7&resourceVersionMatch=Sometimes", Err(422));
        check("sendInitialEvents=true", Err(422));
        check("limit=x", Err(400));
        check("continue=nonsense", Err(400));
        let token = Token::new(5, "ns/a").encode();
        check(&format!("continue={token}"), Ok(Freshness::Latest));
        check(&format!("continue={token}&resourceVersion=0"), Ok(Freshness::Any));
        check(&format!("continue={token}&resourceVersion=5"), Err(400));
    }

    #[test]
    fn initial_events_need_a_match() {
        let check = |query: &str, expect: Result<Option<bool>, u16>| {
            let got = WatchOptions::of(&Query::parse(Some(query)));
            assert_eq!(got.map(|it| it.initial).map_err(|it| it.code()), expect, "{query}");
        };
        check("watch=1", Ok(None));
        check("watch=1&sendInitialEvents=true", Err(422));
        check("watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan", Ok(Some(true)));
        check("watch=1&resourceVersionMatch=NotOlderThan", Err(422));
    }

    #[test]
    fn deletes_are_checked() {
        let check = |query: &str, expect: Result<(), u16>| {
            let content = Content::new(&http::HeaderMap::new(), bytes::Bytes::new()).unwrap();
            let got = delete_options(&Query::parse(Some(query)), &content);
            assert_eq!(got.map(drop).map_err(|it| it.code()), expect, "{query}");
        };
        check("propagationPolicy=Orphan&gracePeriodSeconds=5&dryRun=All", Ok(()));
        check("propagationPolicy=Sideways", Err(422));
        check("propagationPolicy=Orphan&orphanDependents=true", Err(422));
        check("dryRun=Some", Err(422));
        check("gracePeriodSeconds=x", Err(400));
    }
}
