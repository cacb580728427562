//! Archives for readers that cannot seek, and details of headers.

use std::fs::{self, FileTimes};
use std::io::Read;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::json;

use super::{names_in, zipped};
use crate::harness::{Site, incompressible, skipped};

/// A local header.
struct Local {
    name: String,
    flags: u16,
    method: u16,
    dos_time: u32,
    packed: u32,
    size: u32,
    fields: Vec<u8>,
}

/// All local headers, found through the central directory.
fn locals(archive: &[u8]) -> Vec<Local> {
    let short = |at: usize| u16::from_le_bytes(archive[at..at + 2].try_into().expect("2 bytes"));
    let long = |at: usize| u32::from_le_bytes(archive[at..at + 4].try_into().expect("4 bytes"));
    let end = archive.len() - 22;
    let mut at = long(end + 16) as usize;
    let mut locals = Vec::new();
    for _ in 0..short(end + 10) {
        assert_eq!(archive[at..at + 4], *b"PK\x01\x02");
        let local = long(at + 42) as usize;
        at += 46 + usize::from(short(at + 28)) + usize::from(short(at + 30));
        assert_eq!(archive[local..local + 4], *b"PK\x03\x04");
        let name = usize::from(short(local + 26));
        let fields = local + 30 + name;
        locals.push(Local {
            name: String::from_utf8_lossy(&archive[local + 30..fields]).into_owned(),
            flags: short(local + 6),
            method: short(local + 8),
            dos_time: long(local + 10),
            packed: long(local + 18),
            size: long(local + 22),
            fields: archive[fields..fields + usize::from(short(local + 28))].to_vec(),
        });
    }
    locals
}

/// A folder with every kind of entry.
fn furnished() -> Site {
    let site = Site::new();
    site.write("folder/empty", b"");
    site.write("folder/tiny", b"hi");
    site.write("folder/text", &[b'a'; 5000]);
    site.write("folder/Zürich", &[b'z'; 5000]);
    site.write("folder/noise", &incompressible(50_000));
    #[cfg(unix)]
    std::os::unix::fs::symlink("tiny", site.docs().join("folder/link")).expect("a link");
    site
}

#[test]
fn archive_of_short_files_can_be_read_as_a_stream() {
    let site = furnished();
    let server = site.serve();
    for level in [6, 0] {
        let params = json!({ "path": "/docs/folder", "level": level });
        let (_, archive) = zipped(&server.client(), &params);
        let mut stream = archive.as_slice();
        let mut names = Vec::new();
        while let Some(mut entry) = zip::read::read_zipfile_from_stream(&mut stream)
            .unwrap_or_else(|error| panic!("{names:?} at level {level}: {error}"))
        {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).expect("its bytes");
            assert_eq!(bytes.len() as u64, entry.size());
            names.push(entry.name().expect("a name").into_owned());
        }
        assert_eq!(names, names_in(&archive));
        for local in locals(&archive) {
            assert_eq!(local.flags & 8, 0, "{}", local.name);
            let length = fs::metadata(site.docs().join(&local.name)).expect("it is there");
            if local.name != "folder/link" && length.is_file() {
                assert_eq!(u64::from(local.size), length.len(), "{}", local.name);
            }
        }
    }
    server.stop();
}

#[test]
fn stored_entry_has_no_data_descriptor() {
    let site = furnished();
    site.write("folder/long", &incompressible(700_000));
    let server = site.serve();
    for level in [6, 0] {
        let params = json!({ "path": "/docs/folder", "level": level });
        let (_, archive) = zipped(&server.client(), &params);
        let locals = locals(&archive);
        assert!(locals.iter().any(|local| local.method == 0));
        for local in locals {
            let is_long = local.name == "folder/long";
            assert_eq!(local.flags & 8 != 0, is_long, "{}", local.name);
            assert!(!is_long || local.method == 8);
            if local.method == 0 {
                assert_eq!(local.packed, local.size, "{}", local.name);
            }
        }
    }
    server.stop();
}

#[test]
fn java_reads_an_archive_as_a_stream() {
    const PROGRAM: &str = r#"
        import java.util.zip.*; import java.io.*;
        public class Entries {
            public static void main(String[] names) throws Exception {
                for (var name : names) try (var zip = new ZipInputStream(new BufferedInputStream(new FileInputStream(name)))) {
                    for (ZipEntry e; (e = zip.getNextEntry()) != null; )
                        System.out.println(zip.readAllBytes().length + " " + e.getTime() / 1000 + " " + e.getName());
                }
            }
        }"#;
    let site = furnished();
    site.write("folder/long", &incompressible(700_000));
    site.write("folder/zeros", &vec![0; 3_000_000]);
    let time = UNIX_EPOCH + Duration::from_secs(1_700_000_001);
    for entry in fs::read_dir(site.docs().join("folder")).expect("the folder") {
        let path = entry.expect("an entry").path();
        let file = fs::File::options().write(true).open(path).expect("a file");
        let times = FileTimes::new().set_modified(time);
        file.set_times(times).expect("its time");
    }
    let server = site.serve();
    let mut java = Command::new("java");
    let program = site.path().join("Entries.java");
    fs::write(&program, PROGRAM).expect("a file");
    java.env("TZ", "Asia/Tokyo")
        .args(["-Xshare:auto", "-XX:TieredStopAtLevel=1"])
        .arg(&program);
    for level in [6, 0] {
        let params = json!({ "path": "/docs/folder", "level": level });
        let (_, archive) = zipped(&server.client(), &params);
        let path = site.path().join(format!("{level}.zip"));
        fs::write(&path, archive).expect("a file");
        java.arg(path);
    }
    server.stop();
    let Ok(output) = java.output() else {
        return skipped("there is no java");
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let trouble = String::from_utf8_lossy(&output.stderr);
    if trouble.contains("class found on application class path") || trouble.contains("release 11") {
        return skipped("java runs no source files");
    }
    assert!(output.status.success(), "{said}{trouble}");
    for line in [
        "0 1700000001 folder/empty",
        "700000 1700000001 folder/long",
        "3000000 1700000001 folder/zeros",
        "5000 1700000001 folder/Zürich",
    ] {
        assert_eq!(said.matches(line).count(), 2, "{line} in {said}");
    }
}

#[test]
fn local_header_has_the_modification_time() {
    let site = Site::new();
    let (first, last) = (0x0021_0000, 0xff9f_bf7d);
    // The exact time, and MS-DOS date and time.
    let files = [
        ("a", 1_700_000_001, 0x576e_b1aa),
        ("b-1979-12-30", 315_446_399, first),
        ("c-1980-01-02", 315_619_200, 0x0022_0000),
        ("d-2108-02-11", 4_358_361_600, last),
    ];
    for (name, seconds, _) in files {
        site.write(&format!("folder/{name}"), b"x");
        let file = fs::File::options()
            .write(true)
            .open(site.docs().join("folder").join(name));
        let time = UNIX_EPOCH + Duration::from_secs(seconds);
        let times = FileTimes::new().set_modified(time);
        file.expect("a file").set_times(times).expect("its time");
    }
    let server = site.serve();
    let (_, archive) = zipped(&server.client(), &json!({ "path": "/docs/folder" }));
    let locals = locals(&archive);
    for ((name, seconds, dos), local) in files.into_iter().zip(&locals[1..]) {
        assert_eq!(local.name, format!("folder/{name}"));
        assert_eq!(local.dos_time, dos, "{name}");
        match u32::try_from(seconds) {
            Ok(seconds) => {
                let expected = [&[0x55, 0x54, 5, 0, 1][..], &seconds.to_le_bytes()].concat();
                assert_eq!(local.fields, expected, "{name}");
            }
            // The NTFS field.
            Err(_) => assert_eq!(local.fields[..4], [10, 0, 32, 0], "{name}"),
        }
    }
    server.stop();
}
