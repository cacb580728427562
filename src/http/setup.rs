//! Builds the state that all requests share.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::RwLock;

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
use crate::operations::Registry;
use crate::tokens::Tokens;

impl App {
    /// Builds the state. Requests need one of `tokens`, unless there are none.
    pub(crate) fn new(engine: Arc<Engine>, config: &Config, tokens: Arc<Tokens>) -> Self {
        let webhooks = Arc::new(Webhooks {
            outbound: engine.outbound_access().clone(),
            secrets: RwLock::new(config.callbacks.secrets.clone()),
        });
        engine.set_callback_sender(Arc::clone(&webhooks) as _);
        let routes = Routes::new(config.served_routes());
        let openapi = openapi(&engine.registry().load(), config, &routes);
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
            openapi: RwLock::new(openapi),
            webhooks,
            dialects: config.dialects.clone(),
            router: table::router(&config.dialects),
            routes,
            large: LargeBodies::default(),
            bounds: RwLock::new(bounds(config)),
        }
    }

    /// The limits of request bodies.
    pub(crate) fn bounds(&self) -> Bounds {
        *self.bounds.read()
    }

    /// Replaces what follows from the operations and the settings that can change without a restart. The engine must have
    /// the new operations already.
    pub(crate) fn reload(&self, config: &Config) {
        *self.bounds.write() = bounds(config);
        self.webhooks
            .secrets
            .write()
            .clone_from(&config.callbacks.secrets);
        *self.openapi.write() = openapi(&self.engine.registry().load(), config, &self.routes);
    }
}

fn bounds(config: &Config) -> Bounds {
    Bounds {
        params: config.limits.params_bytes,
        upload: config.limits.upload_bytes,
        idle_timeout: config.limits.body_idle_timeout,
    }
}

fn openapi(registry: &Registry, config: &Config, routes: &Routes) -> Bytes {
    let base = config.public_url.as_ref().map(ToString::to_string);
    let base = base.as_deref().unwrap_or("/");
    let document = openapi::document::document(registry, &config.dialects, routes, base);
    document.to_string().into()
}
