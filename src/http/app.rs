//! The state that all requests share.

use std::sync::Arc;

use bytes::Bytes;

use crate::config::{Config, Dialects};
use crate::engine::{Caller, Engine};
use crate::http::auth::access::Access;
use crate::http::auth::guard::Guard;
use crate::http::dialects::custom::wire::Routes;
use crate::http::metrics;
use crate::http::metrics::requests::RequestMetrics;
use crate::http::openapi;
use crate::http::request::params::Bounds;
use crate::http::response::download::Downloads;
use crate::http::response::large::LargeBodies;
use crate::http::server::activity::Activity;
use crate::http::webhook::Webhooks;
use crate::tokens::Tokens;

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

/// The state that all requests share.
pub(crate) struct App {
    pub(crate) engine: Arc<Engine>,
    pub(crate) guard: Guard,
    pub(crate) access: Access,
    pub(crate) bounds: Bounds,
    pub(crate) dialects: Dialects,
    pub(crate) routes: Routes,
    pub(crate) openapi: Bytes,
    pub(super) traffic: RequestMetrics,
    pub(crate) large: LargeBodies,
    pub(crate) downloads: Downloads,
}

impl App {
    /// Builds the state. Requests need one of `tokens`, unless there are none.
    pub(crate) fn new(engine: Arc<Engine>, config: &Config, tokens: Arc<Tokens>) -> Self {
        let webhooks = Webhooks {
            outside: engine.outbound_access().clone(),
            secrets: config.callbacks.secrets.clone(),
        };
        engine.set_callback_sender(Arc::new(webhooks));
        let base = config.public_url.as_ref().map(ToString::to_string);
        let base = base.as_deref().unwrap_or("/");
        let routes = Routes::new(config.served_routes());
        let openapi =
            openapi::document::document(engine.registry(), &config.dialects, &routes, base);
        metrics::begin();
        Self {
            downloads: Downloads::new(Arc::clone(&engine)),
            engine,
            guard: Guard::new(config),
            access: Access::new(tokens, config.outbound().private),
            traffic: RequestMetrics::new(&openapi),
            openapi: openapi.to_string().into(),
            dialects: config.dialects.clone(),
            routes,
            large: LargeBodies::default(),
            bounds: Bounds {
                params: config.limits.params_bytes,
                upload: config.limits.upload_bytes,
                idle_timeout: config.limits.body_idle_timeout,
            },
        }
    }
}
