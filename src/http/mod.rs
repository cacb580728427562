//! HTTP/1.1: the accept loop with its limits, and one function that answers a request.

mod app;
mod auth;
mod dashboard;
mod dialects;
mod metrics;
mod native;
mod openapi;
mod request;
mod response;
mod routing;
mod server;
mod webhook;

pub use crate::http::routing::conflict::RouteFault;
pub(crate) use crate::http::routing::conflict::check as check_routes;
pub(crate) use crate::http::server::accept::Server;
pub(crate) use app::App;
pub(in crate::http) use app::RequestContext;
