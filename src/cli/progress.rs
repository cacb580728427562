//! A job's progress for whoever sits before it: a bar on a terminal, plain lines elsewhere. On stderr, always.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::output::{complain, escape_line};

/// Of work that is not counted in bytes the bar is this fine.
const PER_MILLE: u64 = 1000;
/// Elsewhere a line is written for every so many percent.
const PERCENT_A_LINE: f64 = 10.0;

/// Shows one job.
pub(super) enum ProgressReporter {
    /// As a bar.
    Bar(Bar),
    /// As lines; what the last one said.
    Lines { phase: String, percent: f64 },
    /// Not at all.
    Nothing,
}

/// A bar, and what it counts now.
pub(super) struct Bar {
    bar: ProgressBar,
    unit: Option<Unit>,
}

/// What a bar counts.
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
                "{prefix} [{bar:25}] {percent_precise} %, {elapsed} gone, {eta} left  {wide_msg}"
            }
            Self::Bytes => {
                "{prefix} [{bar:25}] {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left  {wide_msg}"
            }
            Self::BytesWithoutEnd => {
                "{prefix} {bytes}, {bytes_per_sec}, {elapsed} gone  {wide_msg}"
            }
        }
    }
}

impl Bar {
    fn count(&mut self, unit: Unit, position: u64, length: u64) {
        if self.unit != Some(unit) {
            self.bar.set_style(style(unit.template()));
            self.bar.reset();
            self.unit = Some(unit);
        }
        self.bar.set_length(length);
        self.bar.set_position(position);
    }
}

impl ProgressReporter {
    /// As fits stderr.
    pub(super) fn new(quiet: bool) -> Self {
        if quiet {
            return Self::Nothing;
        }
        if std::io::stderr().is_terminal() {
            let bar = ProgressBar::new(PER_MILLE);
            // Until it is known what to count.
            bar.set_style(style("{prefix}"));
            return Self::Bar(Bar { bar, unit: None });
        }
        Self::Lines {
            phase: String::new(),
            percent: 0.0,
        }
    }

    /// The job as it is now.
    pub(super) fn job(&mut self, job: &Value) {
        let phase = job["phase"]
            .as_str()
            .or(job["status"].as_str())
            .unwrap_or_default();
        let percent = job["percentComplete"].as_f64().unwrap_or_default();
        match self {
            Self::Bar(bar) => {
                bar.bar.set_prefix(escape_line(phase).into_owned());
                bar.bar.set_message(stage(&job["stage"]));
                let bytes = &job["bytes"];
                match (bytes["current"].as_u64(), bytes["total"].as_u64()) {
                    (Some(current), Some(total)) => bar.count(Unit::Bytes, current, total),
                    (Some(current), None) => bar.count(Unit::BytesWithoutEnd, current, 0),
                    (None, _) => bar.count(Unit::PerMille, (percent * 10.0) as u64, PER_MILLE),
                }
            }
            Self::Lines {
                phase: said,
                percent: last,
            } => {
                if said != phase || percent - *last >= PERCENT_A_LINE {
                    phase.clone_into(said);
                    *last = percent;
                    complain(&format!("{phase} {percent:.1} %"));
                }
            }
            Self::Nothing => {}
        }
    }

    /// From now on so many bytes go up or down.
    pub(super) fn begin_transfer(&mut self, what: &'static str, bytes: u64) {
        if let Self::Bar(bar) = self {
            bar.bar.set_prefix(what);
            bar.bar.set_message("");
            bar.unit = None;
            bar.count(Unit::Bytes, 0, bytes);
        }
    }

    /// So many bytes are through.
    pub(super) fn transferred(&mut self, bytes: u64) {
        if let Self::Bar(bar) = self {
            bar.bar.set_position(bytes);
        }
    }

    /// What adds to the bytes that are through, for a transfer that another thread sees.
    pub(super) fn adder(&self) -> impl Fn(u64) + Send + use<> {
        let bar = match self {
            Self::Bar(bar) => Some(bar.bar.clone()),
            _ => None,
        };
        move |bytes| {
            if let Some(bar) = &bar {
                bar.inc(bytes);
            }
        }
    }

    /// A sentence between.
    pub(super) fn say(&self, sentence: &str) {
        match self {
            Self::Bar(bar) => bar.bar.suspend(|| complain(sentence)),
            Self::Lines { .. } => complain(sentence),
            Self::Nothing => {}
        }
    }

    /// Leaves the terminal as it was.
    pub(super) fn end(&mut self) {
        if let Self::Bar(bar) = self {
            bar.bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the template is a constant")
        .progress_chars("=> ")
}

/// Which of how many steps is at hand.
fn stage(stage: &Value) -> String {
    let Some(name) = stage["name"].as_str() else {
        return String::new();
    };
    let number = |key: &str| stage[key].as_u64().unwrap_or_default();
    let name = escape_line(name);
    format!("{} of {}  {name}", number("current"), number("total"))
}
