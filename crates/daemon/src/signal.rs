//! Waiting for the operating system to ask the daemon to stop. What happens then is decided in [`crate::run()`].

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// A listener for the signals that ask a daemon to stop.
pub struct Termination {
    interrupt: Signal,
    terminate: Signal,
}

impl Termination {
    /// Listens from now on: a signal that arrives before [`Termination::next`] is called is not lost.
    pub fn listen() -> io::Result<Termination> {
        Ok(Termination {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next such signal and gives its name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

/// Waits until SIGINT or SIGTERM arrives.
pub async fn terminated() -> io::Result<&'static str> {
    Ok(Termination::listen()?.next().await)
}
