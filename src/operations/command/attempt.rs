//! Watches a command while it runs: takes what it says, stops it when it has to, and waits for its end.

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

/// Between two looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(100);
/// How long what is left in the streams may take to come out, once everybody is dead who wrote it.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How much of the end of stderr a failure tells, in bytes.
const ERROR_BYTES: usize = 4 * 1024;

/// One command under way.
pub(in crate::operations) struct Attempt<'a> {
    plan: &'a Plan,
    context: &'a Context,
    /// Where stdout goes, if that is the result.
    result: Option<ResultWriter>,
    stdout: Lines,
    stderr: Lines,
    progress: Lines,
    latch: ProgressState,
    errors: Tail,
    /// Why it is to stop, and until when it may do so by itself.
    stopping: Option<(OperationError, Instant)>,
    killed: bool,
    looked: Instant,
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
            latch: ProgressState::default(),
            errors: Tail::new(ERROR_BYTES),
            stopping: None,
            killed: false,
            looked: Instant::now(),
        }
    }

    /// Waits for the end; then nothing is left of the command but its files. Gives its stdout if that is the result.
    ///
    /// # Errors
    /// A cancel or a time-out; a result that does not fit; a command that failed.
    pub(in crate::operations) fn watch(
        mut self,
        mut process: Process,
        is_too_large: impl Fn() -> bool,
    ) -> Result<Option<ResultWriter>, OperationError> {
        let mut exited = false;
        loop {
            match process.events.recv_timeout(LOOK) {
                Ok(Event::Bytes(stream, bytes)) => self.take(stream, &bytes, &mut process),
                Ok(Event::Closed) => process.open -= 1,
                Ok(Event::Exited) => exited = true,
                Err(_) => {
                    exited |= process.has_exited();
                    self.look_at_unfinished();
                }
            }
            self.look(&mut process, &is_too_large);
            // Who is asked to stop may have helpers that take their time.
            if exited && (self.stopping.is_none() || self.killed || !process.has_helpers()) {
                break;
            }
        }
        let status = process.end()?;
        while process.open > 0 {
            match process.events.recv_timeout(LAST_WORDS) {
                Ok(Event::Bytes(stream, bytes)) => self.take(stream, &bytes, &mut process),
                Ok(Event::Closed) => process.open -= 1,
                Ok(Event::Exited) => {}
                Err(_) => break,
            }
        }
        match self.stopping {
            Some((stop, _)) => Err(stop),
            None if status.success() => Ok(self.result),
            None => Err(failure(status, &self.errors.text()).into()),
        }
    }

    fn take(&mut self, stream: Stream, bytes: &[u8], process: &mut Process) {
        self.listen(stream, bytes);
        match stream {
            Stream::Stdout if let Some(result) = &mut self.result => {
                // What stops is listened to, but not kept.
                if self.stopping.is_none()
                    && let Err(error) = result.write_all(bytes)
                {
                    self.stop(error.into(), process);
                }
            }
            Stream::Stdout => self.context.log().write(bytes),
            Stream::Stderr => {
                self.context.log().write(bytes);
                self.errors.push(bytes);
            }
            Stream::Progress => {}
        }
    }

    /// Finds progress in what it says.
    fn listen(&mut self, stream: Stream, bytes: &[u8]) {
        let Self { latch, plan, .. } = self;
        let mut news = false;
        let lines = match stream {
            Stream::Progress => {
                self.progress.push(bytes, |line| news |= latch.read(&line));
                None
            }
            // A result may be long, and seldom has any progress in it.
            _ if plan.progress.is_empty() => None,
            Stream::Stdout => Some(&mut self.stdout),
            Stream::Stderr => Some(&mut self.stderr),
        };
        if let Some(lines) = lines {
            lines.push(bytes, |line| news |= latch.find(&line, &plan.progress));
        }
        if news {
            self.latch.show(self.context);
        }
    }

    /// Finds progress in what it has said so far, when it says nothing for a while.
    fn look_at_unfinished(&mut self) {
        let Self { latch, plan, .. } = self;
        let mut news = false;
        for lines in [&mut self.stdout, &mut self.stderr] {
            let line = lines.shown();
            news |= line.is_some_and(|line| latch.find(&line, &plan.progress));
        }
        let line = self.progress.unfinished();
        news |= line.is_some_and(|line| latch.read(&line));
        if news {
            self.latch.show(self.context);
        }
    }

    fn look(&mut self, process: &mut Process, is_too_large: impl Fn() -> bool) {
        if let Some((_, until)) = self.stopping {
            if !self.killed && Instant::now() >= until {
                process.kill();
                self.killed = true;
            }
            return;
        }
        if let Err(stop) = self.context.check() {
            self.stop(stop, process);
        } else if self.looked.elapsed() >= LOOK {
            self.looked = Instant::now();
            if let Err(stop) = self.context.check_room() {
                self.stop(stop, process);
            } else if is_too_large() {
                self.stop(self.context.too_large().into(), process);
            }
        }
    }

    fn stop(&mut self, stop: OperationError, process: &mut Process) {
        process.ask();
        self.stopping = Some((stop, Instant::now() + self.plan.spec.grace));
    }
}

fn failure(status: ExitStatus, stderr: &str) -> Failure {
    // Of `exit status: 1`, or `signal: 9 (SIGKILL)`.
    let words = status.to_string().replacen(": ", " ", 1);
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal = None::<i32>;
    Failure {
        inner: Some(json!({ "exitStatus": status.code(), "signal": signal, "stderr": stderr })),
        ..Failure::new("exit_status", format!("The command ended with {words}."))
    }
}
