//! Routes that the operator has configured: their paths, and jobs with the configured field names. Pure.
//!
//! A path template has at most one `{id}`, which stands for a job's number and may be a part of a segment.

use std::sync::Arc;

use http::Method;
use serde_json::{Map, Value};

use crate::config::{FieldNames, Route};
use crate::job::{Job, Outcome, Seq, State, Status};

/// The placeholder for a job's number.
const PLACEHOLDER: &str = "{id}";
/// The methods of the paths of a job's status and result.
const READ_METHODS: &str = "GET, HEAD, OPTIONS";
/// The methods of the path that jobs are submitted to.
const SUBMIT_METHODS: &str = "POST, OPTIONS";

/// A path with a placeholder for a job's number, or without one. It does not end with a slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(String);

impl Template {
    fn new(text: &str) -> Self {
        let stripped = text.strip_suffix('/').filter(|rest| !rest.is_empty());
        Self(stripped.unwrap_or(text).to_owned())
    }

    /// The text from the configuration.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// The path for a job.
    pub(crate) fn path_of(&self, seq: Seq) -> String {
        self.fill(&seq.0.to_string())
    }

    /// The path with `number` in place of the placeholder.
    pub(crate) fn fill(&self, number: &str) -> String {
        self.0.replace(PLACEHOLDER, number)
    }

    /// Whether a path is this one, which has no placeholder.
    fn is_path(&self, path: &str) -> bool {
        self.0 == path
    }

    /// The number of the job that a path belongs to.
    fn job_at(&self, path: &str) -> Option<Seq> {
        let (before, behind) = self.0.split_once(PLACEHOLDER)?;
        let number = path.strip_prefix(before)?.strip_suffix(behind)?;
        // Leading zeros and signs are rejected, so that a job has exactly one path.
        let is_canonical = number.bytes().all(|b| b.is_ascii_digit()) && !number.starts_with('0');
        is_canonical.then(|| number.parse().ok().map(Seq)).flatten()
    }

    /// Whether some path matches both templates.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        overlap(&self.pieces(), &other.pieces())
    }

    fn pieces(&self) -> Vec<Piece> {
        let bytes = |text: &str| text.bytes().map(Piece::Byte).collect::<Vec<_>>();
        match self.0.split_once(PLACEHOLDER) {
            Some((before, behind)) => {
                let number = vec![Piece::Digit, Piece::Digits];
                [bytes(before), number, bytes(behind)].concat()
            }
            None => bytes(&self.0),
        }
    }
}

/// A piece of a template: a byte, one digit, or any number of digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Byte(u8),
    Digit,
    Digits,
}

impl Piece {
    fn may_be_digit(self) -> bool {
        !matches!(self, Self::Byte(byte) if !byte.is_ascii_digit())
    }
}

/// Whether some text matches both templates. Each has [`Piece::Digits`] at most once, so this takes few steps.
fn overlap(one: &[Piece], other: &[Piece]) -> bool {
    match (one, other) {
        ([], []) => true,
        ([Piece::Digits, rest @ ..], _) => {
            overlap(rest, other)
                || matches!(other, [piece, behind @ ..] if piece.may_be_digit() && overlap(one, behind))
        }
        (_, [Piece::Digits, ..]) => overlap(other, one),
        ([a, one @ ..], [b, other @ ..]) => {
            let alike = a == b
                || matches!((a, b), (Piece::Digit, p) | (p, Piece::Digit) if p.may_be_digit());
            alike && overlap(one, other)
        }
        _ => false,
    }
}

/// A configured route: the paths and field names of one operation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CustomRoute {
    /// The operation's name.
    pub(crate) operation: String,
    /// The path that jobs are submitted to.
    pub(crate) submit: Template,
    /// The path of a job's status.
    pub(crate) status: Template,
    /// The path of a job's result.
    pub(crate) result: Template,
    /// The names of the fields and states of a job.
    pub(crate) field_names: FieldNames,
}

impl CustomRoute {
    /// The route from its configuration.
    pub(crate) fn new(route: &Route) -> Self {
        Self {
            operation: route.operation.clone(),
            submit: Template::new(&route.submit),
            status: Template::new(&route.status),
            result: Template::new(&route.result),
            field_names: route.field_names.clone(),
        }
    }

    /// The templates, with their keys in the configuration.
    pub(crate) fn templates(&self) -> [(&'static str, &Template); 3] {
        [
            ("submit", &self.submit),
            ("status", &self.status),
            ("result", &self.result),
        ]
    }

    /// A job with the configured names. Links begin with `base`.
    pub(crate) fn job(&self, job: &Job, base: &str) -> Value {
        let names = &self.field_names;
        let status = match job.status() {
            Status::Queued => &names.queued,
            Status::Running => &names.running,
            Status::Succeeded => &names.succeeded,
            Status::Failed => &names.failed,
            Status::Canceled => &names.canceled,
        };
        let mut shown = Map::new();
        shown.insert(names.status.clone(), status.as_str().into());
        if let Some(name) = &names.percent {
            shown.insert(name.clone(), job.progress.percent.into());
        }
        if job.output().is_some() {
            let link = format!("{base}{}", self.result.path_of(job.seq));
            shown.insert(names.result.clone(), link.into());
        }
        if let (Some(name), Some(message)) = (&names.error, failure_message(job)) {
            shown.insert(name.clone(), message.into());
        }
        Value::Object(shown)
    }
}

fn failure_message(job: &Job) -> Option<&str> {
    match &job.state {
        State::Ended {
            outcome: Outcome::Failed(failure),
            ..
        } => Some(&failure.message),
        _ => None,
    }
}

/// The route and the action of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) route: Arc<CustomRoute>,
    pub(crate) action: Action,
}

impl Endpoint {
    /// The template of its path.
    pub(crate) fn template(&self) -> &str {
        let template = match self.action {
            Action::Submit => &self.route.submit,
            Action::Status(_) => &self.route.status,
            Action::Result(_) => &self.route.result,
        };
        template.text()
    }
}

/// The action of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Submits a job.
    Submit,
    /// Shows a job.
    Status(Seq),
    /// Downloads a job's result.
    Result(Seq),
}

/// All configured routes. No path matches two of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Routes(Vec<Arc<CustomRoute>>);

impl Routes {
    /// The routes from the configuration.
    pub(crate) fn new(routes: &[Route]) -> Self {
        let all = routes.iter().map(|route| Arc::new(CustomRoute::new(route)));
        Self(all.collect())
    }

    /// The routes, in the order of the configuration.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<CustomRoute>> {
        self.0.iter()
    }

    /// The endpoint of a method and path; `None` if the path belongs to no route.
    ///
    /// # Errors
    /// The methods that the path supports, if `method` is not one of them.
    pub(crate) fn endpoint_at(
        &self,
        method: &Method,
        path: &str,
    ) -> Option<Result<Endpoint, &'static str>> {
        let (route, action) = self.find(path)?;
        let allowed = match action {
            Action::Submit => SUBMIT_METHODS,
            Action::Status(_) | Action::Result(_) => READ_METHODS,
        };
        let route = Arc::clone(route);
        Some(match (action, method) {
            (Action::Submit, &Method::POST)
            | (Action::Status(_) | Action::Result(_), &Method::GET | &Method::HEAD) => {
                Ok(Endpoint { route, action })
            }
            _ => Err(allowed),
        })
    }

    /// Whether a path is the path of a result.
    pub(crate) fn is_result(&self, path: &str) -> bool {
        matches!(self.find(path), Some((_, Action::Result(_))))
    }

    fn find(&self, path: &str) -> Option<(&Arc<CustomRoute>, Action)> {
        let path = path.strip_suffix('/').unwrap_or(path);
        self.0.iter().find_map(|route| {
            let action = if route.submit.is_path(path) {
                Action::Submit
            } else if let Some(seq) = route.status.job_at(path) {
                Action::Status(seq)
            } else {
                Action::Result(route.result.job_at(path)?)
            };
            Some((route, action))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(text: &str) -> Template {
        Template::new(text)
    }

    #[test]
    fn job_number_may_stand_inside_a_segment() {
        let check = |text: &str, path: &str, expected: Option<i64>| {
            assert_eq!(
                template(text).job_at(path),
                expected.map(Seq),
                "{text} {path}"
            );
        };
        check(
            "/reports/report-{id}.pdf",
            "/reports/report-555.pdf",
            Some(555),
        );
        check("/{id}", "/7", Some(7));
        check("/a/{id}/b", "/a/10/b", Some(10));
        check("/a{id}1", "/a1", None);
        check("/a{id}1", "/a11", Some(1));
        for path in [
            "/",
            "/x",
            "/07",
            "/+7",
            "/-7",
            "/7/",
            "/7x",
            "/99999999999999999999",
            "/%37",
        ] {
            check("/{id}", path, None);
        }
        assert_eq!(template("/x-{id}.y/").path_of(Seq(12)), "/x-12.y");
    }

    #[test]
    fn templates_overlap_when_one_path_matches_both() {
        let check = |one: &str, other: &str, expected: bool| {
            let (a, b) = (template(one), template(other));
            assert_eq!(
                (a.overlaps(&b), b.overlaps(&a)),
                (expected, expected),
                "{one} {other}"
            );
        };
        check("/a", "/a", true);
        check("/a", "/a/", true);
        check("/a", "/b", false);
        check("/a/{id}", "/a/{id}", true);
        check("/a/{id}", "/a/5", true);
        check("/a/{id}", "/a/x", false);
        check("/a/{id}", "/a/", false);
        check("/a/{id}", "/a/{id}/b", false);
        check("/a-{id}", "/{id}-a", false);
        check("/1{id}", "/{id}2", true);
        check("/1{id}", "/{id}", true);
        check("/{id}0", "/{id}1", false);
        check("/12{id}34", "/1{id}4", true);
        check("/12{id}34", "/1234", false);
        check("/12{id}34", "/12534", true);
        check("/{id}.pdf", "/{id}", false);
    }

    #[test]
    fn each_path_allows_its_methods() {
        let route = Route {
            operation: "zip".to_owned(),
            submit: "/start".to_owned(),
            status: "/state/{id}".to_owned(),
            result: "/{id}.zip".to_owned(),
            field_names: FieldNames::default(),
        };
        let routes = Routes::new(&[route]);
        let check = |method: Method, path: &str, expected: Option<Result<Action, &str>>| {
            let found = routes
                .endpoint_at(&method, path)
                .map(|found| found.map(|endpoint| endpoint.action));
            assert_eq!(found, expected, "{method} {path}");
        };
        check(Method::POST, "/start/", Some(Ok(Action::Submit)));
        check(Method::GET, "/start", Some(Err(SUBMIT_METHODS)));
        check(Method::HEAD, "/state/5", Some(Ok(Action::Status(Seq(5)))));
        check(Method::POST, "/state/5", Some(Err(READ_METHODS)));
        check(Method::GET, "/5.zip", Some(Ok(Action::Result(Seq(5)))));
        check(Method::DELETE, "/5.zip", Some(Err(READ_METHODS)));
        check(Method::GET, "/state/x", None);
        check(Method::GET, "/state", None);
        assert!(routes.is_result("/5.zip") && !routes.is_result("/state/5"));
    }
}
