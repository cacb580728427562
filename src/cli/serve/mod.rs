//! `cloakroom serve`.

mod announce;
mod chosen_token;
mod command;
mod early_format;
mod faults;
mod file;
mod flag_kinds;
mod flags;
mod layers;
mod parent;
mod passed_sockets;
mod reload;
mod service_manager;

pub(super) use crate::cli::serve::file::File;
pub(super) use crate::cli::serve::layers::{fill_operations, layered, with_variables};
pub(in crate::cli) use command::Serve;
pub(in crate::cli) use early_format::early_log_format;
pub(in crate::cli) use reload::Settings;
