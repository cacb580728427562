//! Jobs whose document is the result of another job.

use serde_json::{Value, json};

use super::ended;
use crate::harness::{Client, Site, incompressible};
use crate::origin::{Origin, reply};

/// Runs a job that must succeed.
fn done(client: Client, path: &str, params: &Value) -> Value {
    let job = ended(client, &client.post(path, params, 202).json());
    assert_eq!(job["status"], "succeeded", "{job}");
    job
}

/// The job's result as a document.
fn result_of(job: &Value) -> Value {
    json!({ "doc": { "type": "job", "id": job["id"] } })
}

#[test]
fn fetched_result_is_converted_written_and_zipped() {
    let site = Site::new();
    let bytes = incompressible(700_000);
    let headers = "content-disposition: attachment; filename=\"a b.dat\"\r\n";
    let origin = Origin::saying(reply("200 OK", headers, &bytes));
    // The command prints the name and the length of its document.
    let server = site.serve_configured(
        "[operations.c]\ncommand = ['sh', '-c', 'basename \"$1\"; wc -c <\"$1\"', 'sh', '{input.doc}']\n\
         output.filename = '{input.doc.stem}.txt'\ninputs.doc = { required = true }\n",
    );
    let client = server.client();
    let params = json!({ "uri": origin.url("/a") });
    let fetched = done(client, "/v1/operations/fetch", &params);
    assert_eq!(origin.asked().len(), 1);

    let counted = done(client, "/v1/operations/c", &result_of(&fetched));
    let text = |job: &Value| {
        let path = format!("/v1/downloads/{}", job["id"].as_str().expect("an id"));
        String::from_utf8(client.get(&path, 200).body).expect("text")
    };
    assert_eq!(text(&counted), "a b.dat\n700000\n");
    assert_eq!(counted["output"]["filename"], "a b.txt");
    assert_eq!(counted["params"], result_of(&fetched));

    // The result becomes a file below a root, which is then zipped.
    std::fs::create_dir(site.docs().join("made")).expect("a folder");
    let path = "/v1/operations/c?output=/docs/made/size.txt";
    let made = done(client, path, &result_of(&counted));
    assert_eq!(made["output"]["path"], "/docs/made/size.txt", "{made}");
    let written = std::fs::read_to_string(site.docs().join("made/size.txt"));
    assert_eq!(written.expect("a file"), "a b.txt\n15\n");
    // An output file is a document like any other.
    let again = done(client, "/v1/operations/c", &result_of(&made));
    assert_eq!(text(&again), "size.txt\n11\n");
    let params = json!({ "path": made["output"]["path"] });
    let zipped = done(client, "/v1/operations/zip", &params);
    let path = format!("/v1/downloads/{}", zipped["id"].as_str().expect("an id"));
    let archive = std::io::Cursor::new(client.get(&path, 200).body);
    let mut archive = zip::ZipArchive::new(archive).expect("an archive");
    let inside = archive.by_name("size.txt").expect("it is there");
    let inside = std::io::read_to_string(inside).expect("text");
    assert_eq!(inside, "a b.txt\n15\n");

    // Unfinished jobs, and jobs without a result.
    let failed = client.post("/v1/operations/zip", &json!({ "path": "/docs/none" }), 202);
    let failed = ended(client, &failed.json());
    let refused = client.post("/v1/operations/c", &result_of(&failed), 409);
    assert_eq!(refused.json()["status"], 409);
    server.stop();
}
