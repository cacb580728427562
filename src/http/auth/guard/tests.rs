//! Tables of requests and their statuses, with all checks and with each check left out.

use std::net::{IpAddr, Ipv4Addr};

use http::Request;
use http::header::HOST;

use crate::config::Config;
use crate::http::auth::guard::check::Admission;
use crate::http::auth::guard::rules::{Check, Guard, RequestFacts};
use crate::http::response::problem::Problem;

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const NO: u16 = 403;
const OK: u16 = 200;

/// A request, whether the server has tokens, and the expected status: 200 for an admission.
#[derive(Debug, Clone)]
struct Case {
    method: &'static str,
    target: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    has_tokens: bool,
    expected: u16,
}

fn guard() -> Guard {
    Guard::new(&Config {
        hosts: vec!["cloak.example".into()],
        public_url: Some("https://public.example/jobs".parse().expect("a URL")),
        allow_origins: ["https://friend.example", "null"]
            .map(|origin| origin.parse().expect("an origin"))
            .into(),
        ..Config::default()
    })
}

impl Case {
    fn check<T>(
        &self,
        guard: &Guard,
        inspect: impl FnOnce(Result<Admission<'_>, Problem>) -> T,
    ) -> T {
        let mut request = Request::builder().method(self.method).uri(self.target);
        for (name, value) in &self.headers {
            request = request.header(*name, *value);
        }
        let (request, ()) = request.body(()).expect("a request").into_parts();
        inspect(guard.check(&RequestFacts {
            request: &request,
            local: Some(LOCAL),
            has_tokens: self.has_tokens,
        }))
    }

    fn status(&self, guard: &Guard) -> u16 {
        self.check(guard, |checked| match checked {
            Ok(_) => OK,
            Err(problem) => problem.response("/").status().as_u16(),
        })
    }
}

fn hosts() -> Vec<Case> {
    let one = |host: &'static str, without: u16, with: u16| {
        [(false, without), (true, with)].map(|(has_tokens, expected)| Case {
            method: "GET",
            target: "/v1/jobs",
            headers: vec![("host", host)],
            has_tokens,
            expected,
        })
    };
    let mut cases = Vec::new();
    for ours in [
        "localhost",
        "LOCALHOST:1",
        "127.0.0.1",
        "127.0.0.1:7070",
        "cloak.example:99",
        "Cloak.Example",
        "public.example",
        // RFC 3986 allows an empty port.
        "localhost:",
    ] {
        cases.extend(one(ours, 200, 200));
    }
    for other in [
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
        "[127.0.0.1]",
        "127.0.0.1.",
        "cloak.example.evil.test",
    ] {
        cases.extend(one(other, 421, 200));
    }
    for malformed in [
        "",
        ":80",
        "localhost:x",
        "a b",
        "localhost/",
        "[::1",
        "user@localhost",
        "localhost:123456",
    ] {
        cases.extend(one(malformed, 400, 400));
    }
    cases
}

fn sites() -> Vec<Case> {
    let case = |target, headers: &[(&'static str, &'static str)], expected| Case {
        method: "GET",
        target,
        headers: [&[("host", "localhost:7070")], headers].concat(),
        has_tokens: true,
        expected,
    };
    let list =
        |headers: &[(&'static str, &'static str)], expected| case("/v1/jobs", headers, expected);
    let navigation = ("sec-fetch-mode", "navigate");
    let cross = ("sec-fetch-site", "cross-site");
    let download = "/v1/downloads/01JD3QXYZ0000000000000000A";
    vec![
        list(&[("sec-fetch-site", "same-origin")], OK),
        list(&[("sec-fetch-site", "none")], OK),
        list(&[cross], NO),
        list(&[("sec-fetch-site", "same-site")], NO),
        list(&[("sec-fetch-site", "anything")], NO),
        list(&[("sec-fetch-site", "none"), cross], NO),
        list(&[("origin", "http://localhost:7070")], OK),
        list(&[("origin", "https://public.example")], OK),
        list(&[("origin", "http://public.example")], NO),
        list(&[("origin", "http://localhost:8080")], NO),
        list(&[("origin", "http://evil.test")], NO),
        list(
            &[("origin", "http://localhost:7070"), ("origin", "null")],
            NO,
        ),
        list(&[("origin", "file://")], NO),
        list(&[("origin", "https://friend.example"), cross], OK),
        list(&[("origin", "https://friend.example:444"), cross], NO),
        list(&[("origin", "http://friend.example"), cross], NO),
        list(&[("origin", "null"), cross], OK),
        case("/", &[cross, navigation], OK),
        case("/", &[cross, ("sec-fetch-mode", "no-cors")], NO),
        case("/", &[cross, navigation, ("sec-fetch-dest", "iframe")], NO),
        case(
            download,
            &[cross, navigation, ("sec-fetch-dest", "document")],
            OK,
        ),
        case(download, &[cross], NO),
        list(&[cross, navigation], NO),
        case("/rest/folders/1/zip", &[cross, navigation], NO),
    ]
}

fn proxies() -> Vec<Case> {
    let names = [
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-anything",
        "x-real-ip",
        "via",
    ];
    let cases = names.map(|name| {
        [(false, NO), (true, OK)].map(|(has_tokens, expected)| Case {
            method: "GET",
            target: "/",
            headers: vec![("host", "localhost"), (name, "x")],
            has_tokens,
            expected,
        })
    });
    cases.into_iter().flatten().collect()
}

fn prefetches() -> Vec<Case> {
    let case = |method, purpose, expected| Case {
        method,
        target: "/v1/operations/zip",
        headers: vec![("host", "localhost"), ("sec-purpose", purpose)],
        has_tokens: false,
        expected,
    };
    vec![
        case("GET", "prefetch", OK),
        case("HEAD", "prefetch;prerender", OK),
        case("POST", "prefetch", NO),
        case("DELETE", "prefetch;anonymous-client-ip", NO),
        case("POST", "something", OK),
    ]
}

#[test]
fn requests_are_admitted_or_rejected_by_their_headers() {
    for case in [hosts(), sites(), proxies(), prefetches()].concat() {
        assert_eq!(case.status(&guard()), case.expected, "{case:?}");
    }
}

#[test]
fn every_check_is_needed() {
    let tables = [
        (Check::Host, hosts()),
        (Check::Proxy, proxies()),
        (Check::Site, sites()),
        (Check::Prefetch, prefetches()),
    ];
    for (check, table) in tables {
        let mutant = Guard {
            disabled: Some(check),
            ..guard()
        };
        let differ = table
            .iter()
            .filter(|case| case.status(&mutant) != case.expected);
        assert!(differ.count() > 0, "no case fails without {check:?}");
    }
}

#[test]
fn requests_without_exactly_one_host_are_400() {
    let case = |target, headers: &[(&'static str, &'static str)]| Case {
        method: "GET",
        target,
        headers: headers.to_vec(),
        has_tokens: true,
        expected: 0,
    };
    let local = ("host", "localhost:1");
    for (case, expected) in [
        (case("/", &[]), 400),
        (case("/", &[local, local]), 400),
        (case("http://localhost:1/", &[local]), OK),
        (case("http://localhost:2/", &[local]), 400),
        (case("http://evil.test/", &[local]), 400),
        (case("http://u@localhost:1/", &[local]), 400),
    ] {
        assert_eq!(case.status(&guard()), expected, "{case:?}");
    }
}

#[test]
fn unix_sockets_accept_host_names_but_no_addresses() {
    let check = |host: &str| {
        let request = Request::get("/").header(HOST, host).body(());
        let (request, ()) = request.expect("a request").into_parts();
        let facts = RequestFacts {
            request: &request,
            local: None,
            has_tokens: false,
        };
        guard().check(&facts).is_ok()
    };
    assert!(check("localhost") && check("cloak.example"));
    assert!(!check("127.0.0.1") && !check("evil.test"));
}

#[test]
fn pages_without_an_origin_need_a_token() {
    let mut case = Case {
        method: "GET",
        target: "/v1/jobs",
        headers: vec![("host", "localhost"), ("origin", "null")],
        has_tokens: true,
        expected: OK,
    };
    assert_eq!(case.status(&guard()), OK);
    case.has_tokens = false;
    assert_eq!(case.status(&guard()), NO);
}

#[test]
fn prefetches_and_cross_site_links_have_no_side_effects() {
    let may_have_side_effects = |headers: &[(&'static str, &'static str)]| {
        let case = Case {
            method: "GET",
            target: "/v1/downloads/x",
            headers: [&[("host", "localhost")], headers].concat(),
            has_tokens: false,
            expected: OK,
        };
        case.check(&guard(), |checked| {
            checked.expect("admitted").may_have_side_effects
        })
    };
    let navigation = ("sec-fetch-mode", "navigate");
    assert!(may_have_side_effects(&[]));
    assert!(may_have_side_effects(&[
        ("sec-fetch-site", "none"),
        navigation
    ]));
    assert!(!may_have_side_effects(&[
        ("sec-fetch-site", "cross-site"),
        navigation
    ]));
    assert!(!may_have_side_effects(&[
        ("sec-fetch-site", "none"),
        ("sec-purpose", "prefetch")
    ]));
}

#[test]
fn links_begin_with_the_host_or_the_public_url() {
    assert_eq!(
        guard().base("localhost:1", ""),
        "https://public.example/jobs"
    );
    assert_eq!(
        Guard::default().base("localhost:1", ""),
        "http://localhost:1"
    );
    let below = Guard::default().base("localhost:1", "/jobs");
    assert_eq!(below, "http://localhost:1/jobs");
}
