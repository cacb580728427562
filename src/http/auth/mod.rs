//! Authentication and admission: tokens, sessions, Host, origins.

pub(crate) mod access;
pub(crate) mod cors;
pub(crate) mod guard;
pub(crate) mod session;
