//! The log on standard error.
//!
//! A thread of its own writes the lines. Logging never waits for standard error and never fails: with a closed or stuck pipe or
//! a full disk, lines are lost and counted, and nothing else happens.

use std::fmt::{self, Debug, Write as _};
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tracing::field::Field;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::{self, Writer};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::output::{LineEscaper, Stream, for_stderr};
use super::{EXIT_USAGE, Failure};

/// Most bytes that wait to be written; further lines are lost.
const PENDING_BYTES: usize = 256 * 1024;
/// How long the process waits at exit for pending lines to be written.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// A handle to the log.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Shared>);

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

impl Log {
    /// Starts logging at `level`, or as `CLOAKROOM_LOG` says: a level, or levels by target like `info,hyper=debug`. Panics
    /// are logged, too.
    ///
    /// # Errors
    /// `CLOAKROOM_LOG` is invalid.
    pub(super) fn start(level: &str) -> Result<Self, Failure> {
        let variable = std::env::var("CLOAKROOM_LOG").ok();
        let filter = variable
            .as_deref()
            .filter(|filter| !filter.is_empty())
            .unwrap_or(level);
        let targets: Targets = filter.parse().map_err(|_| {
            let message = format!(
                "CLOAKROOM_LOG: invalid filter {filter:?}: expected a level (off, error, warn, info, debug, trace) or \
                 levels by target like \"info,hyper=debug\""
            );
            Failure::new(EXIT_USAGE, message)
        })?;
        let log = Self::default();
        let (writer, to) = (log.clone(), log.clone());
        // If the thread cannot start, all lines are lost, as on a full disk.
        let _ = thread::Builder::new()
            .name("log".into())
            .spawn(move || writer.write_lines());
        tracing_subscriber::fmt()
            .with_max_level(LevelFilter::TRACE)
            .with_writer(move || to.clone())
            .log_internal_errors(false)
            .with_ansi(io::stderr().is_terminal())
            .with_target(false)
            .fmt_fields(format::debug_fn(show_field).delimited(" "))
            .finish()
            .with(targets)
            .init();
        std::panic::set_hook(Box::new(|panic| {
            let thread = thread::current();
            let message = panic.to_string().replacen(":\n", ": ", 1);
            tracing::error!(thread = thread.name(), "{message}");
            let backtrace = std::backtrace::Backtrace::capture();
            if backtrace.status() == std::backtrace::BacktraceStatus::Captured {
                for line in backtrace.to_string().lines() {
                    tracing::error!("{line}");
                }
            }
        }));
        Ok(log)
    }

    /// Writes one line of plain text.
    pub(super) fn write_line(&self, text: &str) {
        self.push((for_stderr(text) + "\n").as_bytes());
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

    fn push(&self, lines: &[u8]) {
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

/// Each call writes one event.
impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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

/// Writes a field of an event. Values may come from clients, so line breaks and terminal control characters are escaped.
fn show_field(writer: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> fmt::Result {
    let name = field.name();
    if name != "message" {
        if writer.has_ansi_escapes() {
            write!(writer, "\x1b[3m{name}\x1b[0m\x1b[2m=\x1b[0m")?;
        } else {
            write!(writer, "{name}=")?;
        }
    }
    write!(LineEscaper(writer), "{value:?}")
}
