//! Writing responses: bodies, downloads by range, problems.

pub(in crate::http) mod body;
pub(in crate::http) mod conditions;
pub(in crate::http) mod download;
pub(in crate::http) mod files;
pub(in crate::http) mod large;
pub(in crate::http) mod problem;
pub(in crate::http) mod range;
pub(in crate::http) mod reply;
