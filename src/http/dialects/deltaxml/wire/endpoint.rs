//! DeltaXML's XML Data Compare and XML Merge: two products with one way to talk, but for some names.

use http::Method;

use crate::http::dialects::deltaxml::wire::compare;
use crate::job::JobId;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Product {
    /// XML Data Compare.
    Compare,
    /// XML Merge.
    Merge,
}

impl Product {
    const ALL: [Self; 2] = [Self::Compare, Self::Merge];

    /// What its addresses begin with.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Compare => "/api/xml-data-compare/v1",
            Self::Merge => "/api/xmlmerge/v1",
        }
    }

    /// The product that an address belongs to, so that errors there have its shape.
    pub(crate) fn of(path: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|product| {
            let rest = path.strip_prefix(product.prefix());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// What its clients call a param or a wish.
    pub(crate) fn word(self, param: &str) -> &str {
        match (self, param) {
            (Self::Compare, _) => {
                let mut inputs = compare::INPUTS.into_iter();
                let input = inputs.find(|(_, own)| *own == param);
                input.map_or(param, |(input, _)| input)
            }
            (Self::Merge, "versions") => "Versions",
            (Self::Merge, "callback") => "Callback",
            (Self::Merge, "output") => "Output",
            (Self::Merge, _) => param,
        }
    }

    /// Where a job is found.
    pub(crate) fn job_path(self, id: JobId) -> String {
        format!("{}/jobs/{}", self.prefix(), id.to_uuid())
    }

    /// Where its result is found.
    pub(crate) fn download_path(self, id: JobId) -> String {
        format!("{}/downloads/{}", self.prefix(), id.to_uuid())
    }
}

/// What is to be done with documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Two are compared.
    Compare,
    /// Versions that all come from the first are merged.
    Concurrent,
    /// Two that come from a third are merged.
    ThreeWay,
    /// Versions that each come from the one before are merged.
    Sequential,
}

impl Operation {
    /// The ways to merge.
    pub(crate) const MERGES: [Self; 3] = [Self::ThreeWay, Self::Concurrent, Self::Sequential];

    /// The operation that does it.
    pub(crate) fn operation(self) -> &'static str {
        match self {
            Self::Compare => "compare",
            Self::Concurrent | Self::ThreeWay | Self::Sequential => "merge",
        }
    }

    /// The last part of its address; of a merge, the operation's own word for it as well.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Compare => "compare",
            Self::Concurrent => "concurrent",
            Self::ThreeWay => "threeway",
            Self::Sequential => "sequential",
        }
    }

    /// What its requests are called, in XML.
    pub(crate) fn root(self) -> &'static str {
        match self {
            Self::Compare => "compare",
            Self::Concurrent => "ConcurrentMerge",
            Self::ThreeWay => "ThreeWayMerge",
            Self::Sequential => "SequentialMerge",
        }
    }
}

/// What a request asks for, and of which product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) product: Product,
    pub(crate) what: Action,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Work is to begin.
    Begin(Operation),
    /// What ways to merge there are.
    Types,
    /// How a job is doing.
    Job(JobId),
    /// It is to be forgotten.
    Delete(JobId),
    /// Its result.
    Download(JobId),
}

/// Whether a result is at an address, if anything is.
pub(crate) fn is_download(path: &str) -> bool {
    let rest = Product::of(path).and_then(|product| path.strip_prefix(product.prefix()));
    rest.is_some_and(|rest| rest.starts_with("/downloads/"))
}

/// Why there is no call at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RouteError {
    /// Nothing is there.
    NotFound,
    /// It takes these methods only.
    Method(&'static str),
}

/// The call at an address; none where it belongs to neither product.
pub(crate) fn call(method: &Method, path: &str) -> Option<Result<Endpoint, RouteError>> {
    let product = Product::of(path)?;
    let rest = path.strip_prefix(product.prefix())?;
    let segments: Vec<_> = rest.split('/').skip(1).take(3).collect();
    Some(what(method, product, &segments).map(|what| Endpoint { product, what }))
}

pub(in crate::http) fn what(
    method: &Method,
    product: Product,
    segments: &[&str],
) -> Result<Action, RouteError> {
    let id = |text: &str| JobId::from_uuid(text).ok_or(RouteError::NotFound);
    let is_get = matches!(*method, Method::GET | Method::HEAD);
    match (product, segments) {
        (_, ["jobs", job]) => match *method {
            Method::GET | Method::HEAD => Ok(Action::Job(id(job)?)),
            Method::DELETE => Ok(Action::Delete(id(job)?)),
            _ => Err(RouteError::Method("GET, HEAD, DELETE, OPTIONS")),
        },
        (_, ["downloads", job]) if is_get => Ok(Action::Download(id(job)?)),
        (Product::Merge, ["types"]) if is_get => Ok(Action::Types),
        (_, ["downloads", _]) | (Product::Merge, ["types"]) => {
            Err(RouteError::Method("GET, HEAD, OPTIONS"))
        }
        (Product::Compare, ["compare"]) => begin(method, Operation::Compare),
        (Product::Merge, ["types", kind]) => {
            let mut merges = Operation::MERGES.into_iter();
            let found = merges.find(|work| work.word() == *kind);
            begin(method, found.ok_or(RouteError::NotFound)?)
        }
        _ => Err(RouteError::NotFound),
    }
}

pub(in crate::http) fn begin(method: &Method, work: Operation) -> Result<Action, RouteError> {
    match *method {
        Method::POST => Ok(Action::Begin(work)),
        _ => Err(RouteError::Method("POST, OPTIONS")),
    }
}

/// Whether two names mean the same: `input-a` and `inputA`, `Path` and `path`.
pub(in crate::http) fn same(one: &str, other: &str) -> bool {
    let letters = |name: &'_ str| {
        let bytes = name.as_bytes().to_vec().into_iter();
        bytes
            .filter(|byte| *byte != b'-')
            .map(|byte| byte.to_ascii_lowercase())
    };
    letters(one).eq(letters(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_means_one_thing() {
        const ID: &str = "0192f5b2-0000-0000-0000-00000000000a";
        let id = JobId::from_uuid(ID).expect("an id");
        let check = |method: Method, path: &str, expected: Option<Result<Action, RouteError>>| {
            let found = call(&method, path).map(|call| call.map(|call| call.what));
            assert_eq!(found, expected, "{method} {path}");
        };
        let ok = |what| Some(Ok(what));
        let lost = Some(Err(RouteError::NotFound));
        let compare = "/api/xml-data-compare/v1";
        let merge = "/api/xmlmerge/v1";
        let at = |prefix: &str, rest: &str| format!("{prefix}{rest}");
        for prefix in [compare, merge] {
            let job = at(prefix, &format!("/jobs/{ID}"));
            check(Method::GET, &job, ok(Action::Job(id)));
            check(
                Method::GET,
                &job.to_uppercase().replace("/API/", "/api/"),
                None,
            );
            check(Method::DELETE, &job, ok(Action::Delete(id)));
            let allowed = Some(Err(RouteError::Method("GET, HEAD, DELETE, OPTIONS")));
            check(Method::PUT, &job, allowed);
            let download = at(prefix, &format!("/downloads/{ID}"));
            check(Method::HEAD, &download, ok(Action::Download(id)));
            for rest in ["", "/", "/jobs", "/jobs/x", "/jobs//", "/types/x", "/x"] {
                check(Method::GET, &at(prefix, rest), lost);
            }
            check(Method::GET, &at(prefix, "x"), None);
        }
        let begin = |work| ok(Action::Begin(work));
        check(
            Method::POST,
            &at(compare, "/compare"),
            begin(Operation::Compare),
        );
        check(Method::POST, &at(merge, "/compare"), lost);
        check(Method::GET, &at(merge, "/types"), ok(Action::Types));
        check(Method::GET, &at(compare, "/types"), lost);
        let concurrent = at(merge, "/types/concurrent");
        check(Method::POST, &concurrent, begin(Operation::Concurrent));
        check(
            Method::GET,
            &concurrent,
            Some(Err(RouteError::Method("POST, OPTIONS"))),
        );
    }

    #[test]
    fn names_are_the_same_whatever_their_case() {
        assert!(same("input-a", "inputA") && same("Path", "path") && same("", ""));
        assert!(!same("input-a", "input-b") && !same("path", "paths"));
    }
}
