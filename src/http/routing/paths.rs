//! Paths with special rules before a route is found: without a token, for health checks, and for links on other pages.

use http::{Method, Uri};

use crate::http::dialects::deltaxml::wire as deltaxml;

/// Whether a path needs no token: the dashboard, health checks, and monitor links.
pub(crate) fn is_open(path: &str) -> bool {
    let plain = path.strip_suffix('/').unwrap_or(path);
    matches!(plain, "" | "*" | "/healthz" | "/readyz")
        || path.starts_with("/monitor/")
        || path.starts_with("/v1.0/monitor/")
}

/// Whether a request reads the metrics.
pub(crate) fn is_metrics(method: &Method, path: &str) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
        && path.strip_suffix('/').unwrap_or(path) == "/metrics"
}

/// Whether a request is a health check. Some load balancers send OPTIONS to `/` or `*`.
pub(crate) fn is_health_check(method: &Method, target: &Uri) -> bool {
    let path = target.path();
    let plain = path.strip_suffix('/').unwrap_or(path);
    matches!(plain, "/healthz" | "/readyz")
        || (method == Method::OPTIONS && matches!(path, "/" | "*"))
}

/// Whether links on pages of other origins may lead to a path: to the dashboard and to downloads.
pub(crate) fn is_page(path: &str) -> bool {
    path == "/" || path.starts_with("/v1/downloads/") || deltaxml::is_download(path)
}

#[cfg(test)]
mod tests {
    use super::*;

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
