//! URLs as Go's `url.ParseRequestURI` takes them: absolute ones, and absolute paths.

use std::collections::BTreeMap;

/// A URL in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    source: String,
    scheme: String,
    host: String,
    path: String,
    query: String,
}

impl Url {
    /// Parses a URL; none if it is neither absolute nor an absolute path.
    pub(crate) fn parse(source: &str) -> Option<Self> {
        if source.is_empty() || source.chars().any(|c| c.is_ascii_control() || c == ' ') || bad_escape(source)
        {
            return None;
        }
        let (scheme, rest) = match source.split_once(':').filter(|it| is_scheme(it.0)) {
            Some((scheme, rest)) => (scheme.to_lowercase(), rest),
            None if source.starts_with('/') => (String::new(), source),
            None => return None,
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (host, path) = match rest.strip_prefix("//") {
            Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
            None => ("", rest),
        };
        let host = host.rsplit_once('@').map_or(host, |it| it.1);
        if !good_host(host) {
            return None;
        }
        let own = str::to_owned;
        Some(Self { source: own(source), scheme, host: own(host), path: own(path), query: own(query) })
    }

    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    pub(crate) fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Host and port.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The host without its port, and without the brackets of an IPv6 address.
    pub(crate) fn hostname(&self) -> &str {
        let host = match split_port(&self.host) {
            Some((host, _)) => host,
            None => &self.host,
        };
        host.trim_start_matches('[').trim_end_matches(']')
    }

    pub(crate) fn port(&self) -> &str {
        split_port(&self.host).map_or("", |it| it.1)
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The query's parameters, each with all its values, in plain text.
    pub(crate) fn query(&self) -> BTreeMap<String, Vec<String>> {
        let mut out: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for pair in self.query.split('&').filter(|it| !it.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            out.entry(unescaped(name)).or_default().push(unescaped(value));
        }
        out
    }
}

fn is_scheme(text: &str) -> bool {
    let inside = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic()) && text.bytes().all(inside)
}

fn split_port(host: &str) -> Option<(&str, &str)> {
    host.rsplit_once(':').filter(|(host, _)| !host.starts_with('[') || host.ends_with(']'))
}

fn good_host(host: &str) -> bool {
    let (name, port) = split_port(host).unwrap_or((host, ""));
    let name_is_good = match name.strip_prefix('[') {
        Some(inside) => inside.strip_suffix(']').is_some_and(|it| it.parse::<std::net::Ipv6Addr>().is_ok()),
        None => !name.contains([':', '[', ']', '<', '>', '"', '\\', '^', '`', '{', '|', '}']),
    };
    name_is_good && port.bytes().all(|b| b.is_ascii_digit())
}

fn bad_escape(text: &str) -> bool {
    text.match_indices('%').any(|(at, _)| hex(text.as_bytes(), at + 1).is_none())
}

fn hex(bytes: &[u8], at: usize) -> Option<u8> {
    let digits = std::str::from_utf8(bytes.get(at..at + 2)?).ok()?;
    u8::from_str_radix(digits, 16).ok()
}

fn unescaped(text: &str) -> String {
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::new(), 0);
    while let Some(&byte) = bytes.get(at) {
        match (byte, hex(bytes, at + 1)) {
            (b'%', Some(code)) => {
                out.push(code);
                at += 2;
            }
            (b'+', _) => out.push(b' '),
            _ => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_come_apart() {
        let url = Url::parse("https://me@example.com:8443/a%20b?x=1&x=2&y=a+b").expect("it is a URL");
        assert_eq!((url.scheme(), url.host(), url.hostname()), ("https", "example.com:8443", "example.com"));
        assert_eq!((url.port(), url.path()), ("8443", "/a%20b"));
        assert_eq!(url.query()["x"], ["1", "2"]);
        assert_eq!(url.query()["y"], ["a b"]);
        assert_eq!(Url::parse("http://[::1]:80/").expect("it is a URL").hostname(), "::1");
        assert!(Url::parse("/just/a/path").is_some());
        for bad in ["", "relative", "https://a b", "http://a:port/", "http://x/%zz", "http://[::1"] {
            assert!(Url::parse(bad).is_none(), "{bad}");
        }
    }
}
