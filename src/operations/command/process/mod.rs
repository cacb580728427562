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
//! | the command, at the attempt's end | killed | killed | killed | killed |
//! | its process group | killed | killed | killed | may survive |
//! | its processes in other sessions | killed | killed | may survive | may survive |
//! | processes that also cleared their environment | killed | killed if no other command runs | may survive | may survive |
//! | the command, after the server is killed | killed at once | killed at once | may survive | may survive |
//! | its descendants | killed at the next start | killed at the next start | may survive | may survive |
//! | descendants that cleared their environment | killed at the next start | may survive | may survive | may survive |
//!
//! Control groups require Linux 5.14, a cgroup2 mount (possibly beside version 1), and permission to create groups below
//! the server's own. root has this permission outside of containers; a systemd service has it with `Delegate=yes` and
//! without `ProtectControlGroups=yes`. They are not a sandbox: a command with write access to the server's own group can
//! leave its group on purpose.
//!
//! The parent-death signal is sent when the *thread* that spawned the child ends, so all children are spawned on one
//! thread that lives as long as the process (`child_spawner`).

mod child_spawner;
mod children;
mod event;
mod handle;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod portable;
#[cfg(unix)]
mod unix;

#[cfg(not(target_os = "linux"))]
pub(in crate::operations::command::process) use portable as system;
// Last, so that `tests/it/architecture` takes this one for `system`.
#[cfg(target_os = "linux")]
pub(in crate::operations::command::process) use linux as system;

pub(crate) use children::kill_all;
pub(in crate::operations::command) use event::{Event, Stream};
pub(in crate::operations::command) use handle::Process;
pub(crate) use system::{become_reaper, kill_leftovers};
