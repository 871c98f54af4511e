//! The process that holds a pod's namespaces open: it waits. As process 1 of a shared process namespace it also buries
//! the processes that lost their parent. SIGTERM and SIGINT end it at once.
//!
//! It blocks the signals and waits for them, instead of handling them: process 1 is not sent a signal that it neither
//! handles nor blocks.

use std::process::ExitCode;

use nix::sys::{
    signal::{SigSet, Signal},
    wait::{WaitPidFlag, WaitStatus, waitpid},
};

fn main() -> ExitCode {
    let signals = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT, Signal::SIGCHLD]);
    if signals.thread_block().is_err() {
        return ExitCode::FAILURE;
    }
    loop {
        match signals.wait() {
            Ok(Signal::SIGCHLD) => bury(),
            Ok(_) => return ExitCode::SUCCESS,
            Err(_) => return ExitCode::FAILURE,
        }
    }
}

/// Collects every child that has ended: one SIGCHLD may stand for many.
fn bury() {
    while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        if status == WaitStatus::StillAlive {
            return;
        }
    }
}
