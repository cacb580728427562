//! One job's result is another's document.

use serde_json::{Value, json};

use super::ended;
use crate::harness::{Client, Site};

fn done(client: Client, path: &str, params: &Value) -> Value {
    let job = ended(client, &client.post(path, params, 202).json());
    assert_eq!(job["status"], "succeeded", "{job}");
    job
}

#[test]
fn what_was_fetched_goes_through_commands_into_a_file_and_into_an_archive() {
    let site = Site::new();
    let server = site.serve_configured(
        "[operations.c]\ncommand = ['sh', '-c', 'basename \"$1\"; wc -c <\"$1\"', 'sh', '{input.doc}']\n\
         output.filename = '{input.doc.stem}.txt'\ninputs.doc = { required = true }\n",
    );
    let client = server.client();
    let root = format!("http://{}", server.address());
    let params = json!({ "uri": format!("{root}/openapi.json") });
    let fetched = done(client, "/v1/operations/fetch", &params);
    let id = |job: &Value| job["id"].as_str().expect("an id").to_owned();
    let count = |job: &Value| {
        let uri = format!("{root}/v1/downloads/{}?a=/b", id(job));
        let document = json!({ "doc": { "type": "http", "uri": uri } });
        let counted = done(client, "/v1/operations/c", &document);
        let text = client.get(&format!("/v1/downloads/{}", id(&counted)), 200);
        let expected = format!("{}\n{}\n", id(job), job["output"]["size"]);
        assert_eq!(String::from_utf8_lossy(&text.body), expected);
        assert_eq!(counted["output"]["filename"], format!("{}.txt", id(job)));
        counted
    };
    let counted = count(&count(&fetched));

    // Into a file, and with that into an archive.
    std::fs::create_dir(site.docs().join("made")).expect("a folder");
    let uri = format!("{root}/v1/downloads/{}", id(&counted));
    let document = json!({ "doc": { "type": "http", "uri": uri } });
    let made = done(
        client,
        "/v1/operations/c?output=/docs/made/size.txt",
        &document,
    );
    assert_eq!(made["output"]["path"], "/docs/made/size.txt", "{made}");
    let text = std::fs::read_to_string(site.docs().join("made/size.txt")).expect("a file");
    let zipped = done(
        client,
        "/v1/operations/zip",
        &json!({ "path": "/docs/made" }),
    );
    let bytes = client
        .get(&format!("/v1/downloads/{}", id(&zipped)), 200)
        .body;
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).expect("an archive");
    let inside = archive.by_name("made/size.txt").expect("it is there");
    assert_eq!(std::io::read_to_string(inside).expect("text"), text);
    server.stop();
}
