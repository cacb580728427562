//! Which function answers a request.
//!
//! A route is one entry of its API's table ([`route::Route`]); an API is one entry of [`table::APIS`]. Matching, `Allow`,
//! the route label of the metrics and the paths of the OpenAPI document all come from these tables.

#[macro_use]
pub(crate) mod route;

pub(crate) mod conflict;
pub(crate) mod paths;
pub(crate) mod router;
pub(crate) mod table;
