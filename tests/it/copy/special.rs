//! Links, loops, sparse files, special files, unreadable files, modes and times.
#![cfg(unix)]

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use serde_json::json;

use super::{assert_same, copied, names, refused};
use crate::harness::Site;
use crate::hostile_trees::{furnish, with_a_private_file};

#[test]
fn inner_links_are_kept_and_skipped_entries_counted() {
    let site = Site::new();
    site.write("deep/folder/a", b"a");
    site.write("deep/folder/sub/b", b"b");
    let folder = site.docs().join("deep/folder");
    let _socket = furnish(
        &folder,
        &[
            ("near", "a"),
            ("loop", "."),
            ("sub/loop", "../sub/loop"),
            ("sub/up", "../a"),
            ("nowhere", "nothing"),
            // A link inside the source whose target is outside of the copy.
            ("far", "../../elsewhere"),
            ("out", "../../../secret"),
            ("absolute", "/etc/passwd"),
        ],
    );
    let server = site.serve();
    let report = copied(
        &server.client(),
        &json!({ "from": "/docs/deep/folder", "to": "/docs/copy" }),
    );
    let skipped = json!({ "links": 3, "fifos": 1, "sockets": 1, "devices": 0, "vanished": 0 });
    assert_eq!(report["skipped"], skipped, "{report}");
    assert_eq!(
        (&report["files"], &report["folders"], &report["links"]),
        (&json!(2), &json!(2), &json!(5)),
        "{report}"
    );
    let copy = site.docs().join("copy");
    assert_eq!(names(&copy), ["a", "loop", "near", "nowhere", "sub"]);
    assert_eq!(names(&copy.join("sub")), ["b", "loop", "up"]);
    let said = fs::read_link(copy.join("sub/up")).expect("a link");
    assert_eq!(said.to_str(), Some("../a"));
    server.stop();
}

#[test]
fn modes_and_times_are_kept_without_setuid() {
    let site = Site::new();
    site.write("folder/tool", b"tool");
    site.write("folder/closed/a", b"a");
    let folder = site.docs().join("folder");
    let then = std::time::UNIX_EPOCH + std::time::Duration::from_nanos(1_234_567_890_123_456_789);
    for (name, mode) in [("tool", 0o4751), ("closed/a", 0o400), ("closed", 0o555)] {
        let file = File::open(folder.join(name)).expect("it opens");
        file.set_permissions(fs::Permissions::from_mode(mode))
            .expect("a mode");
        file.set_modified(then).expect("a time");
    }
    let server = site.serve();
    copied(
        &server.client(),
        &json!({ "from": "/docs/folder", "to": "/docs/copy" }),
    );
    copied(
        &server.client(),
        &json!({ "from": "/docs/folder/tool", "to": "/docs/tool" }),
    );
    let check = |path: &str, mode: u32| {
        let metadata = fs::metadata(site.docs().join(path)).expect("it is there");
        assert_eq!(metadata.mode() & 0o7777, mode, "{path}");
        assert_eq!(metadata.modified().expect("a time"), then, "{path}");
    };
    check("tool", 0o751);
    check("copy/tool", 0o751);
    check("copy/closed/a", 0o400);
    check("copy/closed", 0o555);
    server.stop();
}

#[test]
fn sparse_files_stay_sparse() {
    const LENGTH: u64 = 1 << 32;
    let site = Site::new();
    let make = |name: &str, pieces: &[u64], length: u64| {
        site.write(name, b"");
        let mut file = File::create(site.docs().join(name)).expect("a file");
        for at in pieces {
            file.seek(SeekFrom::Start(*at)).expect("a place");
            file.write_all(&crate::harness::incompressible(70_000))
                .expect("bytes");
        }
        file.set_len(length).expect("a length");
    };
    make("folder/ends", &[0, LENGTH - 70_000], LENGTH);
    make("folder/middle", &[LENGTH / 2 + 1234], LENGTH);
    make("folder/hollow", &[], LENGTH);
    make("folder/short", &[1 << 20], 2 << 20);
    let server = site.serve();
    let params = json!({ "from": "/docs/folder", "to": "/docs/copy" });
    let report = copied(&server.client(), &params);
    assert_eq!(report["bytes"], 3 * LENGTH + (2 << 20), "{report}");
    for name in names(&site.docs().join("folder")) {
        let [from, to] = ["folder", "copy"].map(|folder| site.docs().join(folder).join(&name));
        let [one, other] = [&from, &to].map(|path| fs::metadata(path).expect("it is there"));
        assert_eq!(one.len(), other.len(), "{name}");
        assert!(
            other.blocks() <= one.blocks() + 64,
            "{name}: {}",
            other.blocks()
        );
        if name == "short" {
            let read = |path| fs::read(path).expect("a file");
            assert!(read(from) == read(to));
        }
    }
    for (name, at) in [("ends", LENGTH - 70_000), ("middle", LENGTH / 2 + 1234)] {
        use std::io::Read;
        let mut file = File::open(site.docs().join("copy").join(name)).expect("a file");
        file.seek(SeekFrom::Start(at)).expect("a place");
        let mut bytes = vec![0; 70_000];
        file.read_exact(&mut bytes).expect("bytes");
        assert!(bytes == crate::harness::incompressible(70_000), "{name}");
    }
    server.stop();
}

#[test]
fn server_files_and_staged_files_are_not_copied() {
    let site = Site::new();
    site.write("folder/a", b"a");
    site.write(
        "folder/.cloakroom-01M80P8VCK00000001BN61MV7Y.part/half",
        b"h",
    );
    let mut command = site.command();
    let all = format!("all={}", site.path().display());
    command.arg("--root").arg(all);
    let server = site.serve_with(command);
    fs::hard_link(
        site.data().join("cloakroom.db"),
        site.docs().join("folder/cloakroom.db"),
    )
    .expect("a hard link");
    let report = copied(
        &server.client(),
        &json!({ "from": "/all/docs", "to": "/all/copy" }),
    );
    assert_eq!(report["files"], 1, "{report}");
    assert_eq!(names(&site.path().join("copy/folder")), ["a"]);
    for from in ["/all/data", "/docs/folder/cloakroom.db"] {
        let (code, message) = refused(&server.client(), &json!({ "from": from, "to": "/all/x" }));
        assert_eq!(code, "source_not_found", "{message}");
    }
    let (code, message) = refused(
        &server.client(),
        &json!({ "from": "/docs/folder", "to": "/all/data/x" }),
    );
    assert_eq!(code, "target_not_found", "{message}");
    server.stop();
}

#[test]
fn unreadable_file_fails_the_copy_and_is_named() {
    let site = Site::new();
    let Some(command) = with_a_private_file(&site) else {
        return;
    };
    let server = site.serve_with(command);
    let params = json!({ "from": "/docs/folder", "to": "/docs/copy" });
    let (code, message) = refused(&server.client(), &params);
    assert_eq!(code, "source_unreadable", "{message}");
    assert!(
        message.contains("private") && message.contains("the partial copy was removed"),
        "{message}"
    );
    assert_eq!(names(&site.docs()), ["folder"]);
    // Read-only folders are copied and, where superfluous, removed again.
    let private = site.docs().join("folder/private");
    fs::set_permissions(private, fs::Permissions::from_mode(0o444)).expect("a mode");
    fs::create_dir(site.docs().join("folder/closed")).expect("a folder");
    site.write("folder/closed/b", b"b");
    let closed = fs::Permissions::from_mode(0o555);
    fs::set_permissions(site.docs().join("folder/closed"), closed).expect("a mode");
    for _ in 0..2 {
        let mut params = params.clone();
        params["conflict"] = json!("replace");
        copied(&server.client(), &params);
        assert_same(&site.docs().join("folder"), &site.docs().join("copy"));
        assert_eq!(names(&site.docs()), ["copy", "folder"]);
    }
    server.stop();
}
