//! Custom routes: operations at paths and with field names that the operator configures.

pub(crate) mod handler;
pub(crate) mod openapi;
pub(crate) mod wire;
