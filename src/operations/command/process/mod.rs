//! A running command and all its descendants, which are killed when the attempt or the server ends.
//!
//! - The process leads its own process group, which receives SIGTERM and then SIGKILL.
//! - It runs in its own control group, which is killed when the attempt ends (`linux`). The group contains all
//!   descendants of the command.
//! - Descendants inherit a tag in the environment. Without control groups, processes that left the process group are
//!   found by this tag.
//! - When the server dies, the kernel kills the process itself. Its descendants are found by their control group or tag
//!   and killed when a server starts again on the same data.
//!
//! Guarantees by platform:
//!
//! | | Linux, control groups | Linux without them | other Unix | Windows |
//! |---|---|---|---|---|
//! | the command, at the attempt's end | gone | gone | gone | gone |
//! | its process group | gone | gone | gone | may stay |
//! | its processes in other sessions | gone | gone | may stay | may stay |
//! | processes that also cleared their environment | gone | gone if no other command runs | may stay | may stay |
//! | the command, after the server is killed | gone at once | gone at once | may stay | may stay |
//! | its descendants | gone at the next start | gone at the next start | may stay | may stay |
//! | descendants that cleared their environment | gone at the next start | may stay | may stay | may stay |
//!
//! Control groups require Linux 5.14, a cgroup2 mount (possibly beside version 1), and permission to create groups below
//! the server's own. root has this permission outside of containers; a systemd service has it with `Delegate=yes` and
//! without `ProtectControlGroups=yes`. They are not a sandbox: a command with write access to the server's own group can
//! leave its group on purpose.
//!
//! The parent-death signal is sent when the *thread* that spawned the child ends, so all children are spawned on one
//! thread that lives as long as the process (`child_spawner`).

#[cfg(target_os = "linux")]
#[path = "linux/mod.rs"]
mod system;
#[cfg(not(target_os = "linux"))]
#[path = "portable.rs"]
mod system;

mod child_spawner;
#[cfg(unix)]
mod unix;

use std::collections::BTreeMap;
use std::io::{self, PipeReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use parking_lot::Mutex;
use system::Cgroup;
pub(crate) use system::{become_reaper, kill_leftovers};

use crate::failpoints;
use crate::vital::Vital;

/// The size of the read buffer, in bytes.
const BUFFER_BYTES: usize = 64 * 1024;
/// The number of events that may be queued. A command that prints faster blocks.
const MAX_QUEUED_EVENTS: usize = 4;

/// All children that were not waited for, with their control groups. Hold the lock while spawning or waiting for a child.
static CHILDREN: Mutex<BTreeMap<u32, Option<Arc<Cgroup>>>> = Mutex::new(BTreeMap::new());

/// An output stream of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout,
    Stderr,
    /// Descriptor 3, for progress as lines of JSON.
    Progress,
}

/// An event of a running command.
#[derive(Debug)]
pub(super) enum Event {
    /// The command wrote to a stream.
    Bytes(Stream, Vec<u8>),
    /// The last writer of a stream closed it.
    Closed,
    /// The command exited; its descendants may still run.
    Exited,
}

/// A running command. Dropping it kills the command and its descendants.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    tag: String,
    cgroup: Option<Arc<Cgroup>>,
    waited_for: bool,
    /// The command's events.
    pub(super) events: Receiver<Event>,
    /// The number of open streams.
    pub(super) open: usize,
    /// Kept so that `events` never disconnects: receiving ends by its timeout only.
    _events: SyncSender<Event>,
}

impl Process {
    /// Starts a command for a job in the data folder `data`, with an empty stdin and captured output streams.
    pub(super) fn start(mut command: Command, data: &Path, vital: &Vital) -> io::Result<Self> {
        let tag = system::new_tag(data)?;
        command.env(system::TAG, &tag);
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
    pub(super) fn has_exited(&mut self) -> bool {
        cfg!(not(unix)) && self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Whether its process group still has members after the command has exited.
    pub(super) fn has_helpers(&self) -> bool {
        system::has_members(self.child.id())
    }

    /// Asks the command and its process group to end (SIGTERM).
    pub(super) fn request_stop(&mut self) {
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
    pub(super) fn kill(&mut self) {
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
    pub(super) fn end(&mut self) -> io::Result<ExitStatus> {
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

/// Kills all running commands without waiting for them, before the server exits immediately.
pub(crate) fn kill_all() {
    #[cfg(unix)]
    for (child, cgroup) in CHILDREN.lock().iter() {
        unix::signal_group(*child, rustix::process::Signal::KILL);
        if let Some(cgroup) = cgroup {
            cgroup.kill();
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
