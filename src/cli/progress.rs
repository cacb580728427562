//! A job's progress for whoever sits before it: a bar on a terminal, plain lines elsewhere. On stderr, always.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

/// On a terminal the bar is this fine.
const PER_MILLE: u64 = 1000;
/// Elsewhere a line is written for every so many percent.
const PERCENT_A_LINE: f64 = 10.0;

/// Shows one job.
pub(super) enum Show {
    /// As a bar.
    Bar(ProgressBar),
    /// As lines; what the last one said.
    Lines { phase: String, percent: f64 },
    /// Not at all.
    Nothing,
}

impl Show {
    /// As fits stderr.
    pub(super) fn new(quiet: bool) -> Self {
        if quiet {
            return Self::Nothing;
        }
        if !std::io::stderr().is_terminal() {
            return Self::Lines {
                phase: String::new(),
                percent: 0.0,
            };
        }
        let bar = ProgressBar::new(PER_MILLE);
        bar.set_style(style(
            "{msg} [{bar:30}] {percent_precise} %  {elapsed_precise}, {eta} left  {prefix}",
        ));
        Self::Bar(bar)
    }

    /// The job as it is now.
    pub(super) fn job(&mut self, job: &Value) {
        let phase = job["phase"]
            .as_str()
            .or(job["status"].as_str())
            .unwrap_or_default();
        let percent = job["percentComplete"].as_f64().unwrap_or_default();
        let stage = &job["stage"];
        match self {
            Self::Bar(bar) => {
                bar.set_message(phase.to_owned());
                if stage.is_object() {
                    let name = stage["name"].as_str().unwrap_or_default();
                    bar.set_prefix(format!(
                        "{} of {}  {name}",
                        stage["current"], stage["total"]
                    ));
                }
                bar.set_position((percent * 10.0) as u64);
            }
            Self::Lines {
                phase: said,
                percent: last,
            } => {
                if said != phase || percent - *last >= PERCENT_A_LINE {
                    phase.clone_into(said);
                    *last = percent;
                    eprintln!("{phase} {percent:.1} %");
                }
            }
            Self::Nothing => {}
        }
    }

    /// From now on it is a download of so many bytes.
    pub(super) fn begin_download(&mut self, bytes: u64) {
        if let Self::Bar(bar) = self {
            bar.reset();
            bar.set_length(bytes);
            bar.set_style(style(
                "{msg} [{bar:30}] {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
            ));
            bar.set_message("Saving");
        }
    }

    /// So many bytes of the download are there.
    pub(super) fn downloaded(&mut self, bytes: u64) {
        if let Self::Bar(bar) = self {
            bar.set_position(bytes);
        }
    }

    /// Leaves the terminal as it was.
    pub(super) fn end(&mut self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the template is a constant")
        .progress_chars("=> ")
}
