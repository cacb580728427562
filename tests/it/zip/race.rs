//! Archives while files and folders are swapped for links that lead out.
#![cfg(target_os = "linux")]

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use super::files_in;
use crate::harness::Site;
use crate::hostile_trees::{WAYS, ended_if_inside, swapping, with_a_way_out};

#[test]
fn zip_stays_inside_its_root_while_folders_are_swapped_for_links() {
    let site = Site::new();
    with_a_way_out(&site);
    let server = site.serve();
    let client = server.client();
    let archives = AtomicU64::new(0);
    let pairs = [
        ["tree/folder", "tree/link"],
        ["tree/file", "tree/file-link"],
        ["tree/folder", "tree/relative"],
    ];
    let swaps = swapping(&site, &pairs, |_| {
        for path in WAYS {
            let params = json!({ "path": format!("/docs/{path}"), "level": 1 });
            let Some(job) = ended_if_inside(&client, "zip", &params) else {
                continue;
            };
            if job["status"] != "succeeded" {
                assert_eq!(job["error"]["code"], "source_not_found", "{job}");
                continue;
            }
            let id = job["id"].as_str().expect("an id");
            let archive = client.get(&format!("/v1/downloads/{id}"), 200).body;
            archives.fetch_add(1, Ordering::Relaxed);
            for (name, bytes) in files_in(&archive) {
                assert_eq!(bytes, b"inside", "{name}");
            }
        }
    });
    let archives = archives.into_inner();
    assert!(
        swaps > 100 && archives > 5,
        "{swaps} swaps, {archives} archives"
    );
    println!("{swaps} swaps, {archives} archives");
    server.stop();
}
