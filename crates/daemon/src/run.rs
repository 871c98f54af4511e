//! A daemon's life from `main` to exit code: runtime, logging, signals, drain.
//!
//! Nothing here decides what a daemon does; that is the start function given to [`run`].

use std::{process::ExitCode, time::Duration};

use anyhow::Context;

use crate::{Tasks, args::LogArgs, clock, heap, signal::Termination};

/// How a daemon is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// What to log.
    pub log: LogArgs,
    /// Threads that poll tasks. Two are enough for a small cluster and keep idle memory low.
    pub workers: usize,
    /// How long tasks may take to end once the daemon is asked to stop.
    pub grace: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options { log: LogArgs::default(), workers: 2, grace: Duration::from_secs(10) }
    }
}

/// Runs a daemon until it is asked to stop, and drains it.
///
/// `start` gets the group that owns everything it spawns. It may return as soon as its tasks run, or stay until the
/// token is cancelled; the daemon goes on until SIGINT, SIGTERM, a failed task, or `Tasks::cancel`. Then start function
/// and tasks have `grace` to end; a second signal cuts that short. The exit code is a failure when the start function
/// returned an error or a task failed.
pub fn run<F, Fut>(options: Options, start: F) -> ExitCode
where
    F: FnOnce(Tasks) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    match try_run(options, start) {
        Ok(code) => code,
        Err(error) => {
            // Logging may not be set up yet, and whoever started the daemon must learn why it ended.
            #[allow(clippy::print_stderr, reason = "the last resort of a program without a log")]
            {
                eprintln!("error: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

/// Room for what is nested: documents, schemas and expressions are walked by recursion, in debug builds with large frames.
/// Only what is used of it takes memory.
const STACK: usize = 16 << 20;

fn try_run<F, Fut>(options: Options, start: F) -> anyhow::Result<ExitCode>
where
    F: FnOnce(Tasks) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    options.log.init()?;
    heap::use_small_pages();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(options.workers.max(1))
        .thread_stack_size(STACK)
        .enable_all()
        .build()
        .context("failed to start the async runtime")?;
    let code = runtime.block_on(async {
        let signals = Termination::listen().context("failed to listen for signals")?;
        anyhow::Ok(supervise(signals, options.grace, start).await)
    })?;
    // What is still running has been named by now and has had its time.
    runtime.shutdown_background();
    Ok(code)
}

async fn supervise<F, Fut>(mut signals: Termination, grace: Duration, start: F) -> ExitCode
where
    F: FnOnce(Tasks) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let tasks = Tasks::new();
    let life = live(tasks.clone(), start(tasks.clone()), grace);
    let mut life = std::pin::pin!(life);
    for patience in [Patience::Drain, Patience::Leave] {
        tokio::select! {
            code = &mut life => return code,
            signal = signals.next() => patience.hear(signal, &tasks),
        }
    }
    ExitCode::FAILURE
}

/// What a signal means: the first asks for an orderly end, the second for an immediate one.
enum Patience {
    /// Stop in an orderly way.
    Drain,
    /// Leave at once.
    Leave,
}

impl Patience {
    fn hear(self, signal: &str, tasks: &Tasks) {
        match self {
            Patience::Drain => tracing::info!(signal, "stopping; a second signal stops at once"),
            Patience::Leave => tracing::warn!(signal, running = ?tasks.running(), "stopping at once"),
        }
        tasks.cancel();
    }
}

/// From the start function's first step to the last task's end.
async fn live(tasks: Tasks, start: impl Future<Output = anyhow::Result<()>>, grace: Duration) -> ExitCode {
    let start = async {
        let result = start.await;
        if let Err(error) = &result {
            tracing::error!("{error:#}");
            tasks.cancel();
        }
        result.is_ok()
    };
    let mut start = std::pin::pin!(start);
    let started = tokio::select! {
        started = &mut start => Some(started),
        () = tasks.cancelled() => None,
    };
    tasks.cancelled().await;
    let drained = async {
        let started = match started {
            Some(started) => started,
            None => start.await,
        };
        tasks.shutdown().await;
        started
    };
    let orderly = clock::timeout(grace, drained).await.unwrap_or_else(|_late| {
        tracing::error!(?grace, running = ?tasks.running(), "failed to stop in time");
        false
    });
    if orderly && !tasks.failed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(5);

    /// Lives through `start` with paused time, and compares the exit code.
    async fn check<Fut: Future<Output = anyhow::Result<()>>>(
        start: impl FnOnce(Tasks) -> Fut,
        expect: ExitCode,
    ) {
        let tasks = Tasks::new();
        let code = live(tasks.clone(), start(tasks.clone()), GRACE).await;
        assert_eq!(format!("{code:?}"), format!("{expect:?}"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_exit_code_tells_how_it_ended() {
        let returns_early = |tasks: Tasks| async move {
            let worker = tasks.clone();
            tasks.spawn("worker", async move { worker.cancelled().await });
            let stopper = tasks.clone();
            tasks.spawn("stopper", async move { stopper.cancel() });
            Ok(())
        };
        check(returns_early, ExitCode::SUCCESS).await;
        let stays = |tasks: Tasks| async move {
            tasks.spawn("stopper", {
                let tasks = tasks.clone();
                async move { tasks.cancel() }
            });
            tasks.cancelled().await;
            clock::sleep(GRACE / 2).await;
            Ok(())
        };
        check(stays, ExitCode::SUCCESS).await;
        check(|_| async { anyhow::bail!("no data directory") }, ExitCode::FAILURE).await;
        let fails_later = |tasks: Tasks| async move {
            tasks.spawn("faulty", async { panic!("bug") });
            Ok(())
        };
        check(fails_later, ExitCode::FAILURE).await;
        let never_ends = |tasks: Tasks| async move {
            tasks.spawn("deaf", std::future::pending());
            tasks.cancel();
            std::future::pending().await
        };
        check(never_ends, ExitCode::FAILURE).await;
    }
}
