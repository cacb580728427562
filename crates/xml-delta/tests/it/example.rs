//! The example in the crate docs.

use std::path::PathBuf;
use std::process::Command;

/// Cargo builds examples next to the folder of the test program.
fn example() -> PathBuf {
    let test = std::env::current_exe().expect("the test has a path");
    let profile = test
        .ancestors()
        .nth(2)
        .expect("the profile's folder in target");
    profile.join("examples").join("compare")
}

#[test]
fn compare_example_writes_a_delta_or_a_page() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("the folder is writable");
    };
    write("old.xml", "<list><entry>one</entry></list>");
    write(
        "new.xml",
        "<list><entry>one</entry><entry>two</entry></list>",
    );
    let run = |format: &[&str]| {
        let mut command = Command::new(example());
        command
            .current_dir(folder.path())
            .args(["old.xml", "new.xml"]);
        let output = command.args(format).output().expect("the example runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let delta = run(&[]);
    let added = "<entry deltaxml:deltaV2=\"B\">two</entry>";
    assert!(delta.contains(added), "{delta}");
    assert!(run(&["page"]).starts_with("<!DOCTYPE html>"));
}
