//! Turns events into lines: text for people, or a JSON object for programs.

use std::fmt::{self, Debug, Write as _};
use std::io::{self, Write};
use std::time::SystemTime;
use std::{str, thread};

use tracing::Subscriber;
use tracing::field::Field;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::{self, Writer};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::cli::log::lines::Lines;
use crate::cli::log::settings::{LogFormat, LogSettings};
use crate::cli::output::{LineEscaper, escape, for_stderr, print_error, stderr_has_colors};

/// A handle to the log.
pub(in crate::cli) struct Log {
    lines: Lines,
    format: LogFormat,
}

impl Log {
    /// Starts logging. Panics are logged, too.
    pub(in crate::cli) fn start(settings: LogSettings) -> Self {
        let LogSettings { filter, format } = settings;
        let lines = Lines::start();
        match format {
            LogFormat::Text => text(lines.clone()).with(filter).init(),
            LogFormat::Json => json(lines.clone()).with(filter).init(),
        }
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
        Self { lines, format }
    }

    /// Writes why the program ends, without the log. whatever the filter says.
    pub(in crate::cli) fn write_failure(&self, message: &str) {
        let line = match self.format {
            LogFormat::Text => for_stderr(&with_name(message)) + "\n",
            LogFormat::Json => json_line("ERROR", message) + "\n",
        };
        self.lines.push(line.as_bytes());
    }

    /// Waits for a short time until all pending lines are written.
    pub(in crate::cli) fn flush(&self) {
        self.lines.flush();
    }
}

/// Writes why the program ends, without the log.
pub(in crate::cli) fn print_failure(message: &str, format: LogFormat) {
    match format {
        LogFormat::Text => print_error(&with_name(message)),
        LogFormat::Json => print_error(&json_line("ERROR", message)),
    }
}

/// Writes a warning about the configuration, without the log.
pub(in crate::cli) fn print_warning(message: &str, format: LogFormat) {
    match format {
        LogFormat::Text => print_error(&with_name(message)),
        LogFormat::Json => print_error(&json_line("WARN", message)),
    }
}

fn with_name(message: &str) -> String {
    format!("cloakroom: {message}")
}

fn json_line(level: &str, message: &str) -> String {
    let timestamp = humantime::format_rfc3339_micros(SystemTime::now());
    let line = serde_json::json!({
        "timestamp": timestamp.to_string(),
        "level": level,
        "message": message,
    });
    escape(&line.to_string()).into_owned()
}

fn text(lines: Lines) -> impl Subscriber + for<'a> LookupSpan<'a> + Send + Sync {
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(move || TextWriter(lines.clone()))
        .log_internal_errors(false)
        .with_ansi(stderr_has_colors())
        .with_target(false)
        .fmt_fields(format::debug_fn(show_field).delimited(" "))
        .finish()
}

fn json(lines: Lines) -> impl Subscriber + for<'a> LookupSpan<'a> + Send + Sync {
    tracing_subscriber::fmt()
        .json()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(move || JsonWriter(lines.clone()))
        .log_internal_errors(false)
        .with_ansi(false)
        .with_target(false)
        .with_current_span(false)
        .with_span_list(false)
        .flatten_event(true)
        .finish()
}

/// Each call writes one event.
struct TextWriter(Lines);

impl Write for TextWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Each call writes one event. Characters that a terminal would interpret become JSON escapes.
struct JsonWriter(Lines);

impl Write for JsonWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match str::from_utf8(bytes) {
            Ok(text) => self.0.push(escape(text).as_bytes()),
            Err(_) => self.0.push(bytes),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
