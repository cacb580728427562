//! Functions for all Unix systems: process groups, inherited descriptors, waiting without reaping.

use std::io::{self, PipeWriter};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::mpsc::SyncSender;
use std::thread;

use command_fds::{CommandFdExt, FdMapping};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, waitid};

use super::event::Event;
use super::system;
use crate::vital::Vital;
use crate::{descriptors, failpoints};

/// The descriptor on which a command may report progress.
const PROGRESS_FD: i32 = 3;

/// Prepares a command to lead a process group, enter its control group (if any), die with the server, and inherit
/// the write end of `progress` as descriptor 3.
pub(super) fn prepare(command: &mut Command, entrance: Option<OwnedFd>, progress: PipeWriter) {
    command.process_group(0);
    let server = rustix::process::getpid();
    let set_up = move || {
        if let Some(entrance) = &entrance {
            system::enter(entrance)?;
        }
        system::end_with(server)?;
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
    // Runs after `set_up`, whose own descriptor may be number 3.
    let mapping = FdMapping {
        parent_fd: progress.into(),
        child_fd: PROGRESS_FD,
    };
    command
        .fd_mappings(vec![mapping])
        .expect("one mapping cannot collide with another");
}

/// Sends [`Event::Exited`] when the child has exited, without reaping it.
pub(super) fn notify_exit(child: &Child, to: SyncSender<Event>, vital: &Vital) -> io::Result<()> {
    let child = Pid::from_child(child);
    let wait = move || {
        failpoints::panic_point("command-exit");
        wait_for(child);
        // The receiver is gone if the attempt is over.
        let _ = to.send(Event::Exited);
    };
    let thread = thread::Builder::new().stack_size(64 * 1024);
    vital.thread("command-exit", thread, wait)?;
    Ok(())
}

/// Waits until a child has exited, without reaping it.
pub(super) fn await_exit(child: &Child) {
    wait_for(Pid::from_child(child));
}

fn wait_for(child: Pid) {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while let Err(Errno::INTR) = waitid(WaitId::Pid(child), options) {}
}

/// Sends a signal to the process group of a child that was not waited for.
pub(super) fn signal(child: &Child, signal: Signal) {
    signal_group(child.id(), signal);
}

pub(super) fn signal_group(leader: u32, signal: Signal) {
    if let Some(group) = Pid::from_raw(leader.cast_signed()) {
        // An error means that the group has no members.
        let _ = rustix::process::kill_process_group(group, signal);
    }
}
