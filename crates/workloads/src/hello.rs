//! The web app of the examples: says who it is, and can be broken on purpose to watch a cluster mend it.
//!
//! Start at [`App::answer`], which turns a request into a [`Reply`]. Time is an argument everywhere: the duration since
//! the program's start.
//!
//! | request | does |
//! |---|---|
//! | `GET /` | who am I: a page for browsers, JSON for `Accept: application/json`, text for others |
//! | `GET /healthz`, `/livez` | alive? |
//! | `GET /readyz` | ready? |
//! | `GET /startupz` | has `START_DELAY` passed? |
//! | `POST /break/ready`, `/break/live` | fail that from now on, or with `?for=30` for 30 seconds |
//! | `POST /fix/ready`, `/fix/live` | stop failing |
//! | `POST /exit/3` | answer, then exit with that code; `?message=` is left as the termination message |
//! | `GET /slow?for=3` | answer after 3 seconds |
//! | `GET /burn?for=3` | keep a processor busy for 3 seconds, then answer |

pub mod health;
pub mod http;
mod page;
pub mod settings;

use std::time::Duration;

use health::{Check, Health};
use http::Request;
use settings::{Identity, Settings};

/// The longest that `for=` may ask for.
const LONGEST: Duration = Duration::from_secs(3600);

/// The app's memory.
#[derive(Debug)]
pub struct App {
    identity: Identity,
    health: Health,
    /// How many times it has said who it is.
    greetings: u64,
}

/// What to send back, and what to do besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status code.
    pub status: u16,
    /// The media type of the body.
    pub content_type: &'static str,
    /// What to send.
    pub body: String,
    /// What to do besides answering.
    pub deed: Deed,
}

/// What a request makes the program do besides answering.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Deed {
    /// Nothing.
    #[default]
    Nothing,
    /// Wait this long before answering.
    Wait(Duration),
    /// Keep a processor busy this long before answering.
    Burn(Duration),
    /// Exit after answering.
    Exit {
        /// The exit code.
        code: u8,
        /// The termination message; may be empty.
        message: String,
    },
}

impl Reply {
    fn text(status: u16, body: impl Into<String>) -> Reply {
        let mut body = body.into();
        body.push('\n');
        Reply { status, content_type: "text/plain; charset=utf-8", body, deed: Deed::Nothing }
    }

    fn with(self, deed: Deed) -> Reply {
        Reply { deed, ..self }
    }
}

impl App {
    /// An app that has just started.
    pub fn new(settings: &Settings) -> App {
        App { identity: settings.identity.clone(), health: Health::new(settings.start_delay), greetings: 0 }
    }

    /// The answer to a request that came `now`, counted from the program's start.
    pub fn answer(&mut self, request: &Request, now: Duration) -> Reply {
        match (request.method.as_str(), request.segments().as_slice()) {
            ("GET" | "HEAD", []) => self.greet(request),
            ("GET" | "HEAD", [path]) => self.look(path, request, now),
            ("POST", ["break", check]) => self.break_check(check, request, now),
            ("POST", ["fix", check]) => self.fix_check(check),
            ("POST", ["exit", code]) => exit(code, request),
            (_, [] | ["healthz" | "livez" | "readyz" | "startupz" | "slow" | "burn"]) => {
                Reply::text(405, "use GET")
            }
            (_, ["break" | "fix" | "exit", _]) => Reply::text(405, "use POST"),
            _ => not_found(),
        }
    }

    /// From now on the app is on its way out, and not ready.
    pub fn stop(&mut self) {
        self.health.stop();
    }

    fn greet(&mut self, request: &Request) -> Reply {
        self.greetings += 1;
        page::greeting(&self.identity, self.greetings, request.accept.as_deref().unwrap_or(""))
    }

    fn look(&self, path: &str, request: &Request, now: Duration) -> Reply {
        let check = match path {
            "healthz" | "livez" => Check::Live,
            "readyz" => Check::Ready,
            "startupz" => Check::Started,
            "slow" | "burn" => return work(path, request),
            _ => return not_found(),
        };
        match self.health.check(check, now) {
            Ok(()) => Reply::text(200, "ok"),
            Err(reason) => Reply::text(503, reason.to_string()),
        }
    }

    fn break_check(&mut self, check: &str, request: &Request, now: Duration) -> Reply {
        let (Some(check), Ok(period)) = (breakable(check), request.period()) else { return bad_request() };
        self.health.break_check(check, period.map(|period| now + period));
        Reply::text(
            200,
            period.map_or_else(|| "broken".to_owned(), |period| format!("broken for {period:?}")),
        )
    }

    fn fix_check(&mut self, check: &str) -> Reply {
        let Some(check) = breakable(check) else { return bad_request() };
        self.health.fix(check);
        Reply::text(200, "fixed")
    }
}

fn breakable(name: &str) -> Option<Check> {
    match name {
        "live" => Some(Check::Live),
        "ready" => Some(Check::Ready),
        _ => None,
    }
}

fn work(path: &str, request: &Request) -> Reply {
    match (path, request.period()) {
        ("slow", Ok(Some(period))) => Reply::text(200, format!("waited {period:?}")).with(Deed::Wait(period)),
        ("burn", Ok(Some(period))) => Reply::text(200, format!("burned {period:?}")).with(Deed::Burn(period)),
        _ => Reply::text(400, "say how long, for example ?for=3"),
    }
}

fn exit(code: &str, request: &Request) -> Reply {
    let Ok(code) = code.parse() else { return Reply::text(400, "an exit code is a number from 0 to 255") };
    let message = request.parameter("message").unwrap_or_default();
    Reply::text(200, format!("exiting with {code}")).with(Deed::Exit { code, message })
}

fn not_found() -> Reply {
    Reply::text(
        404,
        "not found; try / /healthz /livez /readyz /startupz /break/ready /fix/ready /exit/1 /slow /burn",
    )
}

fn bad_request() -> Reply {
    Reply::text(400, "say live or ready, and if you like how long, for example /break/ready?for=30")
}

#[cfg(test)]
mod tests;
