//! This process's terminal: whether it is one, how large it is, and letting every key through.

use anyhow::Result;
use rustix::stdio::{stdin, stdout};
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Whether standard input is a terminal.
pub(super) fn is_there() -> bool {
    isatty(stdin())
}

/// Columns and rows.
pub(super) fn size() -> Option<(u16, u16)> {
    tcgetwinsize(stdout()).ok().map(|it| (it.ws_col, it.ws_row))
}

/// Wakes whenever the size changes.
pub(super) fn resizes() -> std::io::Result<Signal> {
    signal(SignalKind::window_change())
}

/// The terminal passes every key on; as it was again when this is dropped.
pub(super) struct Raw(Termios);

impl Raw {
    /// Begins.
    pub(super) fn enter() -> Result<Self> {
        let before = tcgetattr(stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Now, &raw)?;
        Ok(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that is gone.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.0);
    }
}
