//! The checks, in order, and the admission that a request gets from them.

use http::header::{
    ACCESS_CONTROL_REQUEST_METHOD, CONNECTION, HeaderMap, HeaderName, HeaderValue,
    TRANSFER_ENCODING,
};
use http::{Method, StatusCode};

use crate::http::auth::guard::fetch_metadata::Site;
use crate::http::auth::guard::rules::{Check, Guard, RequestFacts};
use crate::http::auth::guard::{fetch_metadata, host};
use crate::http::response::problem::Problem;

/// The guard's admission of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Admission<'a> {
    /// The request's Host.
    pub(crate) host: &'a str,
    /// The allowed origin of the page that sent the request, if it is not this server's own page.
    pub(crate) origin: Option<&'a str>,
    /// Whether the request is a CORS preflight.
    pub(crate) is_preflight: bool,
    /// Whether the browser says that its user or this server's own page sent the request, so that a session's cookie is
    /// accepted.
    pub(crate) is_own_page: bool,
    /// Whether the request may have side effects: it is no prefetch, and no page of another site led the user here.
    pub(crate) may_have_side_effects: bool,
}

impl Guard {
    /// Checks a request.
    ///
    /// # Errors
    /// - 400 if the Host is malformed
    /// - 403 if the request comes from a page of another origin, needs a token behind a proxy, or is a prefetch that
    ///   would have side effects
    /// - 421 if the Host is no name of this server
    /// - 501 if the body has an unsupported transfer coding
    pub(crate) fn check<'a>(&self, facts: &RequestFacts<'a>) -> Result<Admission<'a>, Problem> {
        let request = facts.request;
        check_transfer_coding(&request.headers)?;
        let host = host::single(request)?;
        let name = host::name(host)?;
        let headers = &request.headers;
        if !facts.has_tokens {
            if self.has(Check::Host) && !host::is_ours(name, facts.local, &self.names) {
                return Err(host::wrong(host));
            }
            if self.has(Check::Proxy) && is_through_proxy(headers) {
                return Err(behind_a_proxy());
            }
        }
        let site = if self.has(Check::Site) {
            fetch_metadata::site(self, facts, host)?
        } else {
            Site::Own
        };
        let origin = match site {
            Site::Allowed(origin) => Some(origin),
            Site::Own | Site::Navigation => None,
        };
        let is_prefetch = self.has(Check::Prefetch) && fetch_metadata::is_prefetch(headers);
        if is_prefetch && !matches!(request.method, Method::GET | Method::HEAD) {
            let detail = format!(
                "A browser's prefetch may only use GET or HEAD, not {}.",
                request.method
            );
            return Err(Problem::new(StatusCode::FORBIDDEN, "prefetch", detail));
        }
        Ok(Admission {
            host,
            origin,
            is_preflight: request.method == Method::OPTIONS
                && origin.is_some()
                && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD),
            is_own_page: fetch_metadata::is_own_page(headers),
            may_have_side_effects: !is_prefetch && site != Site::Navigation,
        })
    }
}

/// Rejects a body in any transfer coding but `chunked`, the only one that is decoded (RFC 9112, section 6.1). The
/// connection is closed, because the end of such a body is unknown.
pub(crate) fn check_transfer_coding(headers: &HeaderMap) -> Result<(), Problem> {
    let mut lines = headers.get_all(TRANSFER_ENCODING).iter();
    let is_known = match (lines.next(), lines.next()) {
        (None, _) => true,
        (Some(line), None) => line
            .as_bytes()
            .trim_ascii()
            .eq_ignore_ascii_case(b"chunked"),
        _ => false,
    };
    if is_known {
        return Ok(());
    }
    let detail = "The Transfer-Encoding is not supported. Send the body with Content-Length or with Transfer-Encoding: chunked.";
    let problem = Problem::new(
        StatusCode::NOT_IMPLEMENTED,
        "unsupported_transfer_coding",
        detail,
    );
    Err(problem.with(CONNECTION, HeaderValue::from_static("close")))
}

/// Whether a request has a header that proxies add.
pub(crate) fn is_through_proxy(headers: &HeaderMap) -> bool {
    headers.keys().map(HeaderName::as_str).any(|name| {
        name.starts_with("x-forwarded-") || matches!(name, "forwarded" | "x-real-ip" | "via")
    })
}

/// The rejection of a request through a proxy without a token of its own. The run's token is for local programs only.
pub(crate) fn behind_a_proxy() -> Problem {
    let detail = "Requests through a proxy need a token. Create one with `cloakroom token add`.";
    Problem::new(StatusCode::FORBIDDEN, "token_required_behind_proxy", detail)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
