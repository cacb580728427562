//! Authentication and admission: tokens, sessions, Host, origins.

pub(in crate::http) mod access;
pub(in crate::http) mod cors;
pub(in crate::http) mod guard;
pub(in crate::http) mod session;
