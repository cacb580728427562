//! Whose page a browser asks for. Fetch metadata, which every current browser sends; Origin, which old ones do.

use http::header::{HeaderMap, HeaderName, ORIGIN};
use http::request::Parts;
use http::{Method, StatusCode};

use crate::config::Origin;
use crate::http::auth::guard::rules::{Guard, RequestFacts};
use crate::http::response::problem::Problem;
use crate::http::routing::route;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const SEC_PURPOSE: HeaderName = HeaderName::from_static("sec-purpose");

/// Who lets a browser ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Site<'a> {
    /// Its user, or a page of ours; or it is no browser.
    Own,
    /// A page of this origin, which is allowed.
    Allowed(&'a str),
    /// Another page, which leads its user here.
    Led,
}

/// Finds out who lets a browser ask.
///
/// # Errors
/// 403.
pub(in crate::http) fn site<'a>(
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
    if leads_to_a_page(guard, facts.request) {
        return Ok(Site::Led);
    }
    Err(refusal())
}

/// Whether the browser itself says that its user or a page of ours asks.
pub(in crate::http) fn is_own_page(headers: &HeaderMap) -> bool {
    matches!(only(headers, &SEC_FETCH_SITE), Some("same-origin" | "none"))
}

/// Whether a browser fetches this in advance, which its user may never look at.
pub(in crate::http) fn is_prefetch(headers: &HeaderMap) -> bool {
    let purposes = headers.get_all(SEC_PURPOSE).iter();
    purposes
        .filter_map(|purpose| purpose.to_str().ok())
        .any(|purpose| purpose.contains("prefetch"))
}

/// The refusal of another page.
pub(in crate::http) fn refusal() -> Problem {
    let detail = "A page of another origin may not use this server. Start it with --allow-origin to let that one.";
    Problem::new(StatusCode::FORBIDDEN, "cross_site", detail)
}

/// The one header of this name; `?` if there are several or it is no text, which is nobody's.
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
    // Any page can have no origin: only a token tells a good one.
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

/// Whether the browser's window goes to the dashboard or to a download, which a link anywhere may lead to.
fn leads_to_a_page(guard: &Guard, request: &Parts) -> bool {
    let path = request.uri.path();
    let headers = &request.headers;
    let into_a_window = matches!(only(headers, &SEC_FETCH_DEST), None | Some("document"));
    request.method == Method::GET
        && only(headers, &SEC_FETCH_MODE) == Some("navigate")
        && into_a_window
        && (route::is_page(path) || guard.routes.is_result(path))
}
