//! Documents that jobs read: files, uploads, text, URLs, results of other jobs.

pub(crate) mod document;
pub(crate) mod outbound_check;
pub(crate) mod remote;
