//! The requests and responses of DeltaXML XML Data Compare and XML Merge, whose protocols differ only in names.

pub(crate) mod compare;
mod endpoint;
pub(crate) mod error;
pub(crate) mod job;
mod locations;
pub(crate) mod media;
pub(crate) mod merge;
pub(crate) mod names;
pub(crate) mod node;
pub(crate) mod request;
pub(crate) mod time;
pub(crate) mod value;

pub(crate) use crate::http::dialects::deltaxml::wire::error::{Error, error};
pub(crate) use crate::http::dialects::deltaxml::wire::job::{JobView, job};
pub(crate) use crate::http::dialects::deltaxml::wire::media::Media;
pub(crate) use crate::http::dialects::deltaxml::wire::merge::types;
pub(crate) use crate::http::dialects::deltaxml::wire::request::{
    AsyncOptions, DeltaRequest, Part, of_form, of_json, of_xml, part,
};
pub(crate) use endpoint::{Operation, Product, is_download};
