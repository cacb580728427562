//! The site that a browser's request comes from: by Fetch Metadata, or by Origin for older browsers.

use http::header::{HeaderMap, HeaderName, ORIGIN};
use http::request::Parts;
use http::{Method, StatusCode};

use crate::config::Origin;
use crate::http::auth::guard::rules::{Guard, RequestFacts};
use crate::http::response::problem::Problem;
use crate::http::routing::paths;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const SEC_PURPOSE: HeaderName = HeaderName::from_static("sec-purpose");

/// The source of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Site<'a> {
    /// The user of a browser, a page of this server, or a client that is no browser.
    Own,
    /// A page of this allowed origin.
    Allowed(&'a str),
    /// A page of another site, by a navigation that is allowed from everywhere.
    Navigation,
}

/// Finds the source of a request.
///
/// # Errors
/// 403 if it is a page of another origin.
pub(crate) fn site<'a>(
    guard: &Guard,
    facts: &RequestFacts<'a>,
    host: &str,
) -> Result<Site<'a>, Problem> {
    let headers = &facts.request.headers;
    let origin = only(headers, &ORIGIN);
    if let Some(origin) = origin
        && is_allowed(guard, facts, origin)
    {
        return Ok(Site::Allowed(origin));
    }
    let foreign_site =
        only(headers, &SEC_FETCH_SITE).is_some_and(|site| site != "same-origin" && site != "none");
    let foreign_origin = origin.is_some_and(|origin| !is_own(guard, origin, host));
    if !foreign_site && !foreign_origin {
        return Ok(Site::Own);
    }
    if is_allowed_navigation(guard, facts.request) {
        return Ok(Site::Navigation);
    }
    Err(refusal(origin))
}

/// Whether the browser says that its user or a page of this server sent the request.
pub(crate) fn is_own_page(headers: &HeaderMap) -> bool {
    matches!(only(headers, &SEC_FETCH_SITE), Some("same-origin" | "none"))
}

/// Whether a request is a browser's prefetch, whose response the user may never see.
pub(crate) fn is_prefetch(headers: &HeaderMap) -> bool {
    let purposes = headers.get_all(SEC_PURPOSE).iter();
    purposes
        .filter_map(|purpose| purpose.to_str().ok())
        .any(|purpose| purpose.contains("prefetch"))
}

/// The rejection of a page of another origin, which is unknown if the browser does not name it.
fn refusal(origin: Option<&str>) -> Problem {
    let origin = origin.map_or_else(|| "another site".to_owned(), |origin| format!("{origin:?}"));
    let detail = format!(
        "Pages of {origin} may not use this server. Start the server with --allow-origin ORIGIN to allow them."
    );
    Problem::new(StatusCode::FORBIDDEN, "cross_site", detail)
}

/// The value of a header; `?`, which matches nothing, if it is given more than once or is no text.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    match values.next() {
        None => Some(value.to_str().unwrap_or("?")),
        Some(_) => Some("?"),
    }
}

fn is_allowed(guard: &Guard, facts: &RequestFacts<'_>, origin: &str) -> bool {
    let Ok(origin) = origin.parse::<Origin>() else {
        return false;
    };
    // Any page can get the origin `null`, so it is allowed only together with a token.
    guard.origins.contains(&origin) && (facts.has_tokens || !origin.is_null())
}

fn is_own(guard: &Guard, origin: &str, host: &str) -> bool {
    let Ok(origin) = origin.parse::<Origin>() else {
        return false;
    };
    let of_host = |scheme: &str| format!("{scheme}://{host}").parse().as_ref() == Ok(&origin);
    let public = guard.public_url.as_ref();
    public.is_some_and(|url| *url.origin() == origin) || of_host("http") || of_host("https")
}

/// Whether the browser's window navigates to the dashboard or a download, as a link on any page may do.
fn is_allowed_navigation(guard: &Guard, request: &Parts) -> bool {
    let path = request.uri.path();
    let headers = &request.headers;
    let is_document = matches!(only(headers, &SEC_FETCH_DEST), None | Some("document"));
    request.method == Method::GET
        && only(headers, &SEC_FETCH_MODE) == Some("navigate")
        && is_document
        && (paths::is_page(path) || guard.routes.is_result(path))
}
