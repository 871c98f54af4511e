//! `exec` and `attach`: a container's streams on this terminal.

use super::pods::{container_of, pod_of};
use crate::args::{Attach, Exec};
use crate::error::Exit;
use crate::output;
use crate::print::{items, text};
use crate::request::Call;
use crate::resolve::Resource;
use crate::session::Session;
use anyhow::{Result, bail};
use client::exec::{ConnectError, Receiver, Sender, V4, V5, channel, connect};
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};
use std::io::Write;
use tokio::io::AsyncReadExt;

mod terminal;

/// Which streams go where.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Streams {
    /// Standard input is passed.
    pub(super) stdin: bool,
    /// The container's side is a terminal.
    pub(super) tty: bool,
}

/// Runs `exec`.
pub(super) async fn exec(session: &Session, args: Exec) -> Result<()> {
    let Some(word) = &args.pod else { bail!("pod, type/name or --filename must be specified") };
    if args.command.is_empty() {
        bail!("you must specify at least one command for the container: kubectl-lite exec {word} -- COMMAND");
    }
    let pod = pod_of(session, word).await?;
    if matches!(text(&pod, "status.phase"), "Succeeded" | "Failed") {
        bail!(
            "cannot exec into a container in a completed pod; current phase is {}",
            text(&pod, "status.phase")
        );
    }
    let container = container_of(&pod, args.container.as_deref(), args.quiet)?;
    let streams = with_terminal(Streams { stdin: args.stdin, tty: args.tty });
    let call = call(&pod, "exec", &container, streams);
    let call = args.command.iter().fold(call, |call, word| call.with("command", Some(word)));
    run(session, call, streams).await
}

/// Runs `attach`.
pub(super) async fn attach(session: &Session, args: Attach) -> Result<()> {
    let pod = pod_of(session, &args.pod).await?;
    if matches!(text(&pod, "status.phase"), "Succeeded" | "Failed") {
        bail!(
            "cannot attach a container in a completed pod; current phase is {}",
            text(&pod, "status.phase")
        );
    }
    let container = container_of(&pod, args.container.as_deref(), args.quiet)?;
    let mut streams = with_terminal(Streams { stdin: args.stdin, tty: args.tty });
    let has_terminal =
        items(&pod, "spec.containers").iter().any(|it| it["name"] == container && it["tty"] == true);
    streams.tty &= has_terminal;
    if !args.quiet && streams.stdin {
        output::note("If you don't see a command prompt, try pressing enter.");
    }
    run(session, call(&pod, "attach", &container, streams), streams).await
}

/// A terminal is asked for only where there is one on our side.
fn with_terminal(streams: Streams) -> Streams {
    if streams.tty && streams.stdin && !terminal::is_there() {
        output::note("Unable to use a TTY - input is not a terminal or the right kind of file");
        return Streams { tty: false, ..streams };
    }
    streams
}

fn call(pod: &Value, what: &str, container: &str, streams: Streams) -> Call {
    let path = Resource::of::<Pod>().below(text(pod, "metadata.namespace"), text(pod, "metadata.name"), what);
    Call::get(path)
        .with("container", Some(container))
        .with("stdin", streams.stdin.then_some("true"))
        .with("stdout", Some("true"))
        .with("stderr", (!streams.tty).then_some("true"))
        .with("tty", streams.tty.then_some("true"))
}

/// Attaches to a container of a pod that runs.
pub(super) async fn attach_to(
    session: &Session,
    pod: &Value,
    container: &str,
    streams: Streams,
) -> Result<()> {
    let streams = with_terminal(streams);
    run(session, call(pod, "attach", container, streams), streams).await
}

/// Copies the streams until the container's side ends.
async fn run(session: &Session, call: Call, streams: Streams) -> Result<()> {
    let path = call.target();
    let connected = connect(&session.credentials, &session.headers, &path, &[V5, V4]).await;
    let (mut sender, receiver) = connected.map_err(plain)?;
    // Restored when it is dropped, whichever way this ends.
    let _raw = streams.tty.then(terminal::Raw::enter).transpose()?;
    if streams.tty {
        send_size(&mut sender).await?;
    }
    tokio::select! {
        outcome = receive(receiver) => outcome,
        error = send(sender, streams) => Err(error),
    }
}

/// A refusal by itself, so that it reads as any other.
fn plain(error: ConnectError) -> anyhow::Error {
    match error {
        ConnectError::Call(error) => error.into(),
        other => other.into(),
    }
}

async fn receive(mut receiver: Receiver) -> Result<()> {
    while let Some((from, bytes)) = receiver.next().await? {
        match from {
            channel::STDOUT => output::bytes(&bytes)?,
            channel::STDERR => {
                std::io::stderr().lock().write_all(&bytes)?;
            }
            channel::ERROR => return ended(&serde_json::from_slice(&bytes)?),
            _ => {}
        }
    }
    bail!("the connection broke off before the server said how it ended")
}

/// What the last word of the server means.
fn ended(status: &Value) -> Result<()> {
    if status["status"] == "Success" {
        return Ok(());
    }
    let causes = items(status, "details.causes");
    let code = causes
        .iter()
        .find(|it| it["reason"] == "ExitCode")
        .and_then(|it| text(it, "message").parse::<i32>().ok());
    match code {
        Some(code) => {
            let message = format!("command terminated with exit code {code}");
            Err(Exit { code: u8::try_from(code).unwrap_or(1), message }.into())
        }
        None => bail!(
            "Internal error occurred: {}",
            text(status, "message").trim_start_matches("Internal error occurred: ")
        ),
    }
}

/// Sends input and sizes; ends only with an error.
async fn send(mut sender: Sender, streams: Streams) -> anyhow::Error {
    let mut resized = match terminal::resizes() {
        Ok(resized) => resized,
        Err(error) => return error.into(),
    };
    let mut stdin = tokio::io::stdin();
    let mut open = streams.stdin;
    let mut buffer = vec![0; 16 << 10];
    loop {
        let sent = tokio::select! {
            _ = resized.recv(), if streams.tty => send_size(&mut sender).await,
            read = stdin.read(&mut buffer), if open => match read {
                Ok(0) => {
                    open = false;
                    sender.end(channel::STDIN).await.map_err(Into::into)
                }
                Ok(length) => sender.send(channel::STDIN, &buffer[..length]).await.map_err(Into::into),
                Err(error) => Err(error.into()),
            },
            () = std::future::pending() => unreachable!("it never ends"),
        };
        if let Err(error) = sent {
            return error;
        }
    }
}

async fn send_size(sender: &mut Sender) -> Result<()> {
    if let Some((width, height)) = terminal::size() {
        let size = json!({"Width": width, "Height": height}).to_string();
        sender.send(channel::RESIZE, size.as_bytes()).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_decides_the_exit_code() {
        let check = |status: Value, code: Option<u8>, expect: &str| {
            let error = ended(&status).unwrap_err();
            assert_eq!(error.downcast_ref::<Exit>().map(|it| it.code), code);
            assert_eq!(error.to_string(), expect);
        };
        assert!(ended(&json!({"status": "Success"})).is_ok());
        let exited = json!({"status": "Failure", "reason": "NonZeroExitCode",
            "details": {"causes": [{"reason": "ExitCode", "message": "9"}]}});
        check(exited, Some(9), "command terminated with exit code 9");
        check(
            json!({"status": "Failure", "message": "no such file"}),
            None,
            "Internal error occurred: no such file",
        );
    }
}
