//! Builds the state that all requests share.

use std::sync::Arc;

use crate::config::Config;
use crate::engine::Engine;
use crate::http::app::App;
use crate::http::auth::access::Access;
use crate::http::auth::guard::Guard;
use crate::http::dialects::custom::wire::Routes;
use crate::http::metrics;
use crate::http::metrics::requests::RequestMetrics;
use crate::http::openapi;
use crate::http::request::params::Bounds;
use crate::http::request::request_id::RequestIds;
use crate::http::response::download::Downloads;
use crate::http::response::large::LargeBodies;
use crate::http::routing::table;
use crate::http::webhook::Webhooks;
use crate::tokens::Tokens;

impl App {
    /// Builds the state. Requests need one of `tokens`, unless there are none.
    pub(crate) fn new(engine: Arc<Engine>, config: &Config, tokens: Arc<Tokens>) -> Self {
        let webhooks = Webhooks {
            outbound: engine.outbound_access().clone(),
            secrets: config.callbacks.secrets.clone(),
        };
        engine.set_callback_sender(Arc::new(webhooks));
        let base = config.public_url.as_ref().map(ToString::to_string);
        let base = base.as_deref().unwrap_or("/");
        let routes = Routes::new(config.served_routes());
        let openapi =
            openapi::document::document(engine.registry(), &config.dialects, &routes, base);
        metrics::begin();
        let apis = table::APIS.iter();
        let templates = apis.map(|api| api.routes.iter().map(|route| route.template).collect());
        Self {
            downloads: Downloads::new(Arc::clone(&engine)),
            engine,
            guard: Guard::new(config),
            access: Access::new(tokens, config.outbound().private),
            requests: RequestMetrics::new(templates.collect(), &routes),
            request_ids: Arc::new(RequestIds::new()),
            openapi: openapi.to_string().into(),
            dialects: config.dialects.clone(),
            router: table::router(&config.dialects),
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
