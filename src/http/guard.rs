//! Who may ask, as far as a request says so itself: Host, proxies, browsers.
//!
//! A server without tokens trusts whoever reaches it on loopback, and a browser there runs strangers' pages: so the
//! Host must be one of ours (or the page's own name was pointed at us), and a page of another origin is refused.

use std::net::IpAddr;

use http::header::{HOST, HeaderName, ORIGIN};
use http::request::Parts;
use http::{Method, StatusCode};

use super::problem::Problem;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// The rules of one server.
#[derive(Debug, Clone, Default)]
pub(super) struct Guard {
    /// Names besides `localhost` and the connection's own address.
    pub hosts: Vec<String>,
}

impl Guard {
    /// Lets a request pass, and gives the Host that it named.
    ///
    /// # Errors
    /// 400, 403 or 421.
    pub(super) fn check<'a>(&self, request: &'a Parts, local: IpAddr) -> Result<&'a str, Problem> {
        let host = single_host(request)?;
        if !self.is_ours(host_name(host)?, local) {
            let detail = format!(
                "{host:?} is not a name of this server. Start it with --host to serve that name."
            );
            return Err(Problem::new(
                StatusCode::MISDIRECTED_REQUEST,
                "wrong_host",
                detail,
            ));
        }
        let headers = &request.headers;
        if headers.keys().any(is_from_a_proxy) {
            let detail = "The request came through a proxy, and this server has no tokens: see `cloakroom token add`.";
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "token_required_behind_proxy",
                detail,
            ));
        }
        check_site(request, host)?;
        Ok(host)
    }

    fn is_ours(&self, name: &str, local: IpAddr) -> bool {
        if let Some(literal) = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'))
        {
            return literal.parse() == Ok(local);
        }
        name.eq_ignore_ascii_case("localhost")
            || name.parse() == Ok(local)
            || self
                .hosts
                .iter()
                .any(|host| name.eq_ignore_ascii_case(host))
    }
}

fn is_from_a_proxy(header: &HeaderName) -> bool {
    let name = header.as_str();
    name.starts_with("x-forwarded-") || matches!(name, "forwarded" | "x-real-ip" | "via")
}

/// The one Host of a request; a target in absolute form must name the same.
fn single_host(request: &Parts) -> Result<&str, Problem> {
    let mut hosts = request.headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(Problem::malformed("A request has exactly one Host header."));
    };
    let host = host
        .to_str()
        .map_err(|_| Problem::malformed("The Host header is not ASCII."))?;
    match request.uri.authority() {
        Some(target) if !target.as_str().eq_ignore_ascii_case(host) => Err(Problem::malformed(
            "The request's target and its Host header name different servers.",
        )),
        _ => Ok(host),
    }
}

/// The name or literal in a Host header, without the port.
fn host_name(host: &str) -> Result<&str, Problem> {
    let malformed = || Problem::malformed("The Host header is not a host with an optional port.");
    let end = if host.starts_with('[') {
        host.find(']').ok_or_else(malformed)? + 1
    } else {
        host.find(':').unwrap_or(host.len())
    };
    let (name, rest) = host.split_at(end);
    let port = rest.is_empty()
        || rest
            .strip_prefix(':')
            .is_some_and(|port| port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit()));
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._[:]".contains(&b);
    if name.is_empty() || !port || !name.bytes().all(plain) {
        Err(malformed())
    } else {
        Ok(name)
    }
}

/// Fetch metadata first, which every current browser sends; Origin for those that do not.
fn check_site(request: &Parts, host: &str) -> Result<(), Problem> {
    let headers = &request.headers;
    let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let foreign_site =
        matches!(text(&SEC_FETCH_SITE), Some(site) if site != "same-origin" && site != "none");
    let foreign_origin = matches!(text(&ORIGIN), Some(origin) if !is_origin_of(origin, host));
    if !foreign_site && !foreign_origin {
        return Ok(());
    }
    let path = request.uri.path();
    let navigates = request.method == Method::GET && text(&SEC_FETCH_MODE) == Some("navigate");
    if navigates && !foreign_origin && (path == "/" || path.starts_with("/v1/downloads/")) {
        return Ok(());
    }
    let detail = "A page of another origin may not use this server. Start it with --allow-origin to let that one.";
    Err(Problem::new(StatusCode::FORBIDDEN, "cross_site", detail))
}

fn is_origin_of(origin: &str, host: &str) -> bool {
    let plain = |text: &str, default_port: &str| {
        text.strip_suffix(default_port)
            .unwrap_or(text)
            .to_ascii_lowercase()
    };
    match origin.split_once("://") {
        Some(("http", authority)) => plain(authority, ":80") == plain(host, ":80"),
        Some(("https", authority)) => plain(authority, ":443") == plain(host, ":443"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn verdict(request: http::request::Builder) -> Result<(), StatusCode> {
        let guard = Guard {
            hosts: vec!["cloak.example".into()],
        };
        let request = request.body(()).expect("a request");
        guard
            .check(&request.into_parts().0, LOCAL)
            .map(drop)
            .map_err(|problem| problem.response("/").status())
    }

    #[test]
    fn only_our_own_names_are_served() {
        let check = |host: &str, expected| {
            assert_eq!(
                verdict(Request::get("/").header(HOST, host)),
                expected,
                "{host}"
            );
        };
        for ours in [
            "localhost",
            "LOCALHOST:1",
            "127.0.0.1",
            "127.0.0.1:7070",
            "cloak.example:99",
            "Cloak.Example",
        ] {
            check(ours, Ok(()));
        }
        let others = [
            "evil.test",
            "localhost.evil",
            "LOCALHOST.",
            "127.0.0.2",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "127.0.0.1.",
            "cloak.example.evil.test",
        ];
        for other in others {
            check(other, Err(StatusCode::MISDIRECTED_REQUEST));
        }
        for malformed in [
            "",
            ":80",
            "localhost:",
            "localhost:x",
            "a b",
            "localhost/",
            "[::1",
            "user@localhost",
            "localhost:123456",
        ] {
            // "localhost:" has an empty port, which RFC 3986 allows.
            let expected = if malformed == "localhost:" {
                Ok(())
            } else {
                Err(StatusCode::BAD_REQUEST)
            };
            check(malformed, expected);
        }
        assert_eq!(verdict(Request::get("/")), Err(StatusCode::BAD_REQUEST));
        let two = Request::get("/")
            .header(HOST, "localhost")
            .header(HOST, "localhost");
        assert_eq!(verdict(two), Err(StatusCode::BAD_REQUEST));
        let absolute = |target: &str| verdict(Request::get(target).header(HOST, "localhost:1"));
        assert_eq!(absolute("http://localhost:1/"), Ok(()));
        assert_eq!(absolute("http://evil.test/"), Err(StatusCode::BAD_REQUEST));
    }

    #[test]
    fn pages_of_other_origins_are_refused() {
        let check = |path: &str, headers: &[(&str, &str)], expected| {
            let mut request = Request::get(path).header(HOST, "localhost:7070");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            assert_eq!(verdict(request), expected, "{path} {headers:?}");
        };
        let no = Err(StatusCode::FORBIDDEN);
        check(
            "/v1/operations",
            &[("sec-fetch-site", "same-origin")],
            Ok(()),
        );
        check("/v1/operations", &[("sec-fetch-site", "none")], Ok(()));
        check("/v1/operations", &[("sec-fetch-site", "cross-site")], no);
        check("/v1/operations", &[("sec-fetch-site", "same-site")], no);
        check(
            "/v1/operations",
            &[("origin", "http://localhost:7070")],
            Ok(()),
        );
        check("/v1/operations", &[("origin", "http://localhost:8080")], no);
        check("/v1/operations", &[("origin", "http://evil.test")], no);
        check("/v1/operations", &[("origin", "null")], no);
        check(
            "/",
            &[
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "navigate"),
            ],
            Ok(()),
        );
        check(
            "/v1/operations",
            &[
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "navigate"),
            ],
            no,
        );
        check(
            "/",
            &[
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "no-cors"),
            ],
            no,
        );
        for proxy in [
            "forwarded",
            "x-forwarded-for",
            "x-forwarded-anything",
            "x-real-ip",
            "via",
        ] {
            check("/", &[(proxy, "x")], no);
        }
    }
}
