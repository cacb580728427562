//! Somebody swaps folders and files for links that lead out while they are copied, and where they are copied to.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde_json::json;

use super::{copy_ended, names};
use crate::harness::Site;
use crate::zip::files_below;

/// How long the swaps go on; `CLOAKROOM_TEST_SWAPS` asks for a number of them instead.
const TIME: Duration = Duration::from_secs(2);

/// Every regular file below a folder; links are not followed.
fn assert_inside(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let entry = entry.expect("an entry");
        let kind = entry.file_type().expect("a type");
        if kind.is_dir() {
            assert_inside(&entry.path());
        } else if kind.is_file() {
            let bytes = fs::read(entry.path()).expect("a file");
            assert_eq!(bytes, b"inside", "{}", entry.path().display());
        }
    }
}

#[test]
fn no_byte_gets_in_or_out_while_folders_become_links_and_back() {
    let site = Site::new();
    let outside = site.path().join("outside");
    fs::create_dir_all(outside.join("deep")).expect("folders");
    for name in ["a", "b", "deep/c"] {
        fs::write(outside.join(name), b"a secret from outside").expect("a secret");
        site.write(&format!("tree/folder/{name}"), b"inside");
    }
    site.write("tree/file", b"inside");
    for (target, link) in [
        (outside.as_path(), "tree/link"),
        (Path::new("../../outside"), "tree/relative"),
        (Path::new("../../outside/a"), "tree/file-link"),
        (Path::new("../outside"), "to-link"),
    ] {
        symlink(target, site.docs().join(link)).expect("a link");
    }
    fs::create_dir(site.docs().join("to")).expect("a folder");
    let before = files_below(&outside, "outside");
    let server = site.serve();

    let wanted = std::env::var("CLOAKROOM_TEST_SWAPS")
        .ok()
        .map(|n| n.parse::<u64>().expect("a number"));
    let (swaps, copies) = (AtomicU64::new(0), AtomicU64::new(0));
    let until = Instant::now() + TIME;
    let over = || match wanted {
        Some(wanted) => swaps.load(Ordering::Relaxed) >= wanted,
        None => Instant::now() >= until,
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            let docs = site.docs();
            let swap = |a: &str, b: &str| {
                renameat_with(CWD, docs.join(a), CWD, docs.join(b), RenameFlags::EXCHANGE)
                    .expect("a swap");
                swaps.fetch_add(1, Ordering::Relaxed);
            };
            while !over() {
                swap("tree/folder", "tree/link");
                swap("to", "to-link");
                swap("tree/file", "tree/file-link");
                swap("tree/folder", "tree/relative");
                swap("to", "to-link");
            }
        });
        for worker in 0..3 {
            let (site, server, copies, over) = (&site, &server, &copies, &over);
            scope.spawn(move || {
                let client = server.client();
                while !over() {
                    for (number, from) in ["tree", "tree/folder", "tree/folder/deep", "tree/file"]
                        .into_iter()
                        .enumerate()
                    {
                        // What is beside is read afterwards; what is in `to` may or may not be reached.
                        for to in [format!("{worker}-{number}"), format!("to/{worker}-{number}")] {
                            let params = json!({
                                "from": format!("/docs/{from}"), "to": format!("/docs/{to}"), "conflict": "replace",
                            });
                            let job = copy_ended(&client, &params);
                            if job["status"] == "succeeded" {
                                copies.fetch_add(1, Ordering::Relaxed);
                            } else {
                                let code = job["error"]["code"].as_str().expect("a code");
                                let known = ["source_not_found", "target_not_found"];
                                assert!(known.contains(&code), "{job}");
                            }
                        }
                        let copy = site.docs().join(format!("{worker}-{number}"));
                        if copy.is_file() {
                            assert_eq!(fs::read(&copy).expect("a file"), b"inside");
                        }
                        assert_inside(&copy);
                    }
                }
            });
        }
    });
    let (swaps, copies) = (swaps.into_inner(), copies.into_inner());
    assert!(swaps > 100 && copies > 5, "{swaps} swaps, {copies} copies");
    println!("{swaps} swaps, {copies} copies");
    assert!(
        files_below(&outside, "outside") == before,
        "{:?}",
        names(&outside)
    );
    for to in ["to", "to-link"] {
        let to = site.docs().join(to);
        if !to.is_symlink() {
            assert_inside(&to);
        }
    }
    server.stop();
}
