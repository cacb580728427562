//! The dashboard's page as it is served; tests in a browser check its behaviour.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use crate::harness::Site;

/// The text between two markers, at their first occurrence.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(begin).expect("the begin");
    rest.split_once(end).expect("the end").0
}

#[test]
fn page_needs_no_token_and_its_policy_blocks_foreign_scripts() {
    let site = Site::new();
    site.token("anna", &[]);
    let server = site.serve();
    let client = server.client();
    let reply = client.get("/", 200);
    assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    assert_eq!(reply.header("x-frame-options"), "DENY");
    assert_eq!(reply.header("referrer-policy"), "no-referrer");
    let page = std::str::from_utf8(&reply.body).expect("text");
    let policy: Vec<_> = reply
        .header("content-security-policy")
        .split("; ")
        .collect();
    let digest = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text));
    let script = digest(between(page, "<script type=\"module\">", "</script>"));
    let style = digest(between(page, "<style>", "</style>"));
    assert_eq!(
        policy,
        [
            "default-src 'none'".to_owned(),
            format!("script-src 'sha256-{script}'"),
            format!("style-src 'sha256-{style}'"),
            "img-src data:".to_owned(),
            "connect-src 'self'".to_owned(),
            "base-uri 'none'".to_owned(),
            "form-action 'none'".to_owned(),
            "frame-ancestors 'none'".to_owned(),
            "require-trusted-types-for 'script'".to_owned(),
        ]
    );
    // The page loads nothing else, and inserts text as text only.
    for word in [
        "src=",
        "@import",
        "url(",
        "innerHTML",
        "outerHTML",
        "insertAdjacent",
    ] {
        assert!(!page.contains(word), "{word}");
    }
    assert_eq!(page.matches("href=").count(), 1, "its icon");

    let head = client.ask("HEAD", "/", &[], b"", 200);
    assert!(head.body.is_empty());
    let refused = client.ask("POST", "/", &[], b"", 405);
    assert_eq!(refused.header("allow"), "GET, HEAD, OPTIONS");
    let elsewhere = ("sec-fetch-site", "cross-site");
    let link = [elsewhere, ("sec-fetch-mode", "navigate")];
    client.ask("GET", "/", &link, b"", 200);
    client.ask(
        "GET",
        "/",
        &[elsewhere, ("sec-fetch-mode", "cors")],
        b"",
        403,
    );
    client.get("//", 401);
    server.stop();
}
