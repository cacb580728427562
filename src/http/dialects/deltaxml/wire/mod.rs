//! The requests and responses of DeltaXML XML Data Compare and XML Merge, whose protocols differ only in names.

pub(in crate::http) mod compare;
mod endpoint;
pub(in crate::http) mod error;
pub(in crate::http) mod job;
pub(in crate::http) mod media;
pub(in crate::http) mod merge;
pub(in crate::http) mod names;
pub(in crate::http) mod node;
pub(in crate::http) mod request;
pub(in crate::http) mod time;
pub(in crate::http) mod value;

pub(crate) use crate::http::dialects::deltaxml::wire::error::{Error, error};
pub(crate) use crate::http::dialects::deltaxml::wire::job::{JobView, job};
pub(crate) use crate::http::dialects::deltaxml::wire::media::Media;
pub(crate) use crate::http::dialects::deltaxml::wire::merge::types;
pub(crate) use crate::http::dialects::deltaxml::wire::request::{
    AsyncOptions, DeltaRequest, Part, of_form, of_json, of_xml, part,
};
pub(crate) use endpoint::{
    Action, Endpoint, Operation, Product, RouteError, endpoint_at, is_download,
};
