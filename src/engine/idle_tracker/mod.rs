//! Which ended jobs were used lately: every read touches its job, an open download holds it.
//!
//! Touching writes nothing by itself. A job's `due` in its row is a lower bound of when it is forgotten; when that comes
//! the sweeper asks here whether it was touched since, and moves it.
//!
//! Touches that move a job's due by a second or more are stored together with the idle clock: along with other commits,
//! or by themselves as [`crate::plan::ClockSchedule`] says. After a crash both are as they were stored last, and only
//! what was really touched has moved:
//! - The time since then has not passed on the clock, for no job: a crash adds up to that to the life of each, which is
//!   at most half of the server's own and a second, and at most a minute. It moves no job's due, so that no number of
//!   crashes keeps a job for ever.
//! - A job that was touched regularly has lost as much of its touches as of the clock, and stays for its whole time-out
//!   from the last of them.
//! - Of a job that was touched for the first time in a while just before the crash, within the second that it takes to
//!   store it, or a minute where others are touched all the time, that touch is lost.

mod tracker;

pub(crate) use tracker::Hold;
pub(in crate::engine) use tracker::{IdleTracker, Verdict};
