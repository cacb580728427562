//! Which address means what. Pure: a method and a path become a [`Route`].

use http::{Method, Uri};

use crate::config::{Dialect, Dialects};
use crate::http::dialects::custom::wire as custom;
use crate::http::dialects::deltaxml::wire as deltaxml;
use crate::http::dialects::driveonweb::wire as driveonweb;
use crate::http::dialects::onedrive::wire as onedrive;

use crate::job::JobId;

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http) enum Route {
    /// The page for people.
    Dashboard,
    /// Whether the process lives.
    Health,
    /// Whether new jobs are taken on.
    Ready,
    /// The description of the API.
    OpenApi,
    /// What is counted.
    Metrics,
    /// Every operation.
    Operations,
    /// One operation.
    Operation(String),
    /// A new job of this operation.
    Submit(String),
    /// A job.
    Job(JobId),
    /// All jobs.
    Jobs,
    /// The changes of all jobs.
    Events,
    /// The changes of a job.
    JobEvents(JobId),
    /// What a job's work wrote.
    Log(JobId),
    /// A job is to be done once more.
    Retry(JobId),
    /// A job is to be forgotten.
    Delete(JobId),
    /// A job is to stop.
    Cancel(JobId),
    /// Its result.
    Download(JobId),
    /// What driveonweb's clients ask for.
    Driveonweb(driveonweb::Endpoint),
    /// What OneDrive's clients ask for.
    Onedrive(onedrive::Endpoint),
    /// What DeltaXML's clients ask for.
    Deltaxml(deltaxml::Endpoint),
    /// What is asked for at an address of the operator's own.
    Custom(custom::Endpoint),
    /// The job that this token names.
    Monitor(String),
    /// The changes of the job that this token names.
    MonitorEvents(String),
    /// The result of the job that this token names.
    MonitorResult(String),
    /// A session for whoever shows a token.
    Session,
}

/// Why there is no route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http) enum RouteError {
    /// Nothing is there.
    NotFound,
    /// A job would be there, but none has such an identifier.
    NoJob,
    /// Something is there, but not for this method; these are allowed.
    Method(&'static str),
    /// OPTIONS: these methods are allowed.
    Options(&'static str),
}

/// Finds the route, among the native ones and those of the dialects that are served. One trailing slash is ignored.
///
/// # Errors
/// [`RouteError`].
pub(in crate::http) fn route(
    method: &Method,
    path: &str,
    dialects: &Dialects,
) -> Result<Route, RouteError> {
    if path == "*" && method == Method::OPTIONS {
        return Err(RouteError::Options("GET, HEAD, POST, DELETE, OPTIONS"));
    }
    match native(method, path) {
        Err(RouteError::NotFound) => foreign(method, path, dialects),
        found => found,
    }
}

/// What is at an address of the operator's own, where something was `missed` at all others.
///
/// # Errors
/// [`RouteError`].
pub(in crate::http) fn custom(
    missed: RouteError,
    method: &Method,
    path: &str,
    routes: &custom::Routes,
) -> Result<Route, RouteError> {
    let call = match missed {
        RouteError::NotFound => routes.call(method, path),
        RouteError::NoJob | RouteError::Method(_) | RouteError::Options(_) => None,
    };
    let call = call.ok_or(missed)?;
    call.map(Route::Custom)
        .map_err(|allowed| refused(method, allowed))
}

fn foreign(method: &Method, path: &str, dialects: &Dialects) -> Result<Route, RouteError> {
    let missed = |allowed| refused(method, allowed);
    let whole = path.strip_suffix('/').unwrap_or(path);
    if deltaxml_product(whole, dialects).is_some()
        && let Some(call) = deltaxml::call(method, whole)
    {
        return call.map(Route::Deltaxml).map_err(|miss| match miss {
            deltaxml::RouteError::NotFound => RouteError::NotFound,
            deltaxml::RouteError::Method(allowed) => missed(allowed),
        });
    }
    let path = path.strip_prefix('/').ok_or(RouteError::NotFound)?;
    let path = path.strip_suffix('/').unwrap_or(path);
    if let (true, Some(rest)) = (
        dialects.has(Dialect::Driveonweb),
        path.strip_prefix("rest/"),
    ) {
        let segments: Vec<_> = rest.splitn(4, '/').collect();
        if let Some(call) = driveonweb::call(method, &segments) {
            return call.map(Route::Driveonweb).map_err(missed);
        }
    }
    if dialects.has(Dialect::Onedrive)
        && let Some(call) = onedrive::call(method, path)
    {
        return call.map(Route::Onedrive).map_err(missed);
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
            _ => Err(refused(method, "GET, HEAD, POST, OPTIONS")),
        },
        [Some("v1"), Some("jobs"), Some(job), None] => match *method {
            Method::GET | Method::HEAD => Ok(Route::Job(id(job)?)),
            Method::DELETE => Ok(Route::Delete(id(job)?)),
            _ => Err(refused(method, "GET, HEAD, DELETE, OPTIONS")),
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
            _ => Err(refused(method, "POST, OPTIONS")),
        },
        [Some("v1"), Some("jobs"), Some(job), Some("cancel")] => match *method {
            Method::POST => Ok(Route::Cancel(id(job)?)),
            _ => Err(refused(method, "POST, OPTIONS")),
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
            _ => Err(refused(method, "POST, OPTIONS")),
        },
        _ => Err(RouteError::NotFound),
    }
}

/// The one of DeltaXML's products that an address belongs to, if it is served.
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

/// Whether an address wants no token: the dashboard's page, health, and what a monitor link leads to.
pub(in crate::http) fn is_open(path: &str) -> bool {
    let plain = path.strip_suffix('/').unwrap_or(path);
    matches!(plain, "" | "*" | "/healthz" | "/readyz")
        || path.starts_with("/monitor/")
        || path.starts_with("/v1.0/monitor/")
}

/// Whether a request asks only for the server's health. Some load balancers ask with OPTIONS for nothing in particular.
pub(in crate::http) fn is_health_check(method: &Method, target: &Uri) -> bool {
    let path = target.path();
    let plain = path.strip_suffix('/').unwrap_or(path);
    matches!(plain, "/healthz" | "/readyz")
        || (method == Method::OPTIONS && matches!(path, "/" | "*"))
}

/// Whether a link on any page may lead to an address: to the dashboard and to downloads.
pub(in crate::http) fn is_page(path: &str) -> bool {
    path == "/" || path.starts_with("/v1/downloads/") || deltaxml::is_download(path)
}

/// `found` is asked for these methods only: a wrong one is 405 whatever the rest of the path is.
fn get(
    method: &Method,
    found: impl FnOnce() -> Result<Route, RouteError>,
) -> Result<Route, RouteError> {
    match *method {
        Method::GET | Method::HEAD => found(),
        _ => Err(refused(method, "GET, HEAD, OPTIONS")),
    }
}

fn refused(method: &Method, allowed: &'static str) -> RouteError {
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
    fn an_address_means_one_thing() {
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
    fn few_addresses_want_no_token() {
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
