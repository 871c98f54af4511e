//! Running commands in containers, and attaching to them.

use api::k8s::apimachinery::pkg::apis::meta::v1::{Status, StatusCause, StatusDetails};
use axum::{
    extract::{Path, RawQuery, State, WebSocketUpgrade, ws::WebSocket},
    response::{IntoResponse, Response},
};
use daemon::clock;
use futures::StreamExt;
use futures::stream::BoxStream;
use http::StatusCode;
use std::pin::Pin;
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::container_runtime::{Channel, Chunk, ExecSpec, RuntimeError, Session, SessionControl};

use super::{
    Server,
    logs::{Place, refusal},
    streams::{self, FromClient, Incoming, ToClient},
};

/// How long a silent session goes on before the client is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(10);

/// What is asked for: which command, and which streams.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Asked {
    spec: ExecSpec,
}

impl Asked {
    /// Reads a query; the API server and clients have different names for the streams.
    fn read(query: &str) -> Asked {
        let mut spec = ExecSpec::default();
        for (name, value) in streams::pairs_of(query) {
            let holds = value == "1" || value == "true";
            match name.as_str() {
                "command" => spec.command.push(value),
                "input" | "stdin" => spec.stdin = holds,
                "tty" => spec.tty = holds,
                _ => {}
            }
        }
        Asked { spec }
    }
}

/// What a session is with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum With {
    Command,
    Container,
}

/// Runs a command in a container.
pub(super) async fn exec(
    State(server): State<Server>,
    Path(place): Path<Place>,
    RawQuery(query): RawQuery,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Response {
    begin(server, place, Asked::read(&query.unwrap_or_default()), upgrade.ok(), With::Command).await
}

/// Attaches to a container.
pub(super) async fn attach(
    State(server): State<Server>,
    Path(place): Path<Place>,
    RawQuery(query): RawQuery,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Response {
    begin(server, place, Asked::read(&query.unwrap_or_default()), upgrade.ok(), With::Container).await
}

async fn begin(
    server: Server,
    place: Place,
    asked: Asked,
    upgrade: Option<WebSocketUpgrade>,
    with: With,
) -> Response {
    let id = match server.running(&place).await {
        Ok(id) => id,
        Err(absent) => return absent.into_response(),
    };
    let Some(upgrade) = upgrade else {
        return refusal(StatusCode::BAD_REQUEST, "this needs a WebSocket connection");
    };
    upgrade.protocols(streams::PROTOCOLS).on_upgrade(async move |socket| {
        let session = match with {
            With::Command => server.runtime.exec(&id, &asked.spec).await,
            With::Container => server.runtime.attach(&id, &asked.spec).await,
        };
        converse(socket, session).await;
    })
}

/// Passes everything both ways until the process has ended or the client has left.
async fn converse(socket: WebSocket, session: Result<Session, RuntimeError>) {
    let (mut to_client, mut from_client) = streams::duplex(socket);
    let session = match session {
        Ok(session) => session,
        Err(error) => return to_client.finish(from_client, &failure(&error.to_string())).await,
    };
    // An empty message tells the client that the streams are there.
    if to_client.send(streams::STDOUT, &[]).await.is_err() {
        return;
    }
    let Session { input, output, control } = session;
    // Each way waits for its own reader only: a process that writes before it reads on must not hold up its own input.
    let ended = tokio::select! {
        ended = show(output, &mut to_client) => ended,
        () = feed(input, &mut from_client, &*control) => return,
    };
    let status = match ended {
        Shown::ClientLeft => return,
        Shown::Failed(error) => failure(&error.to_string()),
        Shown::All => match control.exit_code().await {
            Ok(None | Some(0)) => success(),
            Ok(Some(code)) => exit_status(code),
            Err(error) => failure(&error.to_string()),
        },
    };
    to_client.finish(from_client, &status).await;
}

/// How showing a process' output ended.
enum Shown {
    /// The process is over.
    All,
    Failed(RuntimeError),
    ClientLeft,
}

/// Passes what the process writes to the client.
async fn show(mut output: BoxStream<'static, Result<Chunk, RuntimeError>>, client: &mut ToClient) -> Shown {
    loop {
        let sent = match clock::timeout(PING_EVERY, output.next()).await {
            Ok(None) => return Shown::All,
            Ok(Some(Err(error))) => return Shown::Failed(error),
            Ok(Some(Ok(chunk))) => {
                let channel = if chunk.channel == Channel::Err { streams::STDERR } else { streams::STDOUT };
                client.send(channel, &chunk.bytes).await
            }
            // While the process takes no input, nobody reads from the client, and would see that it has left.
            Err(_) => client.ping().await,
        };
        if sent.is_err() {
            return Shown::ClientLeft;
        }
    }
}

/// Passes what the client sends to the process, until the client leaves.
async fn feed(input: Input, client: &mut FromClient, control: &dyn SessionControl) {
    let mut input = Some(input);
    loop {
        match client.next().await {
            Incoming::Input(bytes) => {
                if let Some(input) = &mut input {
                    // A process that reads no more is no error: its end will come.
                    let _deaf = write(input, &bytes).await;
                }
            }
            Incoming::InputEnds => {
                if let Some(mut input) = input.take() {
                    let _deaf = input.shutdown().await;
                }
            }
            Incoming::Resize { width, height } => {
                let _gone = control.resize(width, height).await;
            }
            Incoming::Other => {}
            Incoming::Left => return,
        }
    }
}

type Input = Pin<Box<dyn AsyncWrite + Send>>;

async fn write(input: &mut Input, bytes: &[u8]) -> std::io::Result<()> {
    input.write_all(bytes).await?;
    input.flush().await
}

fn success() -> Status {
    Status { status: Some("Success".to_owned()), ..Status::default() }
}

fn failure(message: &str) -> Status {
    Status {
        status: Some("Failure".to_owned()),
        message: Some(message.to_owned()),
        reason: Some("InternalError".to_owned()),
        code: Some(500),
        ..Status::default()
    }
}

fn exit_status(code: i32) -> Status {
    let cause = StatusCause {
        reason: Some("ExitCode".to_owned()),
        message: Some(code.to_string()),
        ..StatusCause::default()
    };
    Status {
        status: Some("Failure".to_owned()),
        message: Some(format!("command terminated with non-zero exit code: exit status {code}")),
        reason: Some("NonZeroExitCode".to_owned()),
        details: Some(StatusDetails { causes: Some(vec![cause]), ..StatusDetails::default() }),
        ..Status::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_name_commands_and_streams() {
        let asked = Asked::read("command=sh&command=-c&command=echo+a%20b%26c&input=1&output=1&tty=0");
        assert_eq!(asked.spec.command, ["sh", "-c", "echo a b&c"]);
        assert!(asked.spec.stdin && !asked.spec.tty);
        assert!(Asked::read("stdin=true&tty=true").spec.tty);
    }

    #[test]
    fn an_exit_code_is_the_cause_that_clients_look_for() {
        let status = serde_json::to_value(exit_status(9)).unwrap();
        assert_eq!(status["details"]["causes"][0]["reason"], "ExitCode");
        assert_eq!(status["details"]["causes"][0]["message"], "9");
        assert_eq!(status["reason"], "NonZeroExitCode");
    }
}
