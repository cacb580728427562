//! The log on standard error.

mod lines;
mod settings;
mod subscriber;

pub(in crate::cli) use settings::{LogFormat, LogSettings, parse_filter};
pub(in crate::cli) use subscriber::{Log, print_failure, print_warning};
