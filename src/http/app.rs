//! The state that all requests share.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::RwLock;

use crate::config::Dialects;
use crate::engine::{Caller, Engine};
use crate::http::auth::access::Access;
use crate::http::auth::guard::Guard;
use crate::http::dialects::custom::wire::Routes;
use crate::http::metrics::requests::RequestMetrics;
use crate::http::request::params::Bounds;
use crate::http::request::request_id::RequestIds;
use crate::http::response::download::Downloads;
use crate::http::response::large::LargeBodies;
use crate::http::routing::router::Router;
use crate::http::server::activity::Activity;
use crate::http::webhook::Webhooks;

/// The authenticated request, as the handlers see it.
pub(crate) struct RequestContext {
    /// The client that sent the request.
    pub(crate) caller: Caller,
    /// The base URL of links in the response.
    pub(crate) base: String,
    /// Whether the request may have side effects; see [`Admission::may_have_side_effects`](crate::http::auth::guard::Admission::may_have_side_effects).
    pub(crate) may_have_side_effects: bool,
    /// The connection that the request came through.
    pub(crate) activity: Arc<Activity>,
}

impl RequestContext {
    /// The path of the base URL, with which links without a host begin. Often empty.
    pub(crate) fn base_path(&self) -> &str {
        let rest = self.base.split_once("://").map_or("", |(_, rest)| rest);
        rest.find('/').map_or("", |at| &rest[at..])
    }

    /// Whether clients use https, as far as the configuration says.
    pub(crate) fn is_https(&self) -> bool {
        self.base.starts_with("https:")
    }
}

/// The state that all requests share.
pub(crate) struct App {
    pub(crate) engine: Arc<Engine>,
    pub(crate) guard: Guard,
    pub(crate) access: Access,
    pub(crate) bounds: RwLock<Bounds>,
    pub(crate) dialects: Dialects,
    pub(crate) router: Router,
    pub(crate) routes: Routes,
    pub(crate) openapi: RwLock<Bytes>,
    pub(crate) webhooks: Arc<Webhooks>,
    pub(crate) requests: RequestMetrics,
    pub(crate) request_ids: Arc<RequestIds>,
    pub(crate) large: LargeBodies,
    pub(crate) downloads: Downloads,
}
