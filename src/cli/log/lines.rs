//! The lines of the log on their way to standard error.
//!
//! A thread of its own writes the lines. Logging never waits for standard error and never fails: with a closed or stuck pipe or
//! a full disk, lines are lost and counted, and nothing else happens.

use std::io::Write;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::cli::output::Stream;

/// Most bytes that wait to be written; further lines are lost.
const PENDING_BYTES: usize = 256 * 1024;
/// How long the process waits at exit for pending lines to be written.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// A handle to the lines.
#[derive(Clone, Default)]
pub(super) struct Lines(Arc<Shared>);

#[derive(Default)]
struct Shared {
    pending: Mutex<Pending>,
    has_text: Condvar,
    is_idle: Condvar,
}

#[derive(Default)]
struct Pending {
    text: Vec<u8>,
    /// Whether the thread is writing lines that it has taken out of `text`.
    is_writing: bool,
    /// Number of lines lost since the start.
    lost: u64,
}

impl Lines {
    /// Starts the thread.
    pub(super) fn start() -> Self {
        let lines = Self::default();
        let writer = lines.clone();
        // If the thread cannot start, all lines are lost, as on a full disk.
        let _ = thread::Builder::new()
            .name("log".into())
            .spawn(move || writer.write_lines());
        lines
    }

    /// Waits until all pending lines are written, for at most [`FLUSH_TIMEOUT`].
    pub(super) fn flush(&self) {
        let until = Instant::now() + FLUSH_TIMEOUT;
        let mut pending = self.0.pending.lock();
        while pending.is_writing || !pending.text.is_empty() {
            if self.0.is_idle.wait_until(&mut pending, until).timed_out() {
                return;
            }
        }
    }

    /// Adds whole lines.
    pub(super) fn push(&self, lines: &[u8]) {
        let mut pending = self.0.pending.lock();
        if pending.text.len() + lines.len() > PENDING_BYTES {
            pending.lost += count(lines);
            return;
        }
        pending.text.extend_from_slice(lines);
        drop(pending);
        self.0.has_text.notify_one();
    }

    fn write_lines(&self) {
        let (mut text, mut reported) = (Vec::new(), 0);
        let mut is_torn = false;
        loop {
            text.clear();
            let mut pending = self.0.pending.lock();
            pending.is_writing = false;
            if pending.text.is_empty() {
                self.0.is_idle.notify_all();
            }
            while pending.text.is_empty() {
                self.0.has_text.wait(&mut pending);
            }
            std::mem::swap(&mut text, &mut pending.text);
            pending.is_writing = true;
            drop(pending);
            let written = write(&text, &mut is_torn);
            let mut pending = self.0.pending.lock();
            pending.lost += count(&text[written..]);
            let lost = pending.lost;
            drop(pending);
            if written == text.len() && lost > reported {
                reported = lost;
                tracing::error!(
                    lines = lost,
                    "log lines were lost since the start: standard error could not be written"
                );
            }
        }
    }
}

/// Writes as much as possible and returns the number of bytes written. `is_torn` is set when only part of a line was written;
/// the next call then ends that line first.
fn write(text: &[u8], is_torn: &mut bool) -> usize {
    if *is_torn && Stream::Stderr.write_all(b"\n").is_err() {
        return 0;
    }
    *is_torn = false;
    let mut written = 0;
    while written < text.len() {
        match Stream::Stderr.write(&text[written..]) {
            Ok(0) | Err(_) => {
                *is_torn = written > 0 && text[written - 1] != b'\n';
                break;
            }
            Ok(length) => written += length,
        }
    }
    written
}

fn count(lines: &[u8]) -> u64 {
    lines.split(|byte| *byte == b'\n').skip(1).count() as u64
}
