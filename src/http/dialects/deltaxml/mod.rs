//! DeltaXML: XML Data Compare and XML Merge.

pub(crate) mod handler;
pub(crate) mod openapi;
pub(crate) mod routes;
pub(crate) mod wire;
