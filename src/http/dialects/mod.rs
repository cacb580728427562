//! Other protocols for the same jobs, and routes that the operator configures. In each dialect `wire` is the pure encoding,
//! `handler` calls the engine, and `openapi` describes both. A `wire` module knows neither the engine nor another dialect.

pub(crate) mod custom;
pub(crate) mod deltaxml;
pub(crate) mod driveonweb;
pub(crate) mod onedrive;
