//! What every Unix has: process groups, inherited descriptors, waiting without taking the status.

use std::io::{self, PipeWriter};
use std::mem::ManuallyDrop;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::mpsc::SyncSender;
use std::thread;

use rustix::io::{Errno, FdFlags};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, waitid};

use super::{Event, system};
use crate::vital::Vital;
use crate::{descriptors, failpoints};

/// The descriptor that a command may say its progress on.
const PROGRESS: i32 = 3;

/// Makes a command lead a process group, be in a control group if there is one for it, end with the server, and have
/// descriptor 3.
pub(super) fn prepare(command: &mut Command, entrance: Option<OwnedFd>, progress: PipeWriter) {
    command.process_group(0);
    let server = rustix::process::getpid();
    let progress = OwnedFd::from(progress);
    let set_up = move || {
        if let Some(entrance) = &entrance {
            system::enter(entrance)?;
        }
        system::end_with(server)?;
        set_progress(&progress)?;
        descriptors::restore_fd_limit()?;
        system::close_others();
        Ok(())
    };
    #[allow(
        unsafe_code,
        reason = "between fork and exec only system calls are made: no memory is allocated, no lock taken"
    )]
    // SAFETY: see the reason above; what `set_up` owns was opened before.
    unsafe {
        command.pre_exec(set_up);
    }
}

/// Makes descriptor 3 a copy of this one that the program inherits.
fn set_progress(progress: &OwnedFd) -> io::Result<()> {
    #[allow(
        unsafe_code,
        reason = "whatever descriptor 3 was, this process is about to become another program"
    )]
    // SAFETY: it is closed by nobody here, and replaced in one step.
    let mut third = ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(PROGRESS) });
    rustix::io::dup2(progress, &mut third)?;
    // Where it was the third one itself, it would be closed otherwise.
    rustix::io::fcntl_setfd(&*third, FdFlags::empty())?;
    Ok(())
}

/// Sends [`Event::Exited`] when the child has ended. It still wants to be waited for then.
pub(super) fn tell_exit(child: &Child, to: SyncSender<Event>, vital: &Vital) -> io::Result<()> {
    let child = Pid::from_child(child);
    let wait = move || {
        failpoints::panic_point("command-exit");
        wait_for(child);
        // Nobody listens to an attempt that is over.
        let _ = to.send(Event::Exited);
    };
    let thread = thread::Builder::new().stack_size(64 * 1024);
    vital.thread("command-exit", thread, wait)?;
    Ok(())
}

/// Waits for the end of a child, which still wants to be waited for then.
pub(super) fn await_exit(child: &Child) {
    wait_for(Pid::from_child(child));
}

fn wait_for(child: Pid) {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while let Err(Errno::INTR) = waitid(WaitId::Pid(child), options) {}
}

/// Sends a signal to the group of a child that was not waited for.
pub(super) fn signal(child: &Child, signal: Signal) {
    signal_group(child.id(), signal);
}

pub(super) fn signal_group(leader: u32, signal: Signal) {
    if let Some(group) = Pid::from_raw(leader.cast_signed()) {
        // All of it may be gone.
        let _ = rustix::process::kill_process_group(group, signal);
    }
}
