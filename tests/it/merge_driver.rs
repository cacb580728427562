//! `cloakroom merge-driver` and `run` on XML documents.

use std::path::Path;
use std::process::{Command, Output};

use crate::harness::Site;

fn cloakroom(folder: &Path, arguments: &[&str], code: i32) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_cloakroom"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("it ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
    output
}

/// Writes the three files and merges them; returns our file and stderr.
fn merged(site: &Site, [base, ours, theirs]: [&str; 3], code: i32) -> (String, String) {
    site.write("O", base.as_bytes());
    site.write("A", ours.as_bytes());
    site.write("B", theirs.as_bytes());
    let output = cloakroom(&site.docs(), &["merge-driver", "O", "A", "B"], code);
    let text = std::fs::read_to_string(site.docs().join("A")).expect("our file");
    (text, String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn merge_driver_writes_our_file_and_fails_on_conflicts() {
    let site = Site::new();
    let (text, _) = merged(
        &site,
        [
            "<l>\n <a/>\n</l>\n",
            "<l>\n <a/>\n <b/>\n</l>\n",
            "<l>\n <a/>\n <c/>\n</l>\n",
        ],
        0,
    );
    assert_eq!(text, "<l>\n <a/>\n <b/>\n <c/>\n</l>\n");
    let declared = "<?xml version=\"1.0\"?><l><a k='1'/></l>";
    let (text, _) = merged(
        &site,
        [declared, declared, &declared.replace("k='1'", "k='2'")],
        0,
    );
    assert_eq!(
        text,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<l><a k=\"2\"/></l>"
    );
    let (text, stderr) = merged(&site, ["<l k='1'/>", "<l k='2'/>", "<l k='3'/>"], 1);
    assert!(
        text.contains("deltaxml:deltaV2=\"base!=ours!=theirs\""),
        "{text}"
    );
    assert!(stderr.contains("1 conflict"), "{stderr}");
    // What cannot be merged stays as it is.
    let (text, stderr) = merged(&site, ["<l/>", "<l k='2'/>", "<l"], 1);
    assert_eq!(text, "<l k='2'/>");
    assert!(stderr.contains("theirs: "), "{stderr}");
}

#[test]
fn git_merges_xml_files_with_the_merge_driver() {
    let site = Site::new();
    let repository = site.docs();
    let git = |arguments: &[&str], code: i32| {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(&repository)
            .output();
        let output = output.expect("git is installed");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
    };
    let commit = |text: &str| {
        site.write("list.xml", text.as_bytes());
        git(&["add", "."], 0);
        git(
            &[
                "-c",
                "user.name=t",
                "-c",
                "user.email=t@t",
                "commit",
                "-qm",
                "change",
            ],
            0,
        );
    };
    let list = |items: &str| format!("<l>\n <i>one</i>{items}\n</l>\n");
    git(&["init", "-q", "-b", "main"], 0);
    let driver = format!(
        "\"{}\" merge-driver %O %A %B",
        env!("CARGO_BIN_EXE_cloakroom")
    );
    git(&["config", "merge.cloakroom.driver", &driver], 0);
    site.write(".gitattributes", b"*.xml merge=cloakroom\n");
    commit(&list(""));
    git(&["checkout", "-qb", "theirs"], 0);
    commit(&list("\n <i>theirs</i>"));
    git(&["checkout", "-q", "main"], 0);
    commit(&list("\n <i>ours</i>"));
    git(
        &[
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@t",
            "merge",
            "-q",
            "-m",
            "merge",
            "theirs",
        ],
        0,
    );
    let text = std::fs::read_to_string(repository.join("list.xml")).expect("the file");
    assert_eq!(text, list("\n <i>ours</i>\n <i>theirs</i>"));
}

#[test]
fn run_takes_plain_paths_and_fails_on_conflicts_if_asked() {
    let site = Site::new();
    for (name, text) in [
        ("base", "<l k='1'/>"),
        ("ours", "<l k='2'/>"),
        ("theirs", "<l k='3'/>"),
    ] {
        site.write(&format!("{name}.xml"), text.as_bytes());
    }
    let run = |arguments: &[&str], code| {
        cloakroom(&site.docs(), &[&["run"], arguments].concat(), code);
        std::fs::read_to_string(site.docs().join("out.xml")).expect("the result")
    };
    let delta = run(&["compare", "a=base.xml", "b=ours.xml", "-o", "out.xml"], 0);
    assert!(delta.contains("deltaxml:deltaV2=\"A!=B\""), "{delta}");
    let merge = [
        "merge",
        "versions=base.xml",
        "versions=ours.xml",
        "versions=theirs.xml",
        "-o",
        "out.xml",
    ];
    run(&merge, 0);
    let merged = run(
        &[&merge[..], &["format=merged", "--fail-on-conflict"]].concat(),
        1,
    );
    assert!(merged.contains("base!=ours!=theirs"), "{merged}");
    let merge = [
        "merge",
        "versions=base.xml",
        "versions=ours.xml",
        "-o",
        "out.xml",
        "--fail-on-conflict",
    ];
    run(&merge, 0);
}
