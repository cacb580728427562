//! `cloakroom run`: runs one job over HTTP and saves its result, on a temporary server in this process or on a running one.

mod command;
mod interrupt;
mod local_server;

pub(in crate::cli) use command::Run;
