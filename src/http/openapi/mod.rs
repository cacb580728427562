//! The description of the API in OpenAPI 3.1, served at `GET /openapi.json`.
//!
//! The document is built once at startup from the registered operations and is served as bytes. It describes what the
//! routes answer and decides nothing. Native routes are described in `native::openapi`, each dialect in its `openapi`
//! module, submission options in [`submit`], and shared schemas, parameters and headers in [`components`].

#[macro_use]
pub(in crate::http) mod json;

pub(in crate::http) mod builder;
pub(in crate::http) mod components;
pub(in crate::http) mod dialects;
pub(in crate::http) mod document;
pub(in crate::http) mod results;
pub(in crate::http) mod server;
pub(in crate::http) mod submit;
