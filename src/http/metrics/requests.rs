//! Metrics of requests and connections. Requests are counted by the template of their route and not by their path, so
//! that the number of time series is bounded.

use std::sync::Arc;

use hashbrown::HashMap;
use http::{Method, StatusCode};
use serde_json::Value;

use crate::http::routing::template as route_template;
use crate::metrics::{Counter, Gauge};

/// The label of requests that match no route.
const NO_ROUTE: &str = "other";
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "DELETE", "OPTIONS", "other"];
const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// The counters of one route, by method and class of status.
pub(in crate::http) type Answered = [[Counter; CLASSES.len()]; METHODS.len()];

/// The metrics of one server.
#[derive(Debug)]
pub(in crate::http) struct RequestMetrics {
    /// By the route's template.
    routes: HashMap<Box<str>, Answered>,
    /// Counters of requests that match no route.
    unmatched: Answered,
    /// Accepted connections.
    pub(in crate::http) accepted: Counter,
    /// Open connections.
    pub(in crate::http) open: Arc<Gauge>,
}

/// The number of requests with the same route, method and class of status.
#[derive(Debug)]
pub(in crate::http) struct Answers {
    /// The template of the route.
    pub(in crate::http) route: String,
    /// The method.
    pub(in crate::http) method: &'static str,
    /// The class of the status, such as `2xx`.
    pub(in crate::http) code: &'static str,
    /// The number of requests.
    pub(in crate::http) requests: u64,
}

/// Counts an answered request.
pub(in crate::http) fn count(numbers: &Answered, method: &Method, status: StatusCode) {
    let word = method.as_str();
    let method = METHODS.iter().position(|known| *known == word);
    let class = usize::from(status.as_u16() / 100).clamp(2, 5) - 2;
    numbers[method.unwrap_or(METHODS.len() - 1)][class].count();
}

impl RequestMetrics {
    /// Metrics for the routes of an OpenAPI description.
    pub(in crate::http) fn new(description: &Value) -> Self {
        let paths = description["paths"].as_object().into_iter().flatten();
        let templates = paths.map(|(path, _)| path.as_str());
        let templates = templates.chain([route_template::OPERATION]);
        Self {
            routes: templates
                .map(|path| (path.into(), Answered::default()))
                .collect(),
            unmatched: Answered::default(),
            accepted: Counter::default(),
            open: Arc::default(),
        }
    }

    /// The counters of the route with this template, or those of requests without a route.
    pub(in crate::http) fn of(&self, template: Option<&str>) -> &Answered {
        let route = template.and_then(|template| self.routes.get(template));
        route.unwrap_or(&self.unmatched)
    }

    /// All counters that are not zero, ordered by route.
    pub(in crate::http) fn answers(&self) -> Vec<Answers> {
        let routes = self.routes.iter().map(|(route, of)| (&**route, of));
        let mut all = Vec::new();
        for (route, answered) in routes.chain([(NO_ROUTE, &self.unmatched)]) {
            for (method, classes) in METHODS.into_iter().zip(answered) {
                for (code, counter) in CLASSES.into_iter().zip(classes) {
                    all.push(Answers {
                        route: route.to_owned(),
                        method,
                        code,
                        requests: counter.get(),
                    });
                }
            }
        }
        all.retain(|answers| answers.requests > 0);
        all.sort_by(|a, b| a.route.cmp(&b.route));
        all
    }
}
