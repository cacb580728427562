//! Empty form fields, in every encoding of forms.

use super::{URL_ENCODED, field, form, result, serve, submit};
use crate::harness::Site;

#[test]
fn empty_form_field_counts_as_absent_unless_empty_is_valid() {
    let site = Site::new();
    let server = serve(&site);
    let client = server.client();
    let names = ["width", "ratio", "deep", "side", "name"];
    let empty = names.map(|name| format!("{name}=")).join("&");
    let parts = names.map(field);
    let parts = parts
        .each_ref()
        .map(|headers| (headers.as_bytes(), &b""[..]));
    let path = "/v1/operations/words";
    let replies = [
        submit(client, "words", &form(&parts), 202),
        client.ask("POST", path, &[URL_ENCODED], empty.as_bytes(), 202),
        client.ask("POST", &format!("{path}?{empty}"), &[], b"", 202),
    ];
    for job in &replies {
        assert_eq!(result(client, job), "[7][1.5][false][left][]");
    }
    // In JSON an empty string is a value.
    let reply = client
        .post(path, &serde_json::json!({ "width": "" }), 422)
        .json();
    assert_eq!(reply["errors"][0]["pointer"], "#/width");
    server.stop();
}

#[test]
fn empty_required_field_is_reported() {
    let site = Site::new();
    let server = serve(&site);
    let client = server.client();
    let path = "/v1/operations/strict";
    let replies = [
        submit(
            client,
            "strict",
            &form(&[(field("width").as_bytes(), b"")]),
            422,
        ),
        client.ask("POST", path, &[URL_ENCODED], b"width=", 422),
        client.ask("POST", &format!("{path}?width="), &[], b"", 422),
    ];
    for reply in &replies {
        let error = &reply.json()["errors"][0];
        assert_eq!(error["pointer"], "#/width");
        assert_eq!(error["detail"], "A value is required.");
    }
    server.stop();
}

#[test]
fn checked_box_without_a_value_is_true() {
    let site = Site::new();
    let server = serve(&site);
    let client = server.client();
    let job = client.ask(
        "POST",
        "/v1/operations/words",
        &[URL_ENCODED],
        b"deep=on",
        202,
    );
    assert_eq!(job.json()["params"]["deep"], true);
    server.stop();
}
