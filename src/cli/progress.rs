//! Shows a job's progress on stderr: a bar on a terminal, plain lines elsewhere.

use std::fmt::Write;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressState, ProgressStyle};
use serde_json::Value;

use super::output::{escape_line, print_error};

/// Length of the bar when progress is a percentage.
const PER_MILLE: u64 = 1000;
/// Least progress between two lines, in percentage points.
const PERCENT_PER_LINE: f64 = 10.0;

/// Whether a command shows progress.
#[derive(clap::Args)]
pub(super) struct ProgressArgs {
    /// Do not show progress.
    #[arg(short, long)]
    quiet: bool,
}

impl ProgressArgs {
    pub(super) fn reporter(&self) -> ProgressReporter {
        ProgressReporter::new(self.quiet)
    }
}

/// Shows the progress of one job.
pub(super) enum ProgressReporter {
    /// A bar on a terminal.
    Bar(Bar),
    /// Plain lines, with the phase and percentage of the last one.
    Lines { phase: String, percent: f64 },
    /// No output.
    Nothing,
}

/// A bar and the unit that it counts.
pub(super) struct Bar {
    shown: ProgressBar,
    unit: Option<Unit>,
    /// When the job's current attempt started, as the server gives it.
    started: Option<String>,
}

/// The unit that a bar counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    PerMille,
    Bytes,
    BytesWithoutEnd,
}

impl Unit {
    fn template(self) -> &'static str {
        match self {
            Self::PerMille => {
                "{prefix} [{bar:25}] {percent_precise}%, {since_start} elapsed, {remaining} left  {wide_msg}"
            }
            Self::Bytes => {
                "{prefix} [{bar:25}] {bytes} of {total_bytes}, {bytes_per_sec}, {remaining} left  {wide_msg}"
            }
            Self::BytesWithoutEnd => {
                "{prefix} {bytes}, {bytes_per_sec}, {since_start} elapsed  {wide_msg}"
            }
        }
    }
}

impl Bar {
    fn count(&mut self, unit: Unit, position: u64, length: u64) {
        if self.unit != Some(unit) {
            let before = self.started.as_deref().map_or(Duration::ZERO, time_since);
            self.shown.set_style(timed_style(unit.template(), before));
            self.shown.reset();
            self.unit = Some(unit);
        }
        self.shown.set_length(length);
        self.shown.set_position(position);
    }
}

impl ProgressReporter {
    /// A bar if stderr is a terminal, lines if not, nothing if `quiet`.
    fn new(quiet: bool) -> Self {
        if quiet {
            return Self::Nothing;
        }
        if std::io::stderr().is_terminal() {
            let bar = ProgressBar::new(PER_MILLE);
            // The unit is not known yet.
            bar.set_style(style("{prefix}"));
            return Self::Bar(Bar {
                shown: bar,
                unit: None,
                started: None,
            });
        }
        Self::Lines {
            phase: String::new(),
            percent: 0.0,
        }
    }

    /// Shows the job's current state.
    pub(super) fn job(&mut self, job: &Value) {
        let phase = job["phase"]
            .as_str()
            .or(job["status"].as_str())
            .unwrap_or_default();
        let percent = job["percentComplete"].as_f64().unwrap_or_default();
        match self {
            Self::Bar(bar) => {
                bar.shown.set_prefix(escape_line(phase).into_owned());
                bar.shown.set_message(stage(&job["stage"]));
                let started = job["startedAt"].as_str().map(str::to_owned);
                if bar.started != started {
                    bar.started = started;
                    bar.unit = None;
                }
                let bytes = &job["bytes"];
                match (bytes["current"].as_u64(), bytes["total"].as_u64()) {
                    (Some(current), Some(total)) => bar.count(Unit::Bytes, current, total),
                    (Some(current), None) => bar.count(Unit::BytesWithoutEnd, current, 0),
                    (None, _) => bar.count(Unit::PerMille, (percent * 10.0) as u64, PER_MILLE),
                }
            }
            Self::Lines {
                phase: last_phase,
                percent: last_percent,
            } => {
                if last_phase != phase || percent - *last_percent >= PERCENT_PER_LINE {
                    phase.clone_into(last_phase);
                    *last_percent = percent;
                    print_error(&format!("{phase} {percent:.1}%"));
                }
            }
            Self::Nothing => {}
        }
    }

    /// Starts showing a transfer of `bytes` bytes.
    pub(super) fn begin_transfer(&mut self, label: &'static str, bytes: u64) {
        if let Self::Bar(bar) = self {
            bar.shown.set_prefix(label);
            bar.shown.set_message("");
            bar.unit = None;
            bar.started = None;
            bar.count(Unit::Bytes, 0, bytes);
        }
    }

    /// Sets the number of bytes transferred so far.
    pub(super) fn transferred(&mut self, bytes: u64) {
        if let Self::Bar(bar) = self {
            bar.shown.set_position(bytes);
        }
    }

    /// A function that adds to the number of bytes transferred, for use on another thread.
    pub(super) fn adder(&self) -> impl Fn(u64) + Send + use<> {
        let bar = match self {
            Self::Bar(bar) => Some(bar.shown.clone()),
            _ => None,
        };
        move |bytes| {
            if let Some(bar) = &bar {
                bar.inc(bytes);
            }
        }
    }

    /// Prints a message above the progress.
    pub(super) fn print_message(&self, message: &str) {
        match self {
            Self::Bar(bar) => bar.shown.suspend(|| print_error(message)),
            Self::Lines { .. } => print_error(message),
            Self::Nothing => {}
        }
    }

    /// Hides the bar while `print` writes to the terminal.
    pub(super) fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        match self {
            Self::Bar(bar) => bar.shown.suspend(print),
            Self::Lines { .. } | Self::Nothing => print(),
        }
    }

    /// Removes the bar from the terminal.
    pub(super) fn end(&mut self) {
        if let Self::Bar(bar) = self {
            bar.shown.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the template is a constant")
        .progress_chars("=> ")
}

/// A style whose times count from `before` the bar began: a command may follow a job that has been running for long.
fn timed_style(template: &str, before: Duration) -> ProgressStyle {
    style(template)
        .with_key(
            "since_start",
            move |state: &ProgressState, text: &mut dyn Write| {
                let _ = write!(text, "{:#}", HumanDuration(before + state.elapsed()));
            },
        )
        .with_key(
            "remaining",
            move |state: &ProgressState, text: &mut dyn Write| {
                let elapsed = before + state.elapsed();
                let left = remaining(elapsed, state.pos(), state.len().unwrap_or_default());
                let _ = match left {
                    Some(left) => write!(text, "{:#}", HumanDuration(left)),
                    None => text.write_str("?"),
                };
            },
        )
}

/// The remaining time if the work goes on as fast as it has since its start. Unlike the speed of the last seconds, this does
/// not jump.
fn remaining(elapsed: Duration, done: u64, all: u64) -> Option<Duration> {
    let left = all.checked_sub(done)? as f64;
    Duration::try_from_secs_f64(elapsed.as_secs_f64() * left / done as f64).ok()
}

/// The time since an RFC 3339 timestamp of the server; zero if the clocks of the two machines differ too much for an answer.
fn time_since(timestamp: &str) -> Duration {
    let time = humantime::parse_rfc3339(timestamp).ok();
    time.and_then(|time| time.elapsed().ok())
        .unwrap_or_default()
}

/// The current stage, like `2 of 3  name`.
fn stage(stage: &Value) -> String {
    let Some(name) = stage["name"].as_str() else {
        return String::new();
    };
    let number = |key: &str| stage[key].as_u64().unwrap_or_default();
    let name = escape_line(name);
    format!("{} of {}  {name}", number("current"), number("total"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remaining_time_is_reckoned_from_the_start() {
        let minute = Duration::from_mins(1);
        assert_eq!(remaining(minute, 250, 1000), Some(3 * minute));
        assert_eq!(remaining(minute, 1000, 1000), Some(Duration::ZERO));
        assert_eq!(remaining(minute, 0, 1000), None);
        assert_eq!(remaining(minute, 5, 0), None);
        let ago = std::time::SystemTime::now() - minute;
        let since = time_since(&humantime::format_rfc3339_millis(ago).to_string());
        assert!(since >= minute && since < 2 * minute, "{since:?}");
        assert_eq!(time_since("9999-01-01T00:00:00Z"), Duration::ZERO);
    }
}
