//! Who may ask, as far as a request says so itself: Host, proxies, browsers. Pure: facts in, verdict out.
//!
//! A server without tokens trusts whoever reaches it on loopback, and a browser there runs strangers' pages: so the
//! Host must be one of ours (or the page's own name was pointed at us), and a page of another origin is refused. With
//! tokens a page has none to show, but a session's cookie is sent along: so the latter holds there as well.

use http::header::{
    ACCESS_CONTROL_REQUEST_METHOD, CONNECTION, HeaderMap, HeaderName, HeaderValue,
    TRANSFER_ENCODING,
};
use http::{Method, StatusCode};

use crate::http::auth::guard::fetch_metadata::Site;
use crate::http::auth::guard::rules::{Check, Guard, RequestFacts};
use crate::http::auth::guard::{fetch_metadata, host};
use crate::http::response::problem::Problem;

/// A request that may be answered, as far as the guard is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) struct Admission<'a> {
    /// The Host that it named.
    pub(in crate::http) host: &'a str,
    /// The origin of the page that asks and is allowed to, though it is not ours.
    pub(in crate::http) origin: Option<&'a str>,
    /// It asks only whether it may ask.
    pub(in crate::http) is_preflight: bool,
    /// The cookie of a session counts.
    pub(in crate::http) is_own_page: bool,
    /// It may start or end something: it is not fetched in advance, and no stranger's page leads here.
    pub(in crate::http) may_act: bool,
}

impl Guard {
    /// Lets a request pass.
    ///
    /// # Errors
    /// 400, 403 or 421.
    pub(in crate::http) fn check<'a>(
        &self,
        facts: &RequestFacts<'a>,
    ) -> Result<Admission<'a>, Problem> {
        let request = facts.request;
        check_transfer_coding(&request.headers)?;
        let host = host::single(request)?;
        let name = host::name(host)?;
        let headers = &request.headers;
        if !facts.has_tokens {
            if self.looks_at(Check::Host) && !host::is_ours(name, facts.local, &self.names) {
                return Err(host::wrong(host));
            }
            if self.looks_at(Check::Proxy) && is_through_proxy(headers) {
                return Err(behind_a_proxy());
            }
        }
        let site = if self.looks_at(Check::Site) {
            fetch_metadata::site(self, facts, host)?
        } else {
            Site::Own
        };
        let origin = match site {
            Site::Allowed(origin) => Some(origin),
            Site::Own | Site::Led => None,
        };
        let is_prefetch = self.looks_at(Check::Prefetch) && fetch_metadata::is_prefetch(headers);
        if is_prefetch && !matches!(request.method, Method::GET | Method::HEAD) {
            let detail = "What a browser fetches in advance starts and ends nothing.";
            return Err(Problem::new(StatusCode::FORBIDDEN, "prefetch", detail));
        }
        Ok(Admission {
            host,
            origin,
            is_preflight: request.method == Method::OPTIONS
                && origin.is_some()
                && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD),
            is_own_page: fetch_metadata::is_own_page(headers),
            may_act: !is_prefetch && site != Site::Led,
        })
    }
}

/// Refuses a body in another transfer coding than `chunked` alone, the only one that is taken off (RFC 9112, section 6.1).
/// The connection ends: what follows such a body is not known to be a request.
pub(in crate::http) fn check_transfer_coding(headers: &HeaderMap) -> Result<(), Problem> {
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
    let detail = "A body can be sent with Transfer-Encoding chunked, and with no other coding.";
    let problem = Problem::new(
        StatusCode::NOT_IMPLEMENTED,
        "unsupported_transfer_coding",
        detail,
    );
    Err(problem.with(CONNECTION, HeaderValue::from_static("close")))
}

/// Whether a request says that it came through a proxy.
pub(in crate::http) fn is_through_proxy(headers: &HeaderMap) -> bool {
    headers.keys().map(HeaderName::as_str).any(|name| {
        name.starts_with("x-forwarded-") || matches!(name, "forwarded" | "x-real-ip" | "via")
    })
}

/// The refusal of a request without a token that came through a proxy; the token of the run is for local programs.
pub(in crate::http) fn behind_a_proxy() -> Problem {
    let detail = "The request came through a proxy, so it needs a token of its own: make one with `cloakroom token add`.";
    Problem::new(StatusCode::FORBIDDEN, "token_required_behind_proxy", detail)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
