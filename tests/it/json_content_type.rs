//! JSON that is sent under the content type of something else.

use crate::harness::Site;

#[test]
fn json_under_another_content_type_is_refused_with_the_right_one() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve_configured(
        "[operations.hello]\ncommand = ['echo', '{name}']\nparams.name = { type = 'string' }\n\
         [[route]]\noperation = 'hello'\nsubmit = '/hello'\nstatus = '/hello/{id}'\nresult = '/hello/{id}/result'\n",
    );
    let client = server.client();
    // The default of `curl --data`, that of `fetch` in a browser, and none.
    let form = ("content-type", "application/x-www-form-urlencoded");
    let text = ("content-type", "text/plain;charset=UTF-8");
    for (path, body) in [
        ("/v1/operations/zip", r#"{"path":"/docs/a"}"#),
        ("/v1/operations/zip", r#" {"path": "/docs/a&b=c"}"#),
        ("/v1/operations/zip", r#"["path"]"#),
        ("/v1/operations/hello", r#"{"name":"x"}"#),
        ("/hello", r#"{"name":"x"}"#),
        ("/v1/operations/compare", r#"{"a":"/docs/a","b":"/docs/a"}"#),
        ("/api/xml-data-compare/v1/compare", r#"{"inputA":{}}"#),
        ("/api/xmlmerge/v1/types/concurrent", r#"{"inputA":{}}"#),
    ] {
        for headers in [&[form][..], &[text], &[]] {
            let reply = client.try_ask("POST", path, headers, body.as_bytes());
            let reply = reply.expect("a reply");
            let said = String::from_utf8_lossy(&reply.body);
            assert_eq!(reply.status, 415, "{path} {headers:?}: {said}");
            assert!(
                said.contains("Content-Type: application/json"),
                "{path} {headers:?}: {said}"
            );
        }
    }
    assert_eq!(
        client.get("/v1/jobs", 200).json()["jobs"],
        serde_json::json!([])
    );
    server.stop();
}
