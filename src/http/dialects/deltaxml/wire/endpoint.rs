//! Maps methods and paths of the DeltaXML dialects to actions.

use http::Method;

use crate::http::dialects::deltaxml::wire::compare;
use crate::job::JobId;

/// A DeltaXML product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Product {
    /// XML Data Compare.
    Compare,
    /// XML Merge.
    Merge,
}

impl Product {
    const ALL: [Self; 2] = [Self::Compare, Self::Merge];

    /// The prefix of its paths.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Compare => "/api/xml-data-compare/v1",
            Self::Merge => "/api/xmlmerge/v1",
        }
    }

    /// The product that a path belongs to, which decides the format of errors.
    pub(crate) fn of(path: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|product| {
            let rest = path.strip_prefix(product.prefix());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// The product's name for a param or a job option.
    pub(crate) fn field_name(self, param: &str) -> &str {
        match (self, param) {
            (Self::Compare, _) => {
                let mut inputs = compare::INPUTS.into_iter();
                let input = inputs.find(|(_, input_param)| *input_param == param);
                input.map_or(param, |(input, _)| input)
            }
            (Self::Merge, "versions") => "Versions",
            (Self::Merge, "callback") => "Callback",
            (Self::Merge, "output") => "Output",
            (Self::Merge, _) => param,
        }
    }

    /// The path of a job.
    pub(crate) fn job_path(self, id: JobId) -> String {
        format!("{}/jobs/{}", self.prefix(), id.to_uuid())
    }

    /// The path of a job's result.
    pub(crate) fn download_path(self, id: JobId) -> String {
        format!("{}/downloads/{}", self.prefix(), id.to_uuid())
    }
}

/// The work that a request submits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Compares two documents.
    Compare,
    /// Merges versions that all derive from the first.
    Concurrent,
    /// Merges two versions that derive from a third.
    ThreeWay,
    /// Merges versions that each derive from the previous one.
    Sequential,
}

impl Operation {
    /// The merge types.
    pub(crate) const MERGES: [Self; 3] = [Self::ThreeWay, Self::Concurrent, Self::Sequential];

    /// The name of the operation in the native API.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Compare => "compare",
            Self::Concurrent | Self::ThreeWay | Self::Sequential => "merge",
        }
    }

    /// The last segment of its path, which is also the `mode` of a merge.
    pub(crate) fn mode(self) -> &'static str {
        match self {
            Self::Compare => "compare",
            Self::Concurrent => "concurrent",
            Self::ThreeWay => "threeway",
            Self::Sequential => "sequential",
        }
    }

    /// The root element of its requests in XML.
    pub(crate) fn root(self) -> &'static str {
        match self {
            Self::Compare => "compare",
            Self::Concurrent => "ConcurrentMerge",
            Self::ThreeWay => "ThreeWayMerge",
            Self::Sequential => "SequentialMerge",
        }
    }
}

/// The product and the action of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) product: Product,
    pub(crate) action: Action,
}

/// The action of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Submits work.
    Submit(Operation),
    /// Lists the merge types.
    Types,
    /// Shows a job.
    Job(JobId),
    /// Deletes a job.
    Delete(JobId),
    /// Downloads a result.
    Download(JobId),
}

/// Whether a path is the path of a result, if it exists.
pub(crate) fn is_download(path: &str) -> bool {
    let rest = Product::of(path).and_then(|product| path.strip_prefix(product.prefix()));
    rest.is_some_and(|rest| rest.starts_with("/downloads/"))
}

/// The reason why a path has no action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RouteError {
    /// The path does not exist.
    NotFound,
    /// The path supports only these methods.
    Method(&'static str),
}

/// The endpoint of a method and path; `None` if the path belongs to neither product.
pub(crate) fn endpoint_at(method: &Method, path: &str) -> Option<Result<Endpoint, RouteError>> {
    let product = Product::of(path)?;
    let rest = path.strip_prefix(product.prefix())?;
    let segments: Vec<_> = rest.split('/').skip(1).take(3).collect();
    Some(action(method, product, &segments).map(|action| Endpoint { product, action }))
}

fn action(method: &Method, product: Product, segments: &[&str]) -> Result<Action, RouteError> {
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
        (Product::Compare, ["compare"]) => submit(method, Operation::Compare),
        (Product::Merge, ["types", kind]) => {
            let mut merges = Operation::MERGES.into_iter();
            let found = merges.find(|merge| merge.mode() == *kind);
            submit(method, found.ok_or(RouteError::NotFound)?)
        }
        _ => Err(RouteError::NotFound),
    }
}

fn submit(method: &Method, operation: Operation) -> Result<Action, RouteError> {
    match *method {
        Method::POST => Ok(Action::Submit(operation)),
        _ => Err(RouteError::Method("POST, OPTIONS")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_and_paths_map_to_actions() {
        const ID: &str = "0192f5b2-0000-0000-0000-00000000000a";
        let id = JobId::from_uuid(ID).expect("an id");
        let check = |method: Method, path: &str, expected: Option<Result<Action, RouteError>>| {
            let found =
                endpoint_at(&method, path).map(|found| found.map(|endpoint| endpoint.action));
            assert_eq!(found, expected, "{method} {path}");
        };
        let ok = |action| Some(Ok(action));
        let not_found = Some(Err(RouteError::NotFound));
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
                check(Method::GET, &at(prefix, rest), not_found);
            }
            check(Method::GET, &at(prefix, "x"), None);
        }
        let submit = |operation| ok(Action::Submit(operation));
        check(
            Method::POST,
            &at(compare, "/compare"),
            submit(Operation::Compare),
        );
        check(Method::POST, &at(merge, "/compare"), not_found);
        check(Method::GET, &at(merge, "/types"), ok(Action::Types));
        check(Method::GET, &at(compare, "/types"), not_found);
        let concurrent = at(merge, "/types/concurrent");
        check(Method::POST, &concurrent, submit(Operation::Concurrent));
        check(
            Method::GET,
            &concurrent,
            Some(Err(RouteError::Method("POST, OPTIONS"))),
        );
    }
}
