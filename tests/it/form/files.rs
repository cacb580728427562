//! File parts, whatever their file names.

use super::{field, form, result, serve, submit};
use crate::harness::Site;

fn file(parameters: &[u8]) -> Vec<u8> {
    [b"Content-Disposition: form-data; ", parameters].concat()
}

#[test]
fn file_part_is_a_file_however_it_is_named() {
    let site = Site::new();
    site.write("secret.txt", b"not for the command");
    let server = serve(&site);
    let client = server.client();
    let check = |parameters: &[u8], name: &str| {
        // Content that would be a valid path if it were taken for the param.
        let body = form(&[(&file(parameters), b"/docs/secret.txt")]);
        let job = submit(client, "show", &body, 202);
        assert_eq!(
            job.json()["params"]["source"]["name"],
            name,
            "{parameters:?}"
        );
        let shown = result(client, &job);
        assert!(shown.ends_with("\n/docs/secret.txt"), "{name}: {shown}");
    };
    check(
        b"name=\"source\"; filename=\"na\xEFve.txt\"",
        "na\u{ef}ve.txt",
    );
    check(b"name=\"source\"; filename=\"\xFF\"", "\u{ff}");
    check(
        b"name=\"source\"; filename*=utf-8''na%C3%AFve.txt",
        "na\u{ef}ve.txt",
    );
    check(b"name=\"source\"; filename*=nonsense", "nonsense");
    check(
        b"name=source; filename=\"=?utf-8?B?bmHDr3ZlLnR4dA==?=\"; filename*=utf-8''%C3%AF.txt",
        "\u{ef}.txt",
    );
    check(
        b"name=source; filename=\"=?utf-8?B?bmHDr3ZlLnR4dA==?=\"",
        "na\u{ef}ve.txt",
    );
    check(
        b"filename=\"my name=x.txt\"; name=\"source\"",
        "my name=x.txt",
    );
    check(
        b"name=\"source\"; filename=\"say \\\"hi\\\".txt\"",
        "say \"hi\".txt",
    );
    check(
        b"name=\"source\"; filename=\"say %22hi%22.txt\"",
        "say \"hi\".txt",
    );
    check(
        b"name=\"source\"; filename=\"C:\\a\\b.txt\"",
        "C:\\a\\b.txt",
    );
    // Files without a name get the names of their fields.
    check(b"name=\"source\"; filename=\"\"", "source");
    check(b"name=\"source\"; filename", "source");
    server.stop();
    site.check_tables();
}

#[test]
fn untouched_file_input_counts_as_absent() {
    let site = Site::new();
    let server = serve(&site);
    let client = server.client();
    let untouched = |name: &str| {
        format!(
            "{}; filename=\"\"\r\ncontent-type: application/octet-stream",
            field(name)
        )
    };
    let (one, several) = (untouched("one"), untouched("several"));
    let named = format!("{}; filename=\"a\"", field("several"));
    let check = |parts: &[(&[u8], &[u8])], expected: &str| {
        let job = submit(client, "count", &form(parts), 202);
        assert_eq!(result(client, &job), expected);
    };
    check(&[(one.as_bytes(), b"")], "0 files\n");
    check(
        &[(one.as_bytes(), b""), (several.as_bytes(), b"")],
        "0 files\n",
    );
    check(
        &[(several.as_bytes(), b""), (named.as_bytes(), b"")],
        "1 files\n",
    );
    // A part with content or with a name is a file.
    check(
        &[(one.as_bytes(), b"x"), (named.as_bytes(), b"")],
        "2 files\n",
    );
    let missing = submit(
        client,
        "show",
        &form(&[(untouched("source").as_bytes(), b"")]),
        422,
    )
    .json();
    assert_eq!(missing["errors"][0]["pointer"], "#/source");
    assert_eq!(missing["errors"][0]["detail"], "A value is required.");
    server.stop();
    site.check_tables();
}
