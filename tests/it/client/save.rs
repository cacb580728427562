//! Where `get` and `run` save results.

use std::path::Path;
use std::process::{Command, Output};

use super::said;
use crate::harness::Site;

fn saved(site: &Site, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
    command.args(arguments).current_dir(site.path());
    command.env("CLOAKROOM_DATA", site.data());
    command.output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn destination_is_checked_before_the_job_starts() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve();
    let url = format!("http://{}", server.address());
    for missing in ["nowhere/x.zip", "nowhere/"] {
        for arguments in [
            &["run", "--url", &url, "zip", "path=/docs/a", "-o", missing][..],
            &["run", "zip", "path=docs/a", "-o", missing],
            &["get", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "-o", missing],
        ] {
            let output = saved(&site, arguments);
            assert_eq!(output.status.code(), Some(1), "{output:?}");
            assert!(text(&output.stderr).contains(missing), "{output:?}");
            assert_eq!(text(&output.stderr).lines().count(), 1, "{output:?}");
        }
    }
    let jobs = said(&site, &["jobs"]);
    assert_eq!(jobs.lines().count(), 1, "no job was submitted: {jobs}");
    server.stop();
}

#[test]
fn folder_gets_the_result_under_its_own_name() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve();
    let id = said(&site, &["submit", "-q", "zip", "path=/docs/a"]);
    said(&site, &["wait", "-q", id.trim()]);
    std::fs::create_dir(site.path().join("results")).expect("a folder");
    for (arguments, name) in [
        (
            &["get", "-q", id.trim(), "-o", "results"][..],
            "results/a.zip",
        ),
        (
            &["get", "-q", id.trim(), "-o", "results/"],
            "results/a (1).zip",
        ),
        (
            &["run", "-q", "zip", "path=docs/a", "-o", "results"],
            "results/a (2).zip",
        ),
        (&["get", "-q", id.trim(), "-o", "results/b"], "results/b"),
        (&["get", "-q", id.trim()], "a.zip"),
    ] {
        let output = saved(&site, arguments);
        assert_eq!(text(&output.stdout).trim(), name, "{output:?}");
        assert!(site.path().join(name).is_file(), "{name}");
    }
    server.stop();
}

#[test]
fn device_is_written_to_in_place() {
    use std::os::unix::fs::FileTypeExt;
    let site = Site::new();
    site.write("a", b"a");
    let output = saved(
        &site,
        &["run", "-q", "zip", "path=docs/a", "-o", "/dev/null"],
    );
    assert!(output.status.success(), "{output:?}");
    let null = std::fs::metadata(Path::new("/dev/null")).expect("a device");
    assert!(null.file_type().is_char_device());
}
