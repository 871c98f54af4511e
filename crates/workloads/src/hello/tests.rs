use super::*;

fn settings(start_delay: u64) -> Settings {
    let environment = |name: &str| match name {
        "POD_NAME" => Some("web-<0>".to_owned()),
        "NODE_NAME" => Some("n\"1".to_owned()),
        "VERSION" => Some("v1".to_owned()),
        "START_DELAY" => Some(start_delay.to_string()),
        _ => None,
    };
    Settings::read([], environment, "host").unwrap()
}

/// A request from a line such as `POST /exit/3`.
fn request(line: &str) -> Request {
    Request::read(format!("{line} HTTP/1.1\r\n\r\n").as_bytes()).unwrap().unwrap()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Plays a script of `seconds, request, expected status and first line` against one app.
fn play(app: &mut App, script: &[(u64, &str, &str)]) {
    for (at, line, expect) in script {
        let reply = app.answer(&request(line), seconds(*at));
        let first = reply.body.lines().next().unwrap_or_default();
        assert_eq!(format!("{} {first}", reply.status), *expect, "{line} at {at} s");
    }
}

#[test]
fn readiness_follows_start_faults_and_stop() {
    let mut app = App::new(&settings(5));
    play(
        &mut app,
        &[
            (0, "GET /livez", "200 ok"),
            (4, "GET /readyz", "503 starting"),
            (4, "GET /startupz", "503 starting"),
            (5, "GET /readyz", "200 ok"),
            (5, "GET /startupz", "200 ok"),
            (6, "POST /break/ready?for=10", "200 broken for 10s"),
            (15, "GET /readyz", "503 broken on purpose"),
            (15, "GET /healthz", "200 ok"),
            (16, "GET /readyz", "200 ok"),
            (20, "POST /break/live", "200 broken"),
            (9999, "GET /livez", "503 broken on purpose"),
            (9999, "GET /healthz", "503 broken on purpose"),
            (9999, "GET /readyz", "200 ok"),
            (9999, "POST /fix/live", "200 fixed"),
            (9999, "GET /livez", "200 ok"),
        ],
    );
    app.stop();
    play(&mut app, &[(9999, "GET /readyz", "503 stopping"), (9999, "GET /livez", "200 ok")]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut app = App::new(&settings(0));
    let menu =
        "404 not found; try / /healthz /livez /readyz /startupz /break/ready /fix/ready /exit/1 /slow /burn";
    let how = "400 say live or ready, and if you like how long, for example /break/ready?for=30";
    play(
        &mut app,
        &[
            (0, "GET /nothing", menu),
            (0, "GET /break", menu),
            (0, "DELETE /", "405 use GET"),
            (0, "POST /readyz", "405 use GET"),
            (0, "GET /break/ready", "405 use POST"),
            (0, "GET /exit/1", "405 use POST"),
            (0, "POST /break/heart", how),
            (0, "POST /break/ready?for=ever", how),
            (0, "POST /fix/started", how),
            (0, "POST /exit/256", "400 an exit code is a number from 0 to 255"),
            (0, "GET /slow", "400 say how long, for example ?for=3"),
            (0, "GET /readyz", "200 ok"),
        ],
    );
}

#[test]
fn deeds_are_asked_for() {
    let check = |line: &str, expect: Deed| {
        assert_eq!(App::new(&settings(0)).answer(&request(line), Duration::ZERO).deed, expect);
    };
    check("GET /", Deed::Nothing);
    check("GET /slow?for=3", Deed::Wait(seconds(3)));
    check("GET /burn?for=2s", Deed::Burn(seconds(2)));
    check("POST /exit/3", Deed::Exit { code: 3, message: String::new() });
    check("POST /exit/0?message=all+done", Deed::Exit { code: 0, message: "all done".into() });
}

#[test]
fn the_greeting_has_three_forms_and_escapes() {
    let mut app = App::new(&settings(0));
    let mut greet = |accept: Option<&str>| {
        let request = Request { accept: accept.map(str::to_owned), ..request("GET /") };
        app.answer(&request, Duration::ZERO)
    };
    assert_eq!(greet(Some("*/*")).body, "version: v1\npod: web-<0>\nnode: n\"1\ngreetings: 1\n");
    let json = greet(Some("application/json"));
    assert_eq!(
        json.body,
        "{\"version\":\"v1\",\"pod\":\"web-<0>\",\"node\":\"n\\\"1\",\"greetings\":\"2\"}\n"
    );
    let html = greet(Some("text/html,application/xhtml+xml,*/*;q=0.8"));
    assert_eq!(html.content_type, "text/html; charset=utf-8");
    assert!(html.body.contains("<dd>web-&lt;0&gt;</dd>") && html.body.contains("<dd>3</dd>"));
    assert!(!html.body.contains("web-<0>"));
    assert!(greet(None).body.starts_with("version"));
}
