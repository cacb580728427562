//! Asks what to do with a job on another server when the user presses Ctrl-C.

use std::io::{IsTerminal, stderr, stdin};

use crate::cli::output::print_error;
use crate::cli::progress::ProgressReporter;
use crate::cli::signals::Signals;

const QUESTION: &str =
    "\nCancel the job? [y] cancel it  [n] leave it running and exit  [Enter] keep waiting";

/// What to do with the job.
pub(super) enum Choice {
    Cancel,
    Leave,
    Continue,
}

/// Asks the user. Without a terminal, and at a second Ctrl-C, the job is canceled.
pub(super) async fn ask(progress: &ProgressReporter, signals: &mut Signals) -> Choice {
    if !stdin().is_terminal() || !stderr().is_terminal() {
        return Choice::Cancel;
    }
    progress.suspend(|| print_error(QUESTION));
    // When a signal ends the wait, the thread is left behind; the process does not wait for it.
    let answer = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        let read = stdin().read_line(&mut line);
        read.ok().filter(|length| *length > 0).map(|_| line)
    });
    let answer = tokio::select! {
        answer = answer => answer.ok().flatten(),
        () = signals.next() => return Choice::Cancel,
    };
    match answer
        .map(|line| line.trim().to_ascii_lowercase())
        .as_deref()
    {
        Some("y" | "yes" | "c" | "cancel") => Choice::Cancel,
        // The terminal was closed.
        Some("n" | "no" | "l" | "leave") | None => Choice::Leave,
        Some(_) => Choice::Continue,
    }
}
