//! Maps a method and a path to a [`Route`], as a pure function.

use http::{Method, Uri};

use crate::config::{Dialect, Dialects};
use crate::http::dialects::custom::wire as custom;
use crate::http::dialects::deltaxml::wire as deltaxml;
use crate::http::dialects::driveonweb::wire as driveonweb;
use crate::http::dialects::onedrive::wire as onedrive;

use crate::job::JobId;

/// The route of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http) enum Route {
    /// The dashboard.
    Dashboard,
    /// The liveness check.
    Health,
    /// The readiness check.
    Ready,
    /// The OpenAPI document.
    OpenApi,
    /// The metrics.
    Metrics,
    /// The list of operations.
    Operations,
    /// One operation.
    Operation(String),
    /// A submission of this operation.
    Submit(String),
    /// A job.
    Job(JobId),
    /// The list of jobs.
    Jobs,
    /// The event stream of all jobs.
    Events,
    /// The event stream of a job.
    JobEvents(JobId),
    /// The log of a job.
    Log(JobId),
    /// Submits a finished job again.
    Retry(JobId),
    /// Deletes a job.
    Delete(JobId),
    /// Cancels a job.
    Cancel(JobId),
    /// The result of a job.
    Download(JobId),
    /// A request of a driveonweb client.
    Driveonweb(driveonweb::Endpoint),
    /// A request of a OneDrive client.
    Onedrive(onedrive::Endpoint),
    /// A request of a DeltaXML client.
    Deltaxml(deltaxml::Endpoint),
    /// A request to a custom route.
    Custom(custom::Endpoint),
    /// The job with this monitor token.
    Monitor(String),
    /// The event stream of the job with this monitor token.
    MonitorEvents(String),
    /// The result of the job with this monitor token.
    MonitorResult(String),
    /// Exchanges a token for a session.
    Session,
}

/// The reason why a request has no route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http) enum RouteError {
    /// The path does not exist.
    NotFound,
    /// The path is that of a job, but its id is malformed.
    NoJob,
    /// The path does not support this method; it supports these.
    Method(&'static str),
    /// The method is OPTIONS; the path supports these methods.
    Options(&'static str),
}

/// Finds the route among the native routes and those of the given dialects. One trailing slash is ignored.
///
/// # Errors
/// [`RouteError`] if the path does not exist or does not support the method.
pub(in crate::http) fn route(
    method: &Method,
    path: &str,
    dialects: &Dialects,
) -> Result<Route, RouteError> {
    if path == "*" && method == Method::OPTIONS {
        return Err(RouteError::Options("GET, HEAD, POST, DELETE, OPTIONS"));
    }
    match native(method, path) {
        Err(RouteError::NotFound) => dialect(method, path, dialects),
        found => found,
    }
}

/// Finds the custom route after `error` was the result for all other routes.
///
/// # Errors
/// `error` unless a custom route has the path; [`RouteError`] if that route does not support the method.
pub(in crate::http) fn custom(
    error: RouteError,
    method: &Method,
    path: &str,
    routes: &custom::Routes,
) -> Result<Route, RouteError> {
    let endpoint = match error {
        RouteError::NotFound => routes.endpoint_at(method, path),
        RouteError::NoJob | RouteError::Method(_) | RouteError::Options(_) => None,
    };
    let endpoint = endpoint.ok_or(error)?;
    endpoint
        .map(Route::Custom)
        .map_err(|allowed| method_error(method, allowed))
}

fn dialect(method: &Method, path: &str, dialects: &Dialects) -> Result<Route, RouteError> {
    let wrong_method = |allowed| method_error(method, allowed);
    let whole = path.strip_suffix('/').unwrap_or(path);
    if deltaxml_product(whole, dialects).is_some()
        && let Some(endpoint) = deltaxml::endpoint_at(method, whole)
    {
        return endpoint.map(Route::Deltaxml).map_err(|error| match error {
            deltaxml::RouteError::NotFound => RouteError::NotFound,
            deltaxml::RouteError::Method(allowed) => wrong_method(allowed),
        });
    }
    let path = path.strip_prefix('/').ok_or(RouteError::NotFound)?;
    let path = path.strip_suffix('/').unwrap_or(path);
    if let (true, Some(rest)) = (
        dialects.has(Dialect::Driveonweb),
        path.strip_prefix("rest/"),
    ) {
        let segments: Vec<_> = rest.splitn(4, '/').collect();
        if let Some(endpoint) = driveonweb::endpoint_at(method, &segments) {
            return endpoint.map(Route::Driveonweb).map_err(wrong_method);
        }
    }
    if dialects.has(Dialect::Onedrive)
        && let Some(endpoint) = onedrive::endpoint_at(method, path)
    {
        return endpoint.map(Route::Onedrive).map_err(wrong_method);
    }
    Err(RouteError::NotFound)
}

fn native(method: &Method, path: &str) -> Result<Route, RouteError> {
    if path == "/" {
        return get(method, || Ok(Route::Dashboard));
    }
    let path = path.strip_prefix('/').ok_or(RouteError::NotFound)?;
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut segments = path.split('/');
    let parts = [
        segments.next(),
        segments.next(),
        segments.next(),
        segments.next(),
    ];
    if segments.next().is_some() {
        return Err(RouteError::NotFound);
    }
    let id = |text: &str| text.parse::<JobId>().map_err(|_| RouteError::NoJob);
    match parts {
        [Some("healthz"), None, ..] => get(method, || Ok(Route::Health)),
        [Some("readyz"), None, ..] => get(method, || Ok(Route::Ready)),
        [Some("metrics"), None, ..] => get(method, || Ok(Route::Metrics)),
        [Some("openapi.json"), None, ..] => get(method, || Ok(Route::OpenApi)),
        [Some("v1"), Some("operations"), None, _] => get(method, || Ok(Route::Operations)),
        [Some("v1"), Some("operations"), Some(name), None] => match *method {
            Method::GET | Method::HEAD => Ok(Route::Operation(name.to_owned())),
            Method::POST => Ok(Route::Submit(name.to_owned())),
            _ => Err(method_error(method, "GET, HEAD, POST, OPTIONS")),
        },
        [Some("v1"), Some("jobs"), Some(job), None] => match *method {
            Method::GET | Method::HEAD => Ok(Route::Job(id(job)?)),
            Method::DELETE => Ok(Route::Delete(id(job)?)),
            _ => Err(method_error(method, "GET, HEAD, DELETE, OPTIONS")),
        },
        [Some("v1"), Some("jobs"), None, _] => get(method, || Ok(Route::Jobs)),
        [Some("v1"), Some("events"), None, _] => get(method, || Ok(Route::Events)),
        [Some("v1"), Some("jobs"), Some(job), Some("events")] => {
            get(method, || Ok(Route::JobEvents(id(job)?)))
        }
        [Some("v1"), Some("jobs"), Some(job), Some("log")] => {
            get(method, || Ok(Route::Log(id(job)?)))
        }
        [Some("v1"), Some("jobs"), Some(job), Some("retry")] => match *method {
            Method::POST => Ok(Route::Retry(id(job)?)),
            _ => Err(method_error(method, "POST, OPTIONS")),
        },
        [Some("v1"), Some("jobs"), Some(job), Some("cancel")] => match *method {
            Method::POST => Ok(Route::Cancel(id(job)?)),
            _ => Err(method_error(method, "POST, OPTIONS")),
        },
        [Some("v1"), Some("downloads"), Some(job), None] => {
            get(method, || Ok(Route::Download(id(job)?)))
        }
        [Some("monitor"), Some(token), None, _] => {
            get(method, || Ok(Route::Monitor(token.to_owned())))
        }
        [Some("monitor"), Some(token), Some("events"), None] => {
            get(method, || Ok(Route::MonitorEvents(token.to_owned())))
        }
        [Some("monitor"), Some(token), Some("result"), None] => {
            get(method, || Ok(Route::MonitorResult(token.to_owned())))
        }
        [Some("session"), None, ..] => match *method {
            Method::POST => Ok(Route::Session),
            _ => Err(method_error(method, "POST, OPTIONS")),
        },
        _ => Err(RouteError::NotFound),
    }
}

/// The DeltaXML product that a path belongs to, if it is served.
pub(in crate::http) fn deltaxml_product(
    path: &str,
    dialects: &Dialects,
) -> Option<deltaxml::Product> {
    let product = deltaxml::Product::of(path)?;
    let dialect = match product {
        deltaxml::Product::Compare => Dialect::DataCompare,
        deltaxml::Product::Merge => Dialect::XmlMerge,
    };
    dialects.has(dialect).then_some(product)
}

/// Whether a path needs no token: the dashboard, health checks, and monitor links.
pub(in crate::http) fn is_open(path: &str) -> bool {
    let plain = path.strip_suffix('/').unwrap_or(path);
    matches!(plain, "" | "*" | "/healthz" | "/readyz")
        || path.starts_with("/monitor/")
        || path.starts_with("/v1.0/monitor/")
}

/// Whether a request is a health check. Some load balancers send OPTIONS to `/` or `*`.
pub(in crate::http) fn is_health_check(method: &Method, target: &Uri) -> bool {
    let path = target.path();
    let plain = path.strip_suffix('/').unwrap_or(path);
    matches!(plain, "/healthz" | "/readyz")
        || (method == Method::OPTIONS && matches!(path, "/" | "*"))
}

/// Whether links on pages of other origins may lead to a path: to the dashboard and to downloads.
pub(in crate::http) fn is_page(path: &str) -> bool {
    path == "/" || path.starts_with("/v1/downloads/") || deltaxml::is_download(path)
}

/// The route if the method is GET or HEAD. `found` is called only then, so that other methods are 405 whatever the rest
/// of the path is.
fn get(
    method: &Method,
    found: impl FnOnce() -> Result<Route, RouteError>,
) -> Result<Route, RouteError> {
    match *method {
        Method::GET | Method::HEAD => found(),
        _ => Err(method_error(method, "GET, HEAD, OPTIONS")),
    }
}

fn method_error(method: &Method, allowed: &'static str) -> RouteError {
    if method == Method::OPTIONS {
        RouteError::Options(allowed)
    } else {
        RouteError::Method(allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01JD3QXYZ0000000000000000A";

    #[test]
    fn methods_and_paths_map_to_routes() {
        let id: JobId = ID.parse().expect("an id");
        let job = format!("/v1/jobs/{ID}");
        let check = |method: Method, path: &str, expected: Result<Route, RouteError>| {
            let found = route(&method, path, &Dialects::all());
            assert_eq!(found, expected, "{method} {path}");
        };
        check(Method::GET, "/", Ok(Route::Dashboard));
        check(
            Method::POST,
            "/",
            Err(RouteError::Method("GET, HEAD, OPTIONS")),
        );
        check(Method::GET, "/healthz", Ok(Route::Health));
        check(Method::GET, "/readyz", Ok(Route::Ready));
        check(Method::GET, "/openapi.json", Ok(Route::OpenApi));
        check(Method::GET, "/metrics/", Ok(Route::Metrics));
        check(Method::GET, "/v1/operations", Ok(Route::Operations));
        check(
            Method::GET,
            "/v1/operations/zip",
            Ok(Route::Operation("zip".into())),
        );
        check(
            Method::POST,
            "/v1/operations/zip/",
            Ok(Route::Submit("zip".into())),
        );
        check(Method::HEAD, &job, Ok(Route::Job(id)));
        check(
            Method::GET,
            &format!("/v1/downloads/{}", ID.to_lowercase()),
            Ok(Route::Download(id)),
        );
        check(
            Method::PUT,
            &job,
            Err(RouteError::Method("GET, HEAD, DELETE, OPTIONS")),
        );
        check(
            Method::OPTIONS,
            "/v1/operations/zip",
            Err(RouteError::Options("GET, HEAD, POST, OPTIONS")),
        );
        check(
            Method::POST,
            "/v1/downloads/x",
            Err(RouteError::Method("GET, HEAD, OPTIONS")),
        );
        for nothing in ["", "//", "/v1", "/v1/operations/zip/x", "//healthz", "*"] {
            check(Method::GET, nothing, Err(RouteError::NotFound));
        }
        check(Method::GET, &format!("{job}//"), Err(RouteError::NotFound));
        check(Method::GET, "/v1/jobs/x", Err(RouteError::NoJob));
        check(Method::DELETE, "/v1/jobs//", Err(RouteError::NoJob));
    }

    #[test]
    fn only_public_paths_need_no_token() {
        for open in [
            "/",
            "/healthz",
            "/readyz/",
            "/monitor/x",
            "/monitor/x/events",
            "/v1.0/monitor/x",
        ] {
            assert!(is_open(open), "{open}");
        }
        for closed in [
            "/v1/jobs",
            "/metrics",
            "/openapi.json",
            "/healthz/x",
            "//healthz",
            "/monitor",
            "/session",
            "/x/monitor/x",
            "/v1/../healthz",
        ] {
            assert!(!is_open(closed), "{closed}");
        }
    }
}
