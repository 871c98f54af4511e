//! As much of HTTP/1.1 as the app needs: a request's head in, one answer out, and the connection is closed, so that
//! every request is balanced anew. Bodies of requests are ignored.

use std::{
    io::{self, BufRead, Write},
    time::Duration,
};

use super::{LONGEST, Reply};

/// The longest head that is read.
const LONGEST_HEAD: u64 = 16 * 1024;

/// What the app looks at in a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The method, in capitals.
    pub method: String,
    /// The path, from its slash on.
    pub path: String,
    /// What follows the question mark.
    pub query: String,
    /// The media types that the client likes.
    pub accept: Option<String>,
}

impl Request {
    /// Reads a request's head. `None` when the client sent none, as those do that only try the port.
    pub fn read(stream: impl BufRead) -> io::Result<Option<Request>> {
        let mut lines = stream.take(LONGEST_HEAD).lines();
        let Some(first) = lines.next().transpose()? else { return Ok(None) };
        let mut request = Request::of_line(&first).ok_or_else(|| io::Error::other("not an HTTP request"))?;
        for line in lines {
            let line = line?;
            match line.split_once(':') {
                _ if line.is_empty() => return Ok(Some(request)),
                Some((name, value)) if name.eq_ignore_ascii_case("accept") => {
                    request.accept = Some(value.trim().to_owned());
                }
                _ => {}
            }
        }
        Err(io::Error::other("the request's head is cut off or too long"))
    }

    fn of_line(line: &str) -> Option<Request> {
        let mut words = line.split_whitespace();
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        if !version.starts_with("HTTP/1.") || !target.starts_with('/') {
            return None;
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Some(Request {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            accept: None,
        })
    }

    pub(super) fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|segment| !segment.is_empty()).collect()
    }

    /// The value of a query parameter, decoded.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let pairs = self.query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.filter(|(key, _)| *key == name).map(|(_, value)| decoded(value)).next()
    }

    /// The seconds that `for=` asks for, if it is there; an error when it makes no sense.
    pub(super) fn period(&self) -> Result<Option<Duration>, ()> {
        let Some(text) = self.parameter("for") else { return Ok(None) };
        let seconds: f64 = text.strip_suffix('s').unwrap_or(&text).parse().map_err(|_| ())?;
        let period = Duration::try_from_secs_f64(seconds).map_err(|_| ())?;
        Ok(Some(period.min(LONGEST)))
    }
}

/// Undoes percent-encoding; what does not decode stays as it is.
fn decoded(text: &str) -> String {
    let (bytes, mut out) = (text.as_bytes(), Vec::new());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match (bytes[at], escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (_, Some(byte)) => {
                out.push(byte);
                at += 2;
            }
            (b'+', None) => out.push(b' '),
            (byte, None) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Sends an answer; a `HEAD` request gets it without the body.
pub fn write(mut stream: impl Write, request: &Request, reply: &Reply) -> io::Result<()> {
    let (status, reason) = (reply.status, reason_of(reply.status));
    let (content_type, length) = (reply.content_type, reply.body.len());
    let head = format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    if request.method != "HEAD" {
        stream.write_all(reply.body.as_bytes())?;
    }
    stream.flush()
}

fn reason_of(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        503 => "Service Unavailable",
        _ => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<Request>, String> {
        Request::read(text.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn heads_are_read() {
        let request = read("POST /break/ready?for=3 HTTP/1.1\r\nHost: x\r\nACCEPT: text/html\r\n\r\nbody")
            .unwrap()
            .unwrap();
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/break/ready"));
        assert_eq!((request.query.as_str(), request.accept.as_deref()), ("for=3", Some("text/html")));
        assert_eq!(read(""), Ok(None));
        for bad in [
            "hello\r\n\r\n",
            "GET x HTTP/1.1\r\n\r\n",
            "GET / HTTP/2\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        let endless = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(20_000));
        assert!(read(&endless).is_err());
    }

    #[test]
    fn parameters_are_decoded() {
        let check = |query: &str, expect: Option<&str>| {
            let request = Request { query: query.to_owned(), ..Request::default() };
            assert_eq!(request.parameter("message").as_deref(), expect, "{query}");
        };
        check("", None);
        check("message", Some(""));
        check("a=1&message=out+of%20memory%21&b=2", Some("out of memory!"));
        check("message=100%", Some("100%"));
        check("message=%zz%f", Some("%zz%f"));
        check("message=%C3%BC", Some("ü"));
        check("message=%ü", Some("%ü"));
    }

    #[test]
    fn periods_are_seconds() {
        let check = |query: &str, expect: Result<Option<Duration>, ()>| {
            let request = Request { query: query.to_owned(), ..Request::default() };
            assert_eq!(request.period(), expect, "{query}");
        };
        check("", Ok(None));
        check("for=3", Ok(Some(Duration::from_secs(3))));
        check("for=0.5s", Ok(Some(Duration::from_millis(500))));
        check("for=99999999", Ok(Some(LONGEST)));
        check("for=-1", Err(()));
        check("for=soon", Err(()));
        check("for=NaN", Err(()));
    }

    #[test]
    fn answers_are_written() {
        let written = |method: &str| {
            let (mut out, request) =
                (Vec::new(), Request { method: method.to_owned(), ..Request::default() });
            write(&mut out, &request, &Reply::text(200, "ok")).unwrap();
            String::from_utf8(out).unwrap()
        };
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 3\r\nConnection: close\r\n\r\n";
        assert_eq!(written("GET"), format!("{head}ok\n"));
        assert_eq!(written("HEAD"), head);
    }
}
