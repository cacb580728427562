//! Reading requests: bodies, forms, params, queries, preferences and options.

pub(in crate::http) mod body_reader;
pub(in crate::http) mod form;
pub(in crate::http) mod json_body;
pub(in crate::http) mod media_type;
pub(in crate::http) mod multipart;
pub(in crate::http) mod options;
pub(in crate::http) mod params;
pub(in crate::http) mod prefer;
pub(in crate::http) mod query;
