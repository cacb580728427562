//! Connections: listeners, the accept loop, limits and timeouts.

pub(crate) mod accept;
pub(crate) mod activity;
pub(crate) mod connection_slots;
pub(crate) mod hangup;
pub(crate) mod listener;
pub(crate) mod mounted;
pub(crate) mod own_response;
pub(crate) mod request_log;
pub(crate) mod timeouts;
