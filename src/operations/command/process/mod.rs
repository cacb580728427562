//! A running command and everything that it has started: nothing of it is left when its attempt ends, nor when the
//! server does.
//!
//! - The process leads a process group of its own, which is asked to stop (SIGTERM) or made to (SIGKILL).
//! - It runs in a control group of its own, which is killed when the attempt ends (`linux`). It holds everything that
//!   the command has started, whatever has become of it.
//! - A tag in the environment is inherited too. Where no control group can be made, it finds what has left the process
//!   group.
//! - When the server dies, the kernel kills the process itself; what that had started is found by its control group or
//!   its tag, and killed when the server starts again on the same data.
//!
//! What is promised where:
//!
//! | | Linux, control groups | Linux, none | other Unix | Windows |
//! |---|---|---|---|---|
//! | the command, at the attempt's end | gone | gone | gone | gone |
//! | its process group | gone | gone | gone | may stay |
//! | processes in sessions of their own | gone | gone | may stay | may stay |
//! | those that have cleared their environment, too | gone | gone if no other command runs | may stay | may stay |
//! | the command, after the server's death by force | gone at once | gone at once | may stay | may stay |
//! | what it has started | gone at the next start | gone at the next start | may stay | may stay |
//! | those that have cleared their environment | gone at the next start | may stay | may stay | may stay |
//!
//! Control groups want Linux 5.14, version 2 of them mounted (besides version 1 is enough), and the right to make some
//! below the server's own: root has it outside of containers, and a service of systemd has it with `Delegate=yes` and
//! without `ProtectControlGroups=yes`. They are no prison: a command that is allowed to write to the server's own group
//! can leave, but has to mean it.
//!
//! The kernel takes the end of the *thread* that spawned a child for its parent's death, so all are spawned on one
//! that lives as long as the server does (`nursery`).

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

/// Read at once, in bytes.
const READ_BYTES: usize = 64 * 1024;
/// Events that wait to be handled; a command that prints faster than that waits.
const EVENTS: usize = 4;

/// Every child that was not waited for, with its control group; and the lock to be held by whoever spawns or waits.
static CHILDREN: Mutex<BTreeMap<u32, Option<Arc<Cgroup>>>> = Mutex::new(BTreeMap::new());

/// What a command says on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout,
    Stderr,
    /// Descriptor 3.
    Progress,
}

/// What a command did.
#[derive(Debug)]
pub(super) enum Event {
    /// It said something.
    Bytes(Stream, Vec<u8>),
    /// Nobody can say anything there any more.
    Closed,
    /// It ended; what it had started may be there still.
    Exited,
}

/// A command that was started. Dropped, it is killed with all that it has started.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    tag: String,
    cgroup: Option<Arc<Cgroup>>,
    waited_for: bool,
    /// What it says and does.
    pub(super) events: Receiver<Event>,
    /// Streams that somebody can write to.
    pub(super) open: usize,
    /// Held, so that listening ends by the clock alone.
    _events: SyncSender<Event>,
}

impl Process {
    /// Starts a command whose jobs are in `data`. Its stdin is empty, its other streams are read.
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
        let (to, events) = sync_channel(EVENTS);
        let mut process = Self {
            child,
            tag,
            cgroup,
            waited_for: false,
            events,
            open: 0,
            _events: to.clone(),
        };
        process.listen(progress, &to, vital)?;
        Ok(process)
    }

    fn listen(
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
        unix::tell_exit(&self.child, to.clone(), vital)?;
        Ok(())
    }

    /// Reads on a thread of its own. Whoever holds the other end open for ever keeps that thread, not the attempt.
    fn read(
        &mut self,
        mut from: impl Read + Send + 'static,
        stream: Stream,
        to: SyncSender<Event>,
        vital: &Vital,
    ) -> io::Result<()> {
        let read = move || {
            failpoints::panic_point("command-output");
            let mut buffer = vec![0; READ_BYTES];
            // What cannot be read is over, and so is what nobody listens to.
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

    /// Whether it has ended, where [`Event::Exited`] does not tell.
    pub(super) fn has_exited(&mut self) -> bool {
        cfg!(not(unix)) && self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Whether somebody of its group is left, once it has ended itself.
    pub(super) fn has_helpers(&self) -> bool {
        system::has_members(self.child.id())
    }

    /// Asks it and its group to end.
    pub(super) fn ask(&mut self) {
        if self.waited_for {
            // Its number may be another's by now.
            return;
        }
        #[cfg(unix)]
        unix::signal(&self.child, rustix::process::Signal::TERM);
        #[cfg(not(unix))]
        self.kill();
    }

    /// Kills it and its group.
    pub(super) fn kill(&mut self) {
        if self.waited_for {
            return;
        }
        #[cfg(unix)]
        unix::signal(&self.child, rustix::process::Signal::KILL);
        #[cfg(not(unix))]
        // It has ended already.
        let _ = self.child.kill();
    }

    /// Kills it with all that it has started, and says how it ended.
    pub(super) fn end(&mut self) -> io::Result<ExitStatus> {
        // Until it is waited for, its number is nobody else's: neither as a process nor as a group.
        self.kill();
        system::kill_strays(&self.tag, self.child.id(), self.cgroup.as_deref());
        // Nobody else waits for the lock while it ends.
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
            tracing::error!(%error, "a command could not be waited for");
        }
    }
}

/// Kills every command that runs, without waiting: for a server that ends at once.
pub(crate) fn kill_all() {
    #[cfg(unix)]
    for (child, cgroup) in CHILDREN.lock().iter() {
        unix::signal_group(*child, rustix::process::Signal::KILL);
        if let Some(cgroup) = cgroup {
            cgroup.kill();
        }
    }
}

/// Makes the pipe that is descriptor 3 of the command, where there are such, and prepares the command to have it.
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
