//! The command line: parses arguments, runs the command and turns its outcome into an exit code.

mod client;
mod command_line;
mod destination;
mod failure;
mod follow;
mod form;
mod generated;
mod job_args;
mod log;
mod maintenance;
mod merge_driver;
mod name;
mod operation_text;
mod outcome;
mod output;
mod params;
mod progress;
#[cfg(test)]
mod reference;
mod remote;
mod run;
mod save;
mod serve;
mod signals;
mod submission;
mod token;

pub use command_line::main;
pub(in crate::cli) use failure::{EXIT_DATA, EXIT_FAILED, EXIT_USAGE, Failure};
