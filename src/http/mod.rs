//! HTTP/1.1: the server with its limits, authentication, routing, the handlers of the native API and the dialects, and
//! their responses.

#[macro_use]
mod routing;

mod app;
mod auth;
mod dashboard;
mod dialects;
mod dispatch;
mod metrics;
mod native;
mod openapi;
mod request;
mod response;
mod server;
mod setup;
mod webhook;

pub(crate) use crate::http::request::request_body::{BodyError, RequestBody};
pub use crate::http::routing::conflict::RouteFault;
pub(crate) use crate::http::routing::conflict::check as check_routes;
pub(crate) use crate::http::server::accept::{Reserved, Server};
pub(crate) use crate::http::server::listener::OpenListener;
pub(crate) use crate::http::server::mounted::{Mount, MountedBody};
pub(crate) use app::App;
pub(crate) use app::RequestContext;
