//! Custom paths that conflict, and disabled ones.

use serde_json::{Value, json};

use super::ARCHIVE;
use crate::config::check_refused;
use crate::harness::Site;

#[test]
fn disabled_custom_dialect_has_no_routes() {
    let site = Site::new();
    // Errors in disabled routes are ignored.
    let settings = format!("dialects = 'driveonweb'\n{ARCHIVE}{ARCHIVE}");
    let server = site.serve_configured(&settings);
    let client = server.client();
    client.post("/archives", &json!({ "path": "/docs/a" }), 404);
    let description = client.get("/openapi.json", 200).json();
    assert_eq!(description["paths"]["/archives"], Value::Null);
    server.stop();
}

#[test]
fn conflicting_paths_are_rejected_with_their_line() {
    let site = Site::new();
    let route = |operation: &str, submit: &str, status: &str, result: &str| {
        format!(
            "[[route]]\noperation = '{operation}'\nsubmit = '{submit}'\nstatus = '{status}'\nresult = '{result}'\n"
        )
    };
    let fine = route("zip", "/a", "/a/{id}", "/r/{id}");
    let cases = [
        (
            fine.clone() + &route("copy", "/b", "/b/{id}", "/r/{id}"),
            "cloakroom.toml:10: [[route]]: result = \"/r/{id}\" clashes with result = \"/r/{id}\" of the route of \"zip\"",
        ),
        (
            route("zip", "/a", "/v1/jobs/{id}", "/r/{id}"),
            "cloakroom.toml:4: [[route]]: status = \"/v1/jobs/{id}\" clashes with an address of Cloakroom's own",
        ),
        (
            route("zip", "/rest/folders", "/a/{id}", "/r/{id}"),
            "cloakroom.toml:3: [[route]]: submit = \"/rest/folders\" clashes with an address of the dialect \"driveonweb\"",
        ),
        (
            route("zap", "/a", "/a/{id}", "/r/{id}"),
            "cloakroom.toml:2: [[route]]: there is no operation \"zap\"",
        ),
        (
            fine.clone() + "words = { status = 's', percent = 's' }\n",
            "cloakroom.toml:6: [[route]]: \"s\" would be two members of the same object",
        ),
        ("route = 1".to_owned(), "cloakroom.toml:1: "),
    ];
    for (text, said) in cases {
        check_refused(&mut site.configured(&text), &[said]);
    }
    // `serve` reports the same error and changes nothing.
    let twice = fine.clone() + &fine;
    let output = site.configured(&twice).output().expect("it ends");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains(":8: [[route]]: submit = \"/a\" clashes"),
        "{said}"
    );
    assert!(!site.path().join("cloakroom-data").exists());
    // A flag can resolve the conflict.
    let drive = route("zip", "/rest/folders", "/a/{id}", "/r/{id}");
    let mut command = site.configured(&drive);
    let output = command
        .args(["--check-config", "--dialects", "custom"])
        .output();
    assert!(output.expect("it ends").status.success());
}
