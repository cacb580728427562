//! The description of the API in OpenAPI 3.1, served at `GET /openapi.json`.
//!
//! The document is built once at startup from the registered operations and is served as bytes. It describes what the
//! routes answer and decides nothing. The paths come from the tables of routes ([`routing`](crate::http::routing)), whose
//! details are in `native::openapi` and each dialect's `openapi` module. Submission options are in [`submit`], and shared
//! schemas, parameters and headers in [`components`].

#[macro_use]
pub(crate) mod json;

pub(crate) mod builder;
pub(crate) mod components;
pub(crate) mod document;
pub(crate) mod results;
pub(crate) mod server;
pub(crate) mod submit;
