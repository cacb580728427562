//! What is counted of requests and connections. Requests are told apart by the description's addresses, not by their own:
//! there are as many numbers as routes, whatever is asked.

use std::sync::Arc;

use hashbrown::HashMap;
use http::{Method, StatusCode};
use serde_json::Value;

use crate::http::routing::template as route_template;
use crate::metrics::{Counter, Gauge};

/// What addresses that are no route's count as.
const ELSEWHERE: &str = "other";
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "DELETE", "OPTIONS", "other"];
const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// The numbers of one route.
pub(in crate::http) type Answered = [[Counter; CLASSES.len()]; METHODS.len()];

/// The numbers of one server.
#[derive(Debug)]
pub(in crate::http) struct RequestMetrics {
    /// By the route's template.
    routes: HashMap<Box<str>, Answered>,
    elsewhere: Answered,
    /// Connections that were accepted.
    pub(in crate::http) accepted: Counter,
    /// Connections that are open.
    pub(in crate::http) open: Arc<Gauge>,
}

/// How often a kind of request got a kind of answer.
#[derive(Debug)]
pub(in crate::http) struct Answers {
    pub(in crate::http) route: String,
    pub(in crate::http) method: &'static str,
    /// The class of its status.
    pub(in crate::http) code: &'static str,
    pub(in crate::http) times: u64,
}

/// Counts a request that was answered.
pub(in crate::http) fn count(numbers: &Answered, method: &Method, status: StatusCode) {
    let word = method.as_str();
    let method = METHODS.iter().position(|known| *known == word);
    let class = usize::from(status.as_u16() / 100).clamp(2, 5) - 2;
    numbers[method.unwrap_or(METHODS.len() - 1)][class].count();
}

impl RequestMetrics {
    /// For the routes that a description has.
    pub(in crate::http) fn new(description: &Value) -> Self {
        let paths = description["paths"].as_object().into_iter().flatten();
        let templates = paths.map(|(path, _)| path.as_str());
        let templates = templates.chain([route_template::OPERATION]);
        Self {
            routes: templates
                .map(|path| (path.into(), Answered::default()))
                .collect(),
            elsewhere: Answered::default(),
            accepted: Counter::default(),
            open: Arc::default(),
        }
    }

    /// The numbers of the route with this template, or of what is asked for where there is none.
    pub(in crate::http) fn of(&self, template: Option<&str>) -> &Answered {
        let route = template.and_then(|template| self.routes.get(template));
        route.unwrap_or(&self.elsewhere)
    }

    /// Every kind of request that there was, in the order of its route.
    pub(in crate::http) fn answers(&self) -> Vec<Answers> {
        let routes = self.routes.iter().map(|(route, of)| (&**route, of));
        let mut all = Vec::new();
        for (route, answered) in routes.chain([(ELSEWHERE, &self.elsewhere)]) {
            for (method, classes) in METHODS.into_iter().zip(answered) {
                for (code, counter) in CLASSES.into_iter().zip(classes) {
                    all.push(Answers {
                        route: route.to_owned(),
                        method,
                        code,
                        times: counter.get(),
                    });
                }
            }
        }
        all.retain(|answers| answers.times > 0);
        all.sort_by(|a, b| a.route.cmp(&b.route));
        all
    }
}
