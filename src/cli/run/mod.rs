//! `cloakroom run`: one job through HTTP, its result saved; on a server of its own, or on one that runs already.

mod command;
mod local_server;

pub(in crate::cli) use command::Run;
