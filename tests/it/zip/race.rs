//! Somebody swaps folders and files for links that lead out while they are zipped.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde_json::json;

use super::{files_in, zip_ended};
use crate::harness::Site;

const SECRET: &[u8] = b"a secret from outside";
/// How long the swaps go on; `CLOAKROOM_TEST_SWAPS` asks for a number of them instead.
const TIME: Duration = Duration::from_secs(3);

#[test]
fn no_byte_from_outside_gets_in_while_folders_become_links_and_back() {
    let site = Site::new();
    let outside = site.path().join("outside");
    fs::create_dir_all(outside.join("deep")).expect("folders");
    for name in ["a", "b", "deep/c"] {
        fs::write(outside.join(name), SECRET).expect("a secret");
        site.write(&format!("tree/folder/{name}"), b"inside");
    }
    site.write("tree/file", b"inside");
    symlink(&outside, site.docs().join("tree/link")).expect("a link");
    symlink("../../outside", site.docs().join("tree/relative")).expect("a link");
    symlink("../../outside/a", site.docs().join("tree/file-link")).expect("a link");
    let server = site.serve();

    let wanted = std::env::var("CLOAKROOM_TEST_SWAPS")
        .ok()
        .map(|n| n.parse::<u64>().expect("a number"));
    let swaps = AtomicU64::new(0);
    let archives = AtomicU64::new(0);
    let until = Instant::now() + TIME;
    let over = || match wanted {
        Some(wanted) => swaps.load(Ordering::Relaxed) >= wanted,
        None => Instant::now() >= until,
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            let tree = site.docs().join("tree");
            let swap = |a: &str, b: &str| {
                renameat_with(CWD, tree.join(a), CWD, tree.join(b), RenameFlags::EXCHANGE)
                    .expect("a swap");
                swaps.fetch_add(1, Ordering::Relaxed);
            };
            while !over() {
                swap("folder", "link");
                swap("file", "file-link");
                swap("folder", "relative");
            }
        });
        for _ in 0..3 {
            scope.spawn(|| {
                let client = server.client();
                while !over() {
                    for path in [
                        "/docs/tree",
                        "/docs/tree/folder",
                        "/docs/tree/folder/deep",
                        "/docs/tree/file",
                    ] {
                        let job = zip_ended(&client, &json!({ "path": path, "level": 1 }));
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
                }
            });
        }
    });
    let (swaps, archives) = (swaps.into_inner(), archives.into_inner());
    assert!(
        swaps > 100 && archives > 5,
        "{swaps} swaps, {archives} archives"
    );
    println!("{swaps} swaps, {archives} archives");
    server.stop();
}
