//! Which handler answers a request.

pub(in crate::http) mod conflict;
pub(in crate::http) mod route;
pub(in crate::http) mod template;
