//! The command line: arguments become a [`crate::config::Config`], the parts are put together, and the end becomes an
//! exit code.

mod client;
mod command_line;
mod follow;
mod form;
mod log;
mod maintenance;
mod name;
mod output;
mod params;
mod progress;
mod remote;
mod run;
mod save;
mod serve;
mod signals;
mod submission;
mod token;

pub use command_line::main;
pub(in crate::cli) use command_line::{EXIT_DATA, EXIT_FAILED, EXIT_USAGE, Failure, matches};
