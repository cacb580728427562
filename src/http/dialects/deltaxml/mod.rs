//! DeltaXML: XML Data Compare and XML Merge.

pub(in crate::http) mod handler;
pub(in crate::http) mod openapi;
pub(in crate::http) mod wire;
