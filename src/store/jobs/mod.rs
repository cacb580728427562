//! The jobs that have not ended, in memory and in the rows: what a command does to both inside the transaction
//! at hand.
//!
//! Races of submission, claim, cancel, delete and the end of an attempt are decided here and nowhere else, by
//! [`job::apply`](crate::job::apply()) on the jobs in memory, fenced by the rows. Called by the writer only.

mod submit;
mod table;

pub(in crate::store) use table::Jobs;
