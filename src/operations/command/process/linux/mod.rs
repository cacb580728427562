//! Functions for Linux: parent-death signals, a child subreaper, control groups, and `/proc` to find processes outside of
//! them.

mod cgroup;
mod proc;
mod spawn;
mod strays;
mod tag;

pub(in crate::operations::command::process) use cgroup::{Cgroup, enter, is_refused};
pub(in crate::operations::command::process) use spawn::{close_others, end_with, new_tag};
pub(crate) use strays::{become_reaper, kill_leftovers};
pub(in crate::operations::command::process) use strays::{has_members, kill_strays};
pub(in crate::operations::command::process) use tag::TAG;
