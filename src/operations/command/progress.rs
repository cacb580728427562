//! Parses a command's progress: from its output by regular expressions, or from lines of JSON on descriptor 3.

use std::borrow::Cow;

use regex::Regex;
use serde::Deserialize;

use crate::operations::Context;

/// The longest line that is parsed, in bytes. The rest of a longer line is ignored.
const MAX_LINE_BYTES: usize = 8 * 1024;
/// The longest phase or stage that is shown, in characters.
const MAX_LABEL_CHARS: usize = 200;
/// The names of groups that an expression may have.
const GROUPS: [&str; 5] = ["percent", "current", "total", "phase", "stage"];

/// Compiles one expression.
///
/// # Errors
/// A sentence, if the expression is invalid, has no named group, or has an unknown one.
pub(in crate::operations) fn expression(text: &str) -> Result<Regex, String> {
    let regex = Regex::new(text).map_err(|error| {
        let reason = error.to_string();
        let last = reason.lines().last().unwrap_or_default();
        format!("invalid regular expression {text:?}: {last}")
    })?;
    let named: Vec<_> = regex.capture_names().flatten().collect();
    let expected = GROUPS.join(", ");
    match named.iter().find(|name| !GROUPS.contains(name)) {
        Some(name) => Err(format!(
            "unknown group {name:?} in {text:?}, expected one of {expected}"
        )),
        None if named.is_empty() => Err(format!(
            "{text:?} has no named group, expected one of {expected}"
        )),
        None => Ok(regex),
    }
}

/// The progress reported so far. A value stays until a new one replaces it.
#[derive(Debug, Default, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub(in crate::operations) struct ProgressState {
    percent: Option<f64>,
    current: Option<f64>,
    total: Option<f64>,
    phase: Option<String>,
    stage: Option<String>,
}

impl ProgressState {
    /// Applies what the expressions match in a line. Returns whether anything matched.
    pub(in crate::operations) fn find(&mut self, line: &str, expressions: &[Regex]) -> bool {
        let mut found = Self::default();
        for captures in expressions.iter().filter_map(|one| one.captures(line)) {
            let text = |name| captures.name(name).map(|group| group.as_str());
            found.update(Self {
                percent: text("percent").and_then(number),
                current: text("current").and_then(number),
                total: text("total").and_then(number),
                phase: text("phase").map(str::to_owned),
                stage: text("stage").map(str::to_owned),
            });
        }
        self.update(found)
    }

    /// Applies a line of JSON. Returns whether it held any progress.
    pub(in crate::operations) fn read(&mut self, line: &str) -> bool {
        // serde would accept an array as well.
        line.trim_start().starts_with('{')
            && serde_json::from_str(line).is_ok_and(|new| self.update(new))
    }

    fn update(&mut self, new: Self) -> bool {
        let is_something = new != Self::default();
        self.percent = new.percent.or(self.percent);
        self.current = new.current.or(self.current);
        self.total = new.total.or(self.total);
        self.phase = new.phase.or(self.phase.take());
        self.stage = new.stage.or(self.stage.take());
        is_something
    }

    /// Reports the state as the job's progress.
    pub(in crate::operations) fn show(&self, context: &Context) {
        let counts = self.current.zip(self.total);
        let percent = self
            .percent
            .or_else(|| counts.map(|(current, total)| current * 100.0 / total));
        // 0 of 0 is not a number and is not shown.
        if let Some(percent) = percent.filter(|percent| percent.is_finite()) {
            context.set_progress((percent.clamp(0.0, 100.0) * 1000.0) as u64, 100_000);
        }
        if let Some(phase) = &self.phase {
            context.set_phase(&shortened(phase));
        }
        if let Some(stage) = &self.stage {
            let (current, total) = counts.unwrap_or((1.0, 1.0));
            context.set_stage(&shortened(stage), current as u64, total as u64);
        }
    }
}

fn shortened(text: &str) -> String {
    text.trim().chars().take(MAX_LABEL_CHARS).collect()
}

/// `12.5`, or `1:02:03.5` in seconds.
fn number(text: &str) -> Option<f64> {
    let add = |sum: f64, part: &str| Some(sum * 60.0 + part.trim().parse::<f64>().ok()?);
    let number = text.split(':').try_fold(0.0, add)?;
    number.is_finite().then_some(number)
}

/// Splits a stream into lines that end with `\n` or `\r`.
#[derive(Debug, Default)]
pub(in crate::operations) struct Lines {
    line: Vec<u8>,
    /// Whether the previous line ended with `\r`, so that this one overwrites it on a terminal.
    replaces: bool,
    /// Bytes of the unfinished line that were already parsed.
    parsed_bytes: usize,
}

impl Lines {
    /// Appends bytes and passes each completed line to `line`.
    pub(in crate::operations) fn push(&mut self, bytes: &[u8], mut line: impl FnMut(Cow<'_, str>)) {
        for part in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            let (text, ends) = match part {
                [text @ .., b'\n' | b'\r'] => (text, true),
                text => (text, false),
            };
            let room = MAX_LINE_BYTES - self.line.len();
            self.line.extend_from_slice(&text[..text.len().min(room)]);
            if ends {
                if !self.line.is_empty() {
                    line(String::from_utf8_lossy(&self.line));
                }
                self.line.clear();
                self.parsed_bytes = 0;
                self.replaces = part.ends_with(b"\r");
            }
        }
    }

    /// The unfinished line, if it has grown since the last call.
    pub(in crate::operations) fn unfinished(&mut self) -> Option<Cow<'_, str>> {
        let has_grown = self.line.len() > self.parsed_bytes;
        self.parsed_bytes = self.line.len();
        has_grown.then(|| String::from_utf8_lossy(&self.line))
    }

    /// As [`Lines::unfinished`], but only for a line that overwrites the previous one. Others may be cut in the middle of
    /// a number, as by programs that print in blocks.
    pub(in crate::operations) fn shown(&mut self) -> Option<Cow<'_, str>> {
        if self.replaces {
            self.unfinished()
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_keep_their_last_value_and_times_become_seconds() {
        let expressions = [
            r"Duration: (?<total>[\d:.]+)",
            r"time=(?<current>[\d:.]+)",
            r"(?<percent>\d+)%",
        ]
        .map(|text| expression(text).expect("an expression"));
        let mut latch = ProgressState::default();
        assert!(latch.find("  Duration: 00:01:40.00, start", &expressions));
        assert!(!latch.find("nothing", &expressions));
        assert!(latch.find("frame=1 time=00:00:25.5 x", &expressions));
        assert_eq!((latch.current, latch.total), (Some(25.5), Some(100.0)));
        assert!(latch.find("time=00:00:30 40%", &expressions));
        assert_eq!((latch.current, latch.percent), (Some(30.0), Some(40.0)));
        assert!(latch.read(r#"{"percent":50,"stage":"b","more":[]}"#));
        assert!(!latch.read("not JSON") && !latch.read("[1]") && !latch.read("{}"));
        assert_eq!(
            (latch.percent, latch.stage.as_deref()),
            (Some(50.0), Some("b"))
        );
    }

    #[test]
    fn expression_without_a_known_group_is_rejected() {
        for bad in ["(", r"\d+", r"(?<speed>\d+)", r"(\d+)"] {
            assert!(expression(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn lines_are_bounded_and_end_with_cr_or_lf() {
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        let mut push = |bytes: &[u8]| lines.push(bytes, |line| seen.push(line.into_owned()));
        push(b"a\r\nb");
        push(b"c\rd\xff\n\n");
        push(&vec![b'x'; 3 * MAX_LINE_BYTES]);
        push(b"\nend\n");
        let long = "x".repeat(MAX_LINE_BYTES);
        assert_eq!(seen, ["a", "bc", "d\u{fffd}", &long, "end"]);
    }

    #[test]
    fn unfinished_line_after_cr_is_shown() {
        let mut lines = Lines::default();
        lines.push(b"1", |_| {});
        assert_eq!(lines.shown(), None);
        lines.push(b"0%\r40", |_| {});
        assert_eq!(lines.shown().as_deref(), Some("40"));
        assert_eq!(lines.shown(), None);
        lines.push(b"%", |_| {});
        assert_eq!(lines.shown().as_deref(), Some("40%"));
        lines.push(b"\r\nnext", |_| {});
        assert_eq!(lines.shown(), None);
        assert_eq!(lines.unfinished().as_deref(), Some("next"));
    }
}
