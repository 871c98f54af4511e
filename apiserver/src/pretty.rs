//! JSON for people: indented, when they ask for it or seem to be some.
//!
//! Start at [`is_wanted`]. What is written already is laid out anew, byte by byte, so fields keep their order.

use crate::request::{Query, Route};
use crate::respond::Response;
use axum::body::Body;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use http_body::Body as _;
use http_body_util::BodyExt;

/// What the names of programs begin with whose answers people read, as upstream lists them.
const PEOPLE: &[&str] = &["curl", "Wget", "Mozilla/5.0"];

/// Whether an answer is to be read by people. Streams, and what others answer, are passed on as they are.
pub(crate) fn is_wanted(route: &Route, query: &Query, headers: &HeaderMap) -> bool {
    let is_ours = match route {
        Route::Resource(path) => !path.is_long_running(),
        Route::Other(path) => !path.starts_with("/openapi"),
        Route::NotAllowed => true,
    };
    let is_asked = || match query.get("pretty").filter(|it| !it.is_empty()) {
        Some(text) => matches!(text, "1" | "t" | "T" | "TRUE" | "true" | "True"),
        None => {
            let agent = headers.get(USER_AGENT).and_then(|it| it.to_str().ok()).unwrap_or_default();
            PEOPLE.iter().any(|it| agent.starts_with(it))
        }
    };
    is_ours && is_asked()
}

/// The same answer, indented if it is JSON.
pub(crate) async fn answer(response: Response) -> Response {
    let media = response.headers().get(CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    if !media.starts_with("application/json") || response.body().size_hint().exact().is_none() {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // It was the length of what is laid out anew; the connection counts by itself.
    parts.headers.remove(CONTENT_LENGTH);
    let bytes = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    Response::from_parts(parts, Body::from(indented(&bytes)))
}

/// JSON with one field or item per line, two spaces for each level, as Go indents it.
fn indented(json: &[u8]) -> Vec<u8> {
    let mut page = Page { text: Vec::with_capacity(json.len() * 2), depth: 0 };
    let mut rest = json;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => {}
            b'"' => {
                let length = string_length(rest);
                page.text.push(b'"');
                page.text.extend_from_slice(&rest[..length]);
                rest = &rest[length..];
            }
            b'{' | b'[' => page.open(byte),
            b'}' | b']' => page.close(byte),
            b',' => {
                page.text.push(byte);
                page.line();
            }
            b':' => page.text.extend_from_slice(b": "),
            _ => page.text.push(byte),
        }
    }
    page.text
}

/// How much of what follows a quote belongs to the string, the quote at its end included.
fn string_length(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

struct Page {
    text: Vec<u8>,
    depth: usize,
}

impl Page {
    fn line(&mut self) {
        self.text.push(b'\n');
        self.text.resize(self.text.len() + 2 * self.depth, b' ');
    }

    fn open(&mut self, bracket: u8) {
        self.text.push(bracket);
        self.depth += 1;
        self.line();
    }

    /// What holds nothing stays on its line.
    fn close(&mut self, bracket: u8) {
        let blank = self.text.iter().rev().take_while(|it| it.is_ascii_whitespace()).count();
        let end = self.text.len() - blank;
        self.depth = self.depth.saturating_sub(1);
        if blank > 0 && matches!(self.text[..end].last(), Some(b'{' | b'[')) {
            self.text.truncate(end);
        } else {
            self.line();
        }
        self.text.push(bracket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::route;
    use proptest::prelude::*;
    use serde_json::Value;

    #[test]
    fn json_is_indented() {
        let check = |json: &str, expect: &str| {
            assert_eq!(String::from_utf8_lossy(&indented(json.as_bytes())), expect, "{json}");
        };
        check("{}", "{}");
        check("[ ]", "[]");
        check(r#"{"b":1,"a":[{},"x"]}"#, "{\n  \"b\": 1,\n  \"a\": [\n    {},\n    \"x\"\n  ]\n}");
        check(r#"["{,:\"}"]"#, "[\n  \"{,:\\\"}\"\n]");
        check("\"unfinished\\", "\"unfinished\\");
    }

    #[test]
    fn people_are_told_by_what_they_ask_or_use() {
        let check = |path: &str, query: &str, agent: &str, expect: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(USER_AGENT, agent.parse().expect("a header"));
            let query = Query::parse(Some(query));
            let route = route(&http::Method::GET, path, &query);
            assert_eq!(is_wanted(&route, &query, &headers), expect, "{path} {query:?} {agent}");
        };
        check("/api/v1/pods", "", "kubectl/v1.37.0", false);
        check("/api/v1/pods", "pretty=true", "kubectl/v1.37.0", true);
        check("/api/v1/pods", "", "curl/8.0", true);
        check("/api/v1/pods", "pretty=", "curl/8.0", true);
        check("/api/v1/pods", "pretty=false", "curl/8.0", false);
        check("/api/v1/pods", "watch=true&pretty=true", "curl/8.0", false);
        check("/apis", "", "Mozilla/5.0 (X11)", true);
        check("/openapi/v2", "", "curl/8.0", false);
        check("/api/v1/namespaces/a/pods/b/proxy/x", "", "curl/8.0", false);
    }

    proptest! {
        #[test]
        fn indenting_changes_nothing_but_space(texts in prop::collection::vec(".{0,6}", 0..6), deep in 0..5_usize) {
            let mut value = Value::from(texts);
            for _ in 0..deep {
                value = serde_json::json!([value, {}, { "a": value }]);
            }
            let expect = serde_json::to_string_pretty(&value).expect("JSON");
            let got = indented(value.to_string().as_bytes());
            prop_assert_eq!(String::from_utf8_lossy(&got), expect);
        }
    }
}
