//! Metrics of requests and connections. Requests are counted by the template of their route and not by their path, so
//! that the number of time series is bounded.

use std::sync::Arc;

use hashbrown::HashMap;
use http::{Method, StatusCode};

use crate::http::dialects::custom::wire::Routes;
use crate::http::routing::router::Target;
use crate::metrics::{Counter, Gauge};

/// The label of requests that match no route.
pub(crate) const NO_ROUTE: &str = "other";
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "DELETE", "OPTIONS", "other"];
const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// The counters of one route, by method and class of status.
#[derive(Debug, Default)]
pub(crate) struct RouteCounters([[Counter; CLASSES.len()]; METHODS.len()]);

/// The metrics of one server.
#[derive(Debug)]
pub(crate) struct RequestMetrics {
    /// The templates and counters of each API's routes, in the order of the tables.
    apis: Vec<Vec<(&'static str, RouteCounters)>>,
    /// The counters of custom routes, by template.
    custom: HashMap<Box<str>, RouteCounters>,
    /// The counters of requests that match no route.
    unmatched: RouteCounters,
    /// The number of accepted connections.
    pub(crate) accepted: Counter,
    /// The number of open connections.
    pub(crate) open: Arc<Gauge>,
}

/// The number of requests with the same route, method and class of status.
#[derive(Debug)]
pub(crate) struct RequestCount {
    /// The template of the route.
    pub(crate) route: String,
    /// The method.
    pub(crate) method: &'static str,
    /// The class of the status, such as `2xx`.
    pub(crate) code: &'static str,
    /// The number of requests.
    pub(crate) requests: u64,
}

impl RouteCounters {
    /// Counts an answered request.
    pub(crate) fn count(&self, method: &Method, status: StatusCode) {
        let name = method.as_str();
        let method = METHODS.iter().position(|known| *known == name);
        let class = usize::from(status.as_u16() / 100).clamp(2, 5) - 2;
        self.0[method.unwrap_or(METHODS.len() - 1)][class].count();
    }
}

impl RequestMetrics {
    /// Metrics for routes with these templates, by API, and for custom routes.
    pub(crate) fn new(templates: Vec<Vec<&'static str>>, custom: &Routes) -> Self {
        let counters = |template| (template, RouteCounters::default());
        let custom = custom.iter().flat_map(|route| route.templates());
        Self {
            apis: templates
                .into_iter()
                .map(|routes| routes.into_iter().map(counters).collect())
                .collect(),
            custom: custom
                .map(|(_, template)| (template.text().into(), RouteCounters::default()))
                .collect(),
            unmatched: RouteCounters::default(),
            accepted: Counter::default(),
            open: Arc::default(),
        }
    }

    /// The counters of a route, or those of requests without a route.
    pub(crate) fn of(&self, target: Option<&Target<'_>>) -> &RouteCounters {
        match target {
            Some(Target::Listed(found)) => &self.apis[found.id.api][found.id.route].1,
            Some(Target::Custom(endpoint)) => {
                let counters = self.custom.get(endpoint.template());
                counters.unwrap_or(&self.unmatched)
            }
            None => &self.unmatched,
        }
    }

    /// All counters that are not zero, ordered by route.
    pub(crate) fn counts(&self) -> Vec<RequestCount> {
        let listed = self.apis.iter().flatten();
        let listed = listed.map(|(route, counters)| (*route, counters));
        let custom = self.custom.iter();
        let custom = custom.map(|(route, counters)| (&**route, counters));
        let mut all = Vec::new();
        for (route, counters) in listed.chain(custom).chain([(NO_ROUTE, &self.unmatched)]) {
            for (method, classes) in METHODS.into_iter().zip(&counters.0) {
                for (code, counter) in CLASSES.into_iter().zip(classes) {
                    all.push(RequestCount {
                        route: route.to_owned(),
                        method,
                        code,
                        requests: counter.get(),
                    });
                }
            }
        }
        all.retain(|count| count.requests > 0);
        all.sort_by(|a, b| a.route.cmp(&b.route));
        all
    }
}
