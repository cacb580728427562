//! Writing responses: bodies, conditions, ranges, downloads and problems.

pub(in crate::http) mod body;
pub(in crate::http) mod conditions;
pub(in crate::http) mod content;
pub(in crate::http) mod download;
pub(in crate::http) mod file_stream;
pub(in crate::http) mod files;
pub(in crate::http) mod large;
pub(in crate::http) mod problem;
pub(in crate::http) mod range;
pub(in crate::http) mod reply;
pub(in crate::http) mod result_stream;
