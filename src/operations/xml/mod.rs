//! Comparing, merging and extracting XML documents.

pub(crate) mod compare;
pub(crate) mod extract;
pub(crate) mod match_params;
pub(crate) mod merge;
pub(crate) mod xml_documents;
