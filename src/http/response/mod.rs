//! Writing responses: bodies, conditions, ranges, downloads and problems.

pub(crate) mod body;
pub(crate) mod conditions;
pub(crate) mod content;
pub(crate) mod download;
pub(crate) mod file_stream;
pub(crate) mod files;
pub(crate) mod large;
pub(crate) mod problem;
pub(crate) mod range;
pub(crate) mod reply;
pub(crate) mod result_stream;
