//! Watches a running command: reads its output, stops it on cancel or timeout, and waits for it to exit.

use std::io::Write;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::job::Failure;
use crate::operations::command::declaration::{Output, Plan};
use crate::operations::command::process::{Event, Process, Stream};
use crate::operations::command::progress::{Lines, ProgressState};
use crate::operations::command::tail::Tail;
use crate::operations::{Context, OperationError, ResultWriter};

/// How often to check whether the command must stop.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);
/// How long to wait for the remaining output after all its writers have been killed.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);
/// Bytes from the end of stderr that a failure includes.
const STDERR_TAIL_BYTES: usize = 4 * 1024;

/// Bytes of the last line of stderr that the message of a failure includes.
const SUMMARY_BYTES: usize = 200;

/// One running command.
pub(in crate::operations) struct Attempt<'a> {
    plan: &'a Plan,
    context: &'a Context,
    /// The destination of stdout, if stdout is the result.
    result: Option<ResultWriter>,
    stdout: Lines,
    stderr: Lines,
    progress: Lines,
    progress_state: ProgressState,
    stderr_tail: Tail,
    /// Why the command was asked to stop, and when to kill it.
    stopping: Option<(OperationError, Instant)>,
    killed: bool,
    checked_at: Instant,
}

impl<'a> Attempt<'a> {
    pub(in crate::operations) fn new(plan: &'a Plan, context: &'a Context, filename: &str) -> Self {
        let is_result = plan.output == Output::Stdout;
        Self {
            plan,
            context,
            result: is_result.then(|| context.result(&plan.media_type, filename)),
            stdout: Lines::default(),
            stderr: Lines::default(),
            progress: Lines::default(),
            progress_state: ProgressState::default(),
            stderr_tail: Tail::new(STDERR_TAIL_BYTES),
            stopping: None,
            killed: false,
            checked_at: Instant::now(),
        }
    }

    /// Waits until the command and all its processes are gone. Returns its stdout if that is the result.
    ///
    /// # Errors
    /// Fails if the job is canceled or times out, the result is too large, or the command exits with an error.
    pub(in crate::operations) fn watch(
        mut self,
        mut process: Process,
        is_too_large: impl Fn() -> bool,
    ) -> Result<Option<ResultWriter>, OperationError> {
        let mut exited = false;
        loop {
            match process.events.recv_timeout(CHECK_INTERVAL) {
                Ok(Event::Bytes(stream, bytes)) => self.handle_output(stream, &bytes, &mut process),
                Ok(Event::Closed) => process.open -= 1,
                Ok(Event::Exited) => exited = true,
                Err(_) => {
                    exited |= process.has_exited();
                    self.parse_unfinished_lines();
                }
            }
            self.check(&mut process, &is_too_large);
            // After a request to stop, helper processes have the same grace period.
            if exited && (self.stopping.is_none() || self.killed || !process.has_helpers()) {
                break;
            }
        }
        let status = process.end()?;
        while process.open > 0 {
            match process.events.recv_timeout(DRAIN_TIMEOUT) {
                Ok(Event::Bytes(stream, bytes)) => self.handle_output(stream, &bytes, &mut process),
                Ok(Event::Closed) => process.open -= 1,
                Ok(Event::Exited) => {}
                Err(_) => break,
            }
        }
        match self.stopping {
            Some((stop, _)) => Err(stop),
            None if status.success() => Ok(self.result),
            None => Err(failure(status, &self.stderr_tail.text()).into()),
        }
    }

    fn handle_output(&mut self, stream: Stream, bytes: &[u8], process: &mut Process) {
        self.parse_progress(stream, bytes);
        match stream {
            Stream::Stdout if let Some(result) = &mut self.result => {
                // Once the command is stopping, its output is read but not kept.
                if self.stopping.is_none()
                    && let Err(error) = result.write_all(bytes)
                {
                    self.stop(error.into(), process);
                }
            }
            Stream::Stdout => self.context.log().write(bytes),
            Stream::Stderr => {
                self.context.log().write(bytes);
                self.stderr_tail.push(bytes);
            }
            Stream::Progress => {}
        }
    }

    /// Finds progress in the command's output.
    fn parse_progress(&mut self, stream: Stream, bytes: &[u8]) {
        let Self {
            progress_state,
            plan,
            ..
        } = self;
        let mut has_changed = false;
        let lines = match stream {
            Stream::Progress => {
                self.progress
                    .push(bytes, |line| has_changed |= progress_state.read(&line));
                None
            }
            // Skip scanning output, which may be a long result, without expressions to match.
            _ if plan.progress.is_empty() => None,
            Stream::Stdout => Some(&mut self.stdout),
            Stream::Stderr => Some(&mut self.stderr),
        };
        if let Some(lines) = lines {
            lines.push(bytes, |line| {
                has_changed |= progress_state.find(&line, &plan.progress);
            });
        }
        if has_changed {
            self.progress_state.show(self.context);
        }
    }

    /// Finds progress in unfinished lines when the command prints nothing for a while.
    fn parse_unfinished_lines(&mut self) {
        let Self {
            progress_state,
            plan,
            ..
        } = self;
        let mut has_changed = false;
        for lines in [&mut self.stdout, &mut self.stderr] {
            let line = lines.shown();
            has_changed |= line.is_some_and(|line| progress_state.find(&line, &plan.progress));
        }
        let line = self.progress.unfinished();
        has_changed |= line.is_some_and(|line| progress_state.read(&line));
        if has_changed {
            self.progress_state.show(self.context);
        }
    }

    fn check(&mut self, process: &mut Process, is_too_large: impl Fn() -> bool) {
        if let Some((_, until)) = self.stopping {
            if !self.killed && Instant::now() >= until {
                process.kill();
                self.killed = true;
            }
            return;
        }
        if let Err(stop) = self.context.check() {
            self.stop(stop, process);
        } else if self.checked_at.elapsed() >= CHECK_INTERVAL {
            self.checked_at = Instant::now();
            if let Err(stop) = self.context.check_room() {
                self.stop(stop, process);
            } else if is_too_large() {
                self.stop(self.context.too_large().into(), process);
            }
        }
    }

    fn stop(&mut self, stop: OperationError, process: &mut Process) {
        process.request_stop();
        self.stopping = Some((stop, Instant::now() + self.plan.spec.grace));
    }
}

fn failure(status: ExitStatus, stderr: &str) -> Failure {
    // From `exit status: 1` or `signal: 9 (SIGKILL)`.
    let reason = status.to_string().replacen(": ", " ", 1);
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal = None::<i32>;
    let message = match last_line(stderr) {
        Some(line) => format!("The command ended with {reason}: {line}"),
        None => format!("The command ended with {reason}."),
    };
    Failure {
        inner: Some(json!({ "exitStatus": status.code(), "signal": signal, "stderr": stderr })),
        ..Failure::new("exit_status", message)
    }
}

/// The last line that is not blank, shortened to [`SUMMARY_BYTES`].
fn last_line(text: &str) -> Option<&str> {
    let lines = text.rsplit(['\n', '\r']).map(str::trim);
    let line = lines.into_iter().find(|line| !line.is_empty())?;
    Some(&line[..line.floor_char_boundary(SUMMARY_BYTES)])
}
