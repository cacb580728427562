//! Custom routes: an operation under addresses and names that the operator chose.

pub(in crate::http) mod handler;
pub(in crate::http) mod openapi;
pub(in crate::http) mod wire;
