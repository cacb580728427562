//! Descriptions of operations: `operations NAME` and `run NAME --help`.

use std::process::{Command, Output};

use serde_json::Value;

use super::{cloakroom, said, words};
use crate::harness::Site;

const CONFIG: &str = r#"
[operations.shrink]
title = "Shrink a picture"
command = ["sh", "-c", "echo \"$1\"; cat \"$2\"", "sh", "{width}", "{input.picture}"]
output.filename = "small.txt"
inputs.picture = { required = true, media-types = ["image/*"] }
params.width = { type = "integer", minimum = 16, maximum = 7680, default = 1280, description = "The width in pixels." }
params.mode = { type = "string", enum = ["fast", "good"] }

[operations.fails]
command = ["sh", "-c", "echo last words >&2; exit 3"]
"#;

fn run(site: &Site, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
    command.arg("run").args(arguments).current_dir(site.path());
    command.output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn check_parts(page: &str, parts: &[&str]) {
    for part in parts {
        assert!(page.contains(part), "{part:?} is missing: {page}");
    }
}

const SHRINK: [&str; 5] = [
    "shrink - Shrink a picture\n",
    "\n  width  integer from 16 to 7680, default: 1280\n      The width in pixels.\n",
    "\n  mode  fast|good, required\n",
    "\n  picture  file, required: image/*\n",
    "shrink -i picture=FILE",
];

#[test]
fn operation_is_described_with_params_and_an_example() {
    let site = Site::new();
    let server = site.serve_configured(CONFIG);
    let page = said(&site, &["operations", "shrink"]);
    check_parts(&page, &SHRINK[..4]);
    check_parts(
        &page,
        &[
            "\nExample:\n  cloakroom submit shrink ",
            "-i picture=FILE",
            " mode=fast",
        ],
    );
    let json: Value =
        serde_json::from_str(&said(&site, &["operations", "shrink", "--json"])).expect("JSON");
    let wire = server.client().get("/v1/operations/shrink", 200).json();
    assert_eq!(json["params"], wire["params"]);
    for name in ["compare", "copy", "extract", "fetch", "merge", "zip"] {
        let page = said(&site, &["operations", name]);
        check_parts(
            &page,
            &["Params:", "Result: ", &format!("cloakroom submit {name} ")],
        );
        assert!(
            page.lines().all(|line| line.chars().count() <= 100),
            "{page}"
        );
    }
    for unknown in [
        &["operations", "nothing"][..],
        &["operations", "nothing", "--json"],
    ] {
        let output = cloakroom(&site, unknown);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        check_parts(&words(&output), &["\"nothing\"", "fails", "shrink", "zip"]);
    }
    assert_eq!(
        cloakroom(&site, &["operations", "../jobs"]).status.code(),
        Some(2)
    );

    let url = format!("http://{}", server.address());
    let help = run(&site, &["shrink", "--help", "--url", &url]);
    assert_eq!(help.status.code(), Some(0), "{help:?}");
    check_parts(&text(&help.stdout), &SHRINK[..4]);
    server.stop();
}

#[test]
fn run_help_describes_the_command_or_an_operation() {
    let site = Site::new();
    for arguments in [&["--help"][..], &["-h"]] {
        let help = run(&site, arguments);
        assert_eq!(help.status.code(), Some(0), "{help:?}");
        check_parts(
            &text(&help.stdout),
            &[
                "Usage: cloakroom run [OPTIONS] <OPERATION>",
                "--config <FILE>",
                "Examples:",
            ],
        );
    }
    let help = run(&site, &["zip", "-h"]);
    assert_eq!(help.status.code(), Some(0), "{help:?}");
    check_parts(
        &text(&help.stdout),
        &[
            "zip - ",
            "  level  integer from 0 to 9, default: 6",
            "cloakroom run zip path=PATH",
        ],
    );
    assert_eq!(run(&site, &["nothing", "--help"]).status.code(), Some(1));
    assert_eq!(run(&site, &[]).status.code(), Some(2));
}

#[test]
fn run_knows_the_operations_of_a_configuration_file() {
    let site = Site::new();
    std::fs::write(site.path().join("c.toml"), CONFIG).expect("a file");
    std::fs::write(site.path().join("picture"), "pixels").expect("a file");
    let with = |arguments: &[&str]| run(&site, &[&["--config", "c.toml"], arguments].concat());
    let done = with(&[
        "-q",
        "shrink",
        "mode=fast",
        "width=99",
        "-i",
        "picture=picture",
    ]);
    assert_eq!(text(&done.stdout), "small.txt\n", "{done:?}");
    let saved = std::fs::read_to_string(site.path().join("small.txt")).expect("a file");
    assert_eq!(saved, "99\npixels");
    check_parts(&text(&with(&["shrink", "--help"]).stdout), &SHRINK[..4]);

    let failed = with(&["-q", "fails"]);
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    check_parts(&words(&failed), &["exit status 3", "\n  last words"]);
    assert!(!words(&failed).contains("cloakroom log"), "{failed:?}");
    let url = with(&["fails", "--url", "http://127.0.0.1:1"]);
    assert_eq!(url.status.code(), Some(2), "{url:?}");
    std::fs::write(
        site.path().join("c.toml"),
        "\n[operations.x]\ncommand = 3\n",
    )
    .expect("a file");
    let wrong = with(&["x"]);
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
    check_parts(&words(&wrong), &["c.toml:3"]);
    assert_eq!(
        run(&site, &["--config", "missing.toml", "x"]).status.code(),
        Some(2)
    );
}
