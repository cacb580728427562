//! The table of all APIs. A new dialect needs its folder and a line here.

use crate::config::Dialects;
use crate::http::dialects::{deltaxml, driveonweb, onedrive};
use crate::http::native;
use crate::http::routing::route::{Api, Route};
use crate::http::routing::router::{RouteId, Router};

/// All APIs. Custom routes are not among them: their paths are configured.
pub(crate) static APIS: [&Api; 5] = [
    &native::routes::API,
    &driveonweb::routes::API,
    &onedrive::routes::API,
    &deltaxml::routes::COMPARE,
    &deltaxml::routes::MERGE,
];

/// The route at a position.
pub(crate) fn route(id: RouteId) -> &'static Route {
    &APIS[id.api].routes[id.route]
}

/// The native API and the given dialects.
pub(crate) fn served(dialects: &Dialects) -> impl Iterator<Item = &'static Api> {
    numbered(dialects).map(|(_, api)| api)
}

fn numbered(dialects: &Dialects) -> impl Iterator<Item = (usize, &'static Api)> {
    let all = APIS.iter().copied().enumerate();
    all.filter(|(_, api)| api.dialect.is_none_or(|dialect| dialects.has(dialect)))
}

/// A router for the native API and the given dialects.
pub(crate) fn router(dialects: &Dialects) -> Router {
    let mut router = Router::default();
    for (number, api) in numbered(dialects) {
        for (position, route) in api.routes.iter().enumerate() {
            let id = RouteId {
                api: number,
                route: position,
            };
            router.add(route.verb, route.template, id, api.accepts);
        }
        if let Some(canonical) = api.canonical {
            router.add_alias(canonical);
        }
    }
    router
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::http::routing::router::RouteError;

    /// The methods, template and path parameter of the route that is found.
    fn find<'a>(method: &Method, path: &'a str) -> Result<(&'static str, &'a str), RouteError> {
        let found = router(&Dialects::all()).find(method, path)?;
        Ok((route(found.id).template, found.param))
    }

    #[test]
    fn methods_and_paths_map_to_routes() {
        let check = |method: Method, path: &str, expected: (&str, &str)| {
            assert_eq!(find(&method, path), Ok(expected), "{method} {path}");
        };
        let get = |path: &str, expected| check(Method::GET, path, expected);
        get("/", ("/", ""));
        get("/healthz", ("/healthz", ""));
        get("/metrics/", ("/metrics", ""));
        get("/v1/operations", ("/v1/operations", ""));
        get("/v1/operations/zip", ("/v1/operations/{name}", "zip"));
        get("/v1/jobs/x", ("/v1/jobs/{id}", "x"));
        get("/v1/jobs/x/events", ("/v1/jobs/{id}/events", "x"));
        get("/monitor/x/result", ("/monitor/{token}/result", "x"));
        get("/rest/folders", ("/rest/folders", ""));
        get("/rest/folders/7", ("/rest/folders/{folder}", "7"));
        get("/rest/folders/7/zip", ("/rest/folders/{folder}/zip", "7"));
        get("/rest/jobs/copy/9/", ("/rest/jobs/copy/{job}", "9"));
        get(
            "/rest/files/8/download",
            ("/rest/files/{file}/download", "8"),
        );
        get("/api/xmlmerge/v1/types", ("/api/xmlmerge/v1/types", ""));
        let post = |path: &str, expected| check(Method::POST, path, expected);
        post("/v1/operations/zip/", ("/v1/operations/{name}", "zip"));
        post(
            "/api/xmlmerge/v1/types/concurrent",
            ("/api/xmlmerge/v1/types/concurrent", ""),
        );
        check(Method::HEAD, "/v1/jobs/x", ("/v1/jobs/{id}", "x"));
        check(Method::DELETE, "/v1/jobs//", ("/v1/jobs/{id}", ""));
    }

    #[test]
    fn paths_without_routes_are_not_found() {
        for path in [
            "",
            "//",
            "*",
            "/v1",
            "/v1/operations/zip/x",
            "//healthz",
            "/v1/jobs/x//",
            "/rest/folders/x",
            "/rest/folders/-1",
            "/rest/folders/99999999999999999999",
            "/rest/folders/7/move",
            "/rest/jobs/zip",
            "/rest/jobs/zip/x",
            "/rest/files/8",
            "/api/xmlmerge/v1",
            "/api/xmlmerge/v1/compare",
            "/api/xmlmerge/v1/types/x",
            "/api/xml-data-compare/v1/types",
            "/API/xmlmerge/v1/types",
        ] {
            let found = find(&Method::GET, path);
            assert_eq!(found, Err(RouteError::NotFound), "{path}");
        }
    }

    #[test]
    fn unsupported_methods_get_the_supported_ones() {
        let check = |method: Method, path: &str, expected: RouteError| {
            assert_eq!(find(&method, path), Err(expected), "{method} {path}");
        };
        let read = "GET, HEAD, OPTIONS";
        check(Method::POST, "/", RouteError::Method(read));
        check(Method::POST, "/v1/downloads/x", RouteError::Method(read));
        check(Method::POST, "/rest/folders", RouteError::Method(read));
        check(
            Method::PUT,
            "/v1/jobs/x",
            RouteError::Method("GET, HEAD, DELETE, OPTIONS"),
        );
        check(
            Method::OPTIONS,
            "/v1/operations/zip",
            RouteError::Options("GET, HEAD, POST, OPTIONS"),
        );
        check(
            Method::HEAD,
            "/rest/folders/7/zip",
            RouteError::Method("GET, OPTIONS"),
        );
        check(
            Method::GET,
            "/api/xml-data-compare/v1/compare",
            RouteError::Method("POST, OPTIONS"),
        );
        check(
            Method::OPTIONS,
            "*",
            RouteError::Options("GET, HEAD, POST, DELETE, OPTIONS"),
        );
    }
}
