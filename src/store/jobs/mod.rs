//! The jobs that have not ended, in memory and as rows, and the effect of commands on both within the current transaction.
//!
//! Races between submission, claim, cancel, delete and the end of an attempt are decided only here, by
//! [`job::apply`](crate::job::apply()) on the jobs in memory, fenced by the rows. Called only by the writer.

mod submit;
mod table;

pub(in crate::store) use table::Jobs;
