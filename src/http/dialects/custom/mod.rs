//! Custom routes: an operation under addresses and names that the operator chose.

pub(crate) mod handler;
pub(crate) mod openapi;
pub(crate) mod wire;
