//! Reading requests: bodies, forms, params, queries, preferences and options.

pub(crate) mod body_reader;
pub(crate) mod form;
pub(crate) mod json_body;
pub(crate) mod media_type;
pub(crate) mod multipart;
pub(crate) mod options;
pub(crate) mod params;
pub(crate) mod prefer;
pub(crate) mod query;
pub(crate) mod request_body;
pub(crate) mod request_id;
pub(crate) mod trace;
