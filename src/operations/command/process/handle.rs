//! [`Process`]: a running command and its output streams.

use std::io::{self, PipeReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::child_spawner;
use super::children::CHILDREN;
use super::event::{Event, Stream};
use super::system::{self, Cgroup, TAG, new_tag};
#[cfg(unix)]
use super::unix;
use crate::failpoints;
use crate::vital::Vital;

/// The size of the read buffer, in bytes.
const BUFFER_BYTES: usize = 64 * 1024;
/// The number of events that may be queued. A command that prints faster blocks.
const MAX_QUEUED_EVENTS: usize = 4;

/// A running command. Dropping it kills the command and its descendants.
#[derive(Debug)]
pub(in crate::operations::command) struct Process {
    child: Child,
    tag: String,
    cgroup: Option<Arc<Cgroup>>,
    waited_for: bool,
    /// The command's events.
    pub(in crate::operations::command) events: Receiver<Event>,
    /// The number of open streams.
    pub(in crate::operations::command) open: usize,
    /// Kept so that `events` never disconnects: receiving ends by its timeout only.
    _events: SyncSender<Event>,
}

impl Process {
    /// Starts a command for a job in the data folder `data`, with an empty stdin and captured output streams.
    pub(in crate::operations::command) fn start(
        mut command: Command,
        data: &Path,
        vital: &Vital,
    ) -> io::Result<Self> {
        let tag = new_tag(data)?;
        command.env(TAG, &tag);
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let cgroup = Cgroup::new(&tag).map(Arc::new);
        let progress = progress_pipe(&mut command, cgroup.as_deref())?;
        let (child, cgroup) = child_spawner::run(vital, move || {
            let mut children = CHILDREN.lock();
            let (child, cgroup) = match command.spawn() {
                Err(error) if system::is_refused(&error) => (command.spawn()?, None),
                spawned => (spawned?, cgroup),
            };
            children.insert(child.id(), cgroup.clone());
            Ok((child, cgroup))
        })?;
        let (to, events) = sync_channel(MAX_QUEUED_EVENTS);
        let mut process = Self {
            child,
            tag,
            cgroup,
            waited_for: false,
            events,
            open: 0,
            _events: to.clone(),
        };
        process.read_streams(progress, &to, vital)?;
        Ok(process)
    }

    fn read_streams(
        &mut self,
        progress: Option<PipeReader>,
        to: &SyncSender<Event>,
        vital: &Vital,
    ) -> io::Result<()> {
        if let Some(stdout) = self.child.stdout.take() {
            self.read(stdout, Stream::Stdout, to.clone(), vital)?;
        }
        if let Some(stderr) = self.child.stderr.take() {
            self.read(stderr, Stream::Stderr, to.clone(), vital)?;
        }
        if let Some(progress) = progress {
            self.read(progress, Stream::Progress, to.clone(), vital)?;
        }
        #[cfg(unix)]
        unix::notify_exit(&self.child, to.clone(), vital)?;
        Ok(())
    }

    /// Reads a stream on a new thread. A process that keeps the stream open holds up this thread, but not the attempt.
    fn read(
        &mut self,
        mut from: impl Read + Send + 'static,
        stream: Stream,
        to: SyncSender<Event>,
        vital: &Vital,
    ) -> io::Result<()> {
        let read = move || {
            failpoints::panic_point("command-output");
            let mut buffer = vec![0; BUFFER_BYTES];
            // Stop when the stream cannot be read or the receiver is gone.
            while let Ok(length @ 1..) = from.read(&mut buffer) {
                let bytes = buffer[..length].to_vec();
                if to.send(Event::Bytes(stream, bytes)).is_err() {
                    return;
                }
            }
            let _ = to.send(Event::Closed);
        };
        let thread = thread::Builder::new().stack_size(128 * 1024);
        vital.thread("command-output", thread, read)?;
        self.open += 1;
        Ok(())
    }

    /// Whether the command has exited, on platforms without [`Event::Exited`].
    pub(in crate::operations::command) fn has_exited(&mut self) -> bool {
        cfg!(not(unix)) && self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Whether its process group still has members after the command has exited.
    pub(in crate::operations::command) fn has_helpers(&self) -> bool {
        system::has_members(self.child.id())
    }

    /// Asks the command and its process group to end (SIGTERM).
    pub(in crate::operations::command) fn request_stop(&mut self) {
        if self.waited_for {
            // Another process may have its pid by now.
            return;
        }
        #[cfg(unix)]
        unix::signal(&self.child, rustix::process::Signal::TERM);
        #[cfg(not(unix))]
        self.kill();
    }

    /// Kills the command and its process group.
    pub(in crate::operations::command) fn kill(&mut self) {
        if self.waited_for {
            return;
        }
        #[cfg(unix)]
        unix::signal(&self.child, rustix::process::Signal::KILL);
        #[cfg(not(unix))]
        // An error means that it has exited already.
        let _ = self.child.kill();
    }

    /// Kills the command with its descendants, and returns the command's exit status.
    pub(in crate::operations::command) fn end(&mut self) -> io::Result<ExitStatus> {
        // No other process or group can have its pid until it is waited for.
        self.kill();
        system::kill_strays(&self.tag, self.child.id(), self.cgroup.as_deref());
        // Wait for the exit before taking the lock, so that other threads need not wait.
        #[cfg(unix)]
        unix::await_exit(&self.child);
        let mut children = CHILDREN.lock();
        let status = self.child.wait();
        children.remove(&self.child.id());
        self.waited_for = true;
        status
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.waited_for
            && let Err(error) = self.end()
        {
            tracing::error!(%error, "cannot wait for a command");
        }
    }
}

/// Creates the pipe for descriptor 3 (on Unix) and prepares the command to inherit it.
fn progress_pipe(command: &mut Command, cgroup: Option<&Cgroup>) -> io::Result<Option<PipeReader>> {
    #[cfg(unix)]
    {
        let (reader, writer) = io::pipe()?;
        let entrance = cgroup.map(Cgroup::entrance).transpose()?;
        unix::prepare(command, entrance, writer);
        Ok(Some(reader))
    }
    #[cfg(not(unix))]
    {
        let _ = (command, cgroup);
        Ok(None)
    }
}
