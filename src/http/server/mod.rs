//! Connections: listeners, the accept loop, limits and timeouts.

pub(in crate::http) mod accept;
pub(in crate::http) mod activity;
pub(in crate::http) mod connection_slots;
pub(in crate::http) mod hangup;
pub(in crate::http) mod listener;
pub(in crate::http) mod timeouts;
