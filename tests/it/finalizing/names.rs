//! Names as long as the file system allows.

use serde_json::json;

use super::origin;
use crate::copy::names;
use crate::harness::Site;

#[test]
fn names_of_255_bytes_can_be_created_replaced_and_numbered() {
    let origin = origin();
    let (plain, umlauts) = ("x".repeat(251), "ä".repeat(125));
    for name in [
        format!("{plain}.txt"),
        format!("{umlauts}x.txt"),
        "x".repeat(255),
    ] {
        assert_eq!(name.len(), 255);
        let site = Site::new();
        site.write("tree/one", b"1");
        let server = site.serve();
        let client = server.client();
        let to = format!("/docs/{name}");
        let from = ["/docs/tree", "/docs/tree/one"];
        let mut submissions = Vec::new();
        for conflict in ["rename", "rename", "replace"] {
            for from in from {
                let params = json!({ "from": from, "to": to, "conflict": conflict });
                submissions.push(("copy", params));
            }
            let params = json!({ "uri": origin.url("/"), "to": to, "conflict": conflict });
            submissions.push(("fetch", params));
        }
        for (operation, params) in submissions {
            let accepted = client.post(&format!("/v1/operations/{operation}"), &params, 202);
            let job = client.ended(accepted.json()["id"].as_str().expect("an id"));
            assert_eq!(job["status"], "succeeded", "{operation}, {params}: {job}");
        }
        let made = names(&site.docs());
        // The first output has the plain name, five are numbered, and three have replaced the plain one in turn.
        assert_eq!(made.len(), 7, "{made:?}");
        assert!(made.iter().all(|name| name.len() <= 255), "{made:?}");
        let numbered = made.iter().filter(|name| name.contains(" (")).count();
        assert_eq!(numbered, 5, "{made:?}");

        std::fs::remove_dir_all(site.docs().join(&name))
            .or_else(|_| std::fs::remove_file(site.docs().join(&name)))
            .expect("it goes");
        let zipped = client.post(
            &format!("/v1/operations/zip?output=/docs/{}", urlencoded(&name)),
            &json!({ "path": "/docs/tree" }),
            202,
        );
        let job = client.ended(zipped.json()["id"].as_str().expect("an id"));
        assert_eq!(job["output"]["path"], to, "{job}");
        server.stop();
    }
}

fn urlencoded(name: &str) -> String {
    let digits = hex::encode_upper(name);
    let bytes = digits.as_bytes().chunks(2);
    bytes
        .flat_map(|byte| ['%', byte[0].into(), byte[1].into()])
        .collect()
}

#[test]
fn too_long_name_fails_the_job_before_it_runs() {
    let origin = origin();
    let site = Site::new();
    site.write("tree/one", b"1");
    let server = site.serve();
    let client = server.client();
    let to = format!("/docs/{}", "x".repeat(256));
    for (path, params) in [
        ("copy".to_owned(), json!({ "from": "/docs/tree", "to": to })),
        (
            "fetch".to_owned(),
            json!({ "uri": origin.url("/"), "to": to }),
        ),
        (format!("zip?output={to}"), json!({ "path": "/docs/tree" })),
    ] {
        let accepted = client.post(&format!("/v1/operations/{path}"), &params, 202);
        let job = client.ended(accepted.json()["id"].as_str().expect("an id"));
        assert_eq!(job["error"]["code"], "target_unwritable", "{path}: {job}");
    }
    assert_eq!(origin.asked().len(), 0, "nothing is fetched");
    assert_eq!(names(&site.docs()), ["tree"]);
    server.stop();
}
