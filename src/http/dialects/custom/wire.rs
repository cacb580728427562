//! Addresses and words of the operator's own: which address means what, and a job in those words.
//!
//! An address has at most one `{id}` in it, which stands for a job's number and may be a part of a segment.

use std::sync::Arc;

use http::Method;
use serde_json::{Map, Value};

use crate::config::{FieldNames, Route};
use crate::job::{Job, Outcome, Seq, State, Status};

/// What stands for a job's number.
const PLACE: &str = "{id}";
const LOOKS: &str = "GET, HEAD, OPTIONS";
const SUBMITS: &str = "POST, OPTIONS";

/// An address, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(String);

impl Template {
    fn new(text: &str) -> Self {
        let stripped = text.strip_suffix('/').filter(|rest| !rest.is_empty());
        Self(stripped.unwrap_or(text).to_owned())
    }

    /// As the operator wrote it.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// The address of one job.
    pub(crate) fn of(&self, seq: Seq) -> String {
        self.with(&seq.0.to_string())
    }

    /// The address with something in the place of the number.
    pub(crate) fn with(&self, number: &str) -> String {
        self.0.replace(PLACE, number)
    }

    /// Whether an address is this one.
    fn is(&self, path: &str) -> bool {
        self.0 == path
    }

    /// The job whose address it is.
    fn job(&self, path: &str) -> Option<Seq> {
        let (before, behind) = self.0.split_once(PLACE)?;
        let number = path.strip_prefix(before)?.strip_suffix(behind)?;
        // As we write it, and not otherwise: a job has one address.
        let is_ours = number.bytes().all(|b| b.is_ascii_digit()) && !number.starts_with('0');
        is_ours.then(|| number.parse().ok().map(Seq)).flatten()
    }

    /// Whether there is an address that is both.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        meet(&self.pieces(), &other.pieces())
    }

    fn pieces(&self) -> Vec<Piece> {
        let bytes = |text: &str| text.bytes().map(Piece::Byte).collect::<Vec<_>>();
        match self.0.split_once(PLACE) {
            Some((before, behind)) => {
                let number = vec![Piece::Digit, Piece::Digits];
                [bytes(before), number, bytes(behind)].concat()
            }
            None => bytes(&self.0),
        }
    }
}

/// A piece of an address: a byte, one digit, or any number of them.
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

/// Whether some text is as both say. Each has [`Piece::Digits`] once at most, so this takes few steps.
fn meet(one: &[Piece], other: &[Piece]) -> bool {
    match (one, other) {
        ([], []) => true,
        ([Piece::Digits, rest @ ..], _) => {
            meet(rest, other)
                || matches!(other, [piece, behind @ ..] if piece.may_be_digit() && meet(one, behind))
        }
        (_, [Piece::Digits, ..]) => meet(other, one),
        ([a, one @ ..], [b, other @ ..]) => {
            let alike = a == b
                || matches!((a, b), (Piece::Digit, p) | (p, Piece::Digit) if p.may_be_digit());
            alike && meet(one, other)
        }
        _ => false,
    }
}

/// One operation under its own addresses.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Published {
    /// The operation's name.
    pub(crate) operation: String,
    /// Where its jobs are posted to.
    pub(crate) submit: Template,
    /// Where a job's state is.
    pub(crate) status: Template,
    /// Where its result is.
    pub(crate) result: Template,
    /// What things are called.
    pub(crate) words: FieldNames,
}

impl Published {
    pub(crate) fn new(route: &Route) -> Self {
        Self {
            operation: route.operation.clone(),
            submit: Template::new(&route.submit),
            status: Template::new(&route.status),
            result: Template::new(&route.result),
            words: route.field_names.clone(),
        }
    }

    /// Its addresses, by the keys that they have in a configuration.
    pub(crate) fn addresses(&self) -> [(&'static str, &Template); 3] {
        [
            ("submit", &self.submit),
            ("status", &self.status),
            ("result", &self.result),
        ]
    }

    /// A job in its words; links begin with `base`.
    pub(crate) fn job(&self, job: &Job, base: &str) -> Value {
        let words = &self.words;
        let word = match job.status() {
            Status::Queued => &words.queued,
            Status::Running => &words.running,
            Status::Succeeded => &words.succeeded,
            Status::Failed => &words.failed,
            Status::Canceled => &words.canceled,
        };
        let mut shown = Map::new();
        shown.insert(words.status.clone(), word.as_str().into());
        if let Some(name) = &words.percent {
            shown.insert(name.clone(), job.progress.percent.into());
        }
        if job.output().is_some() {
            let link = format!("{base}{}", self.result.of(job.seq));
            shown.insert(words.result.clone(), link.into());
        }
        if let (Some(name), Some(message)) = (&words.error, failure(job)) {
            shown.insert(name.clone(), message.into());
        }
        Value::Object(shown)
    }
}

fn failure(job: &Job) -> Option<&str> {
    match &job.state {
        State::Ended {
            outcome: Outcome::Failed(failure),
            ..
        } => Some(&failure.message),
        _ => None,
    }
}

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Under whose addresses.
    pub(crate) of: Arc<Published>,
    /// For what.
    pub(crate) what: Action,
}

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// A new job.
    Submit,
    /// How a job is doing.
    Status(Seq),
    /// A job's result.
    Result(Seq),
}

/// Everything that an operator has published. No address in it means two things.
#[derive(Debug, Clone, Default)]
pub(crate) struct Routes(Vec<Arc<Published>>);

impl Routes {
    pub(crate) fn new(routes: &[Route]) -> Self {
        let all = routes.iter().map(|route| Arc::new(Published::new(route)));
        Self(all.collect())
    }

    /// Each of them, in the order of the configuration.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Published>> {
        self.0.iter()
    }

    /// The call at an address; none where nothing is.
    ///
    /// # Errors
    /// The methods that the address takes, if this is none of them.
    pub(crate) fn call(
        &self,
        method: &Method,
        path: &str,
    ) -> Option<Result<Endpoint, &'static str>> {
        let (of, what) = self.find(path)?;
        let allowed = match what {
            Action::Submit => SUBMITS,
            Action::Status(_) | Action::Result(_) => LOOKS,
        };
        let of = Arc::clone(of);
        Some(match (what, method) {
            (Action::Submit, &Method::POST)
            | (Action::Status(_) | Action::Result(_), &Method::GET | &Method::HEAD) => {
                Ok(Endpoint { of, what })
            }
            _ => Err(allowed),
        })
    }

    /// Whether it is the address of a result.
    pub(crate) fn is_result(&self, path: &str) -> bool {
        matches!(self.find(path), Some((_, Action::Result(_))))
    }

    fn find(&self, path: &str) -> Option<(&Arc<Published>, Action)> {
        let path = path.strip_suffix('/').unwrap_or(path);
        self.0.iter().find_map(|of| {
            let what = if of.submit.is(path) {
                Action::Submit
            } else if let Some(seq) = of.status.job(path) {
                Action::Status(seq)
            } else {
                Action::Result(of.result.job(path)?)
            };
            Some((of, what))
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
            assert_eq!(template(text).job(path), expected.map(Seq), "{text} {path}");
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
        assert_eq!(template("/x-{id}.y/").of(Seq(12)), "/x-12.y");
    }

    #[test]
    fn templates_overlap_when_one_path_matches_both() {
        let check = |one: &str, other: &str, expected: bool| {
            let (a, b) = (template(one), template(other));
            assert_eq!(
                (a.meets(&b), b.meets(&a)),
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
                .call(&method, path)
                .map(|call| call.map(|call| call.what));
            assert_eq!(found, expected, "{method} {path}");
        };
        check(Method::POST, "/start/", Some(Ok(Action::Submit)));
        check(Method::GET, "/start", Some(Err(SUBMITS)));
        check(Method::HEAD, "/state/5", Some(Ok(Action::Status(Seq(5)))));
        check(Method::POST, "/state/5", Some(Err(LOOKS)));
        check(Method::GET, "/5.zip", Some(Ok(Action::Result(Seq(5)))));
        check(Method::DELETE, "/5.zip", Some(Err(LOOKS)));
        check(Method::GET, "/state/x", None);
        check(Method::GET, "/state", None);
        assert!(routes.is_result("/5.zip") && !routes.is_result("/state/5"));
    }
}
