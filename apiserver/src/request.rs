//! What a request asks for: method, path and query become a [`Route`], without I/O.
//!
//! Start at [`route`]. The rules are those of upstream's RequestInfo: authorization, metrics and the handlers all read
//! the same parse, so that what is checked is what is done. Whether the resource exists is not known here.

use http::Method;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// What is to be done with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    List,
    Watch,
    Create,
    Update,
    Patch,
    Delete,
    DeleteCollection,
}

impl Verb {
    /// The verb as roles name it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
        }
    }
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// To objects.
    Resource(ResourcePath),
    /// Anywhere else; the path without a trailing slash.
    Other(String),
    /// To objects, with a method that they do not know.
    NotAllowed,
}

/// The parts of a path below `/api/v1` or `/apis/GROUP/VERSION`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResourcePath {
    pub(crate) verb: Verb,
    pub(crate) group: String,
    pub(crate) version: String,
    /// Plural of the kind.
    pub(crate) resource: String,
    /// Empty when the object itself is meant.
    pub(crate) subresource: String,
    /// Empty when none is named. For `/namespaces/NAME` it is NAME, as authorization wants it.
    pub(crate) namespace: String,
    /// Empty for collections.
    pub(crate) name: String,
    /// What follows the subresource, as sent; for proxies.
    pub(crate) tail: String,
}

impl ResourcePath {
    /// Whether the answer goes on for as long as the client likes: watches, and streams to and from nodes.
    pub(crate) fn is_long_running(&self) -> bool {
        let streams = ["attach", "exec", "log", "portforward", "proxy"];
        self.verb == Verb::Watch || streams.contains(&self.subresource.as_str())
    }
}

/// Parses a request line.
pub(crate) fn route(method: &Method, path: &str, query: &Query) -> Route {
    let segments: Vec<Cow<'_, str>> = path.split('/').filter(|it| !it.is_empty()).map(decoded).collect();
    let (group, version, rest) = match segments.as_slice() {
        [api, version, rest @ ..] if api == "api" && !rest.is_empty() => ("", version.as_ref(), rest),
        [apis, group, version, rest @ ..] if apis == "apis" && !rest.is_empty() => {
            (group.as_ref(), version.as_ref(), rest)
        }
        _ => return Route::Other(without_slash(path)),
    };
    let (watching, rest) = match rest {
        [watch, rest @ ..] if watch == "watch" && !rest.is_empty() => (true, rest),
        rest => (false, rest),
    };
    let place = Place::of(rest);
    let verb = match (watching, method.as_str()) {
        // Below the old prefix everything is watched, single objects too, and nothing else can be done.
        (true, "GET" | "HEAD") => Some(Verb::Watch),
        (true, _) => None,
        (false, _) => verb_of(method, query.is_true("watch"), place.name.is_empty()),
    };
    match verb {
        None => Route::NotAllowed,
        Some(verb) => Route::Resource(ResourcePath {
            verb,
            group: group.to_owned(),
            version: version.to_owned(),
            resource: place.resource.to_owned(),
            subresource: place.subresource.to_owned(),
            namespace: place.namespace.to_owned(),
            name: place.name.to_owned(),
            tail: tail_of(path, place.depth + 1 + usize::from(!group.is_empty()) + usize::from(watching)),
        }),
    }
}

/// What the segments below the version name.
#[derive(Default)]
struct Place<'a> {
    namespace: &'a str,
    resource: &'a str,
    name: &'a str,
    subresource: &'a str,
    /// How many segments that took.
    depth: usize,
}

impl<'a> Place<'a> {
    fn of(segments: &'a [Cow<'a, str>]) -> Self {
        let at = |index: usize| segments.get(index).map(AsRef::as_ref).unwrap_or_default();
        let of_namespace = matches!(at(2), "" | "status" | "finalize");
        if at(0) == "namespaces" && !at(1).is_empty() && !of_namespace {
            let (name, subresource) = (at(3), at(4));
            return Self { namespace: at(1), resource: at(2), name, subresource, depth: 5 };
        }
        let namespace = if at(0) == "namespaces" { at(1) } else { "" };
        Self { namespace, resource: at(0), name: at(1), subresource: at(2), depth: 3 }
    }
}

fn verb_of(method: &Method, watch: bool, collection: bool) -> Option<Verb> {
    Some(match (method.as_str(), collection) {
        ("GET" | "HEAD", true) if watch => Verb::Watch,
        ("GET" | "HEAD", true) => Verb::List,
        ("GET" | "HEAD", false) => Verb::Get,
        ("POST", _) => Verb::Create,
        ("PUT", _) => Verb::Update,
        ("PATCH", _) => Verb::Patch,
        ("DELETE", true) => Verb::DeleteCollection,
        ("DELETE", false) => Verb::Delete,
        _ => return None,
    })
}

/// What follows the first `count` segments after the leading one, with its slash.
fn tail_of(path: &str, count: usize) -> String {
    let mut rest = path.trim_start_matches('/');
    for _ in 0..=count {
        match rest.split_once('/') {
            Some((_, after)) => rest = after,
            None => return String::new(),
        }
    }
    format!("/{rest}")
}

fn without_slash(path: &str) -> String {
    let path = path.trim_end_matches('/');
    if path.is_empty() { "/".to_owned() } else { path.to_owned() }
}

fn decoded(segment: &str) -> Cow<'_, str> {
    percent_decode_str(segment).decode_utf8_lossy()
}

/// The query string's parameters, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(query: Option<&str>) -> Self {
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The first value of a parameter; an empty one counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str()).filter(|it| !it.is_empty())
    }

    /// Whether the parameter is there at all.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(it, _)| it == name)
    }

    /// Every value of a parameter.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    /// Every parameter with its value.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether a parameter is set, as upstream reads booleans of queries: whatever is there and not `false` or `0`.
    pub(crate) fn is_true(&self, name: &str) -> bool {
        let value = self.0.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str());
        value.is_some_and(|it| it != "0" && !it.eq_ignore_ascii_case("false"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(request: &str, expect: &str) {
        let (method, uri) = request.split_once(' ').expect("METHOD uri");
        let (path, query) = uri.split_once('?').map_or((uri, None), |(path, query)| (path, Some(query)));
        let route = route(&method.parse().expect("a method"), path, &Query::parse(query));
        let got = match route {
            Route::Other(path) => format!("other {path}"),
            Route::NotAllowed => "not allowed".to_owned(),
            Route::Resource(it) => {
                let gvr = format!("{}/{}/{}", it.group, it.version, it.resource);
                format!(
                    "{} {gvr} {}|{}|{}|{}",
                    it.verb.name(),
                    it.namespace,
                    it.name,
                    it.subresource,
                    it.tail
                )
            }
        };
        assert_eq!(got, expect, "{request}");
    }

    #[test]
    fn paths_become_routes() {
        check("GET /api/v1/pods", "list /v1/pods |||");
        check("GET /api/v1/pods?watch=1", "watch /v1/pods |||");
        check("GET /api/v1/pods?watch", "watch /v1/pods |||");
        check("GET /api/v1/pods?watch=", "watch /v1/pods |||");
        check("GET /api/v1/pods?watch=False", "list /v1/pods |||");
        check("GET /api/v1/watch/namespaces/a/pods", "watch /v1/pods a|||");
        check("GET /api/v1/watch/namespaces/a/pods/b", "watch /v1/pods a|b||");
        check("DELETE /api/v1/watch/namespaces/a/pods", "not allowed");
        check("GET /api/v1/namespaces/a/pods/b", "get /v1/pods a|b||");
        check("PUT /api/v1/namespaces/a/pods/b/status", "update /v1/pods a|b|status|");
        check("GET /api/v1/namespaces/a/pods/b/proxy/x/y%20z", "get /v1/pods a|b|proxy|/x/y%20z");
        check("GET /api/v1/nodes/n/proxy/metrics/", "get /v1/nodes |n|proxy|/metrics/");
        check("GET /api/v1/namespaces", "list /v1/namespaces |||");
        check("DELETE /api/v1/namespaces/a", "delete /v1/namespaces a|a||");
        check("PUT /api/v1/namespaces/a/finalize", "update /v1/namespaces a|a|finalize|");
        check("DELETE /apis/apps/v1/namespaces/a/deployments", "deletecollection apps/v1/deployments a|||");
        check("PATCH /apis/apps/v1/namespaces/a/deployments/b/scale", "patch apps/v1/deployments a|b|scale|");
        check("POST /apis/x.io/v1/clusterwidgets", "create x.io/v1/clusterwidgets |||");
        check("GET /apis/r/v1/clusterroles/system%3Anode", "get r/v1/clusterroles |system:node||");
        check("GET /apis/apps/v1/", "other /apis/apps/v1");
        check("GET /", "other /");
        check("TRACE /api/v1/pods", "not allowed");
    }
}
