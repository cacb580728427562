//! `serve --check-config` reports all errors at once, and warns of programs that cannot be found.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use crate::harness::Site;

fn lines(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines().map(str::to_owned).collect()
}

fn check(command: &mut Command) -> Output {
    command.arg("--check-config").output().expect("it runs")
}

const MANY_FAULTS: &str = r#"listen = "nowhere"
workers = 0
lisen = "127.0.0.1:0"
host = [5, "a b", "fine.test"]
root = ["docs=/there-is-none", "docs=/nor-here"]

[limits]
queue = 0
header-time = "soon"
result-byte = 1

[callbacks]
per-host = "many"
secrets = ["s3cr3t"]

[operations.zip]
timeout = "1 moment"
env = ["A"]

[operations.nothing]
timeout = "1s"

[operations.convert]
command = ["true", "{nope}", "{width}", "{other}"]
progress = ["(", "(?<percent>x)", "[", "x"]
params.width = { type = "integer" }
output = { media-type = "x" }
env = ["A=B", "C"]
inputs.a = { require = true }
inputs.b = { media-types = "x" }

[operations.show]
command = ["true", "{nope}", "{width}", "{other}"]
progress = ["(", "(?<percent>x)", "["]
params.width = { type = "integer" }
output = { media-type = "x" }
env = ["A=B", "C"]

[operations.scale]
command = ["true", "{width}"]
params.width = { type = "integr" }
params.height = 5

[[route]]
operation = "show"
submit = "/a"
status = "/a/{id}"
result = "/a/{id}/r"

[[route]]
operation = "none"
submit = "/b"
status = "/b/{id}"
result = "/b/{id}/r"

[[route]]
operation = "scale"
submit = "/a"
status = "/c/{id}"
result = "/c/{id}/r"

[[route]]
operation = "zip"
submit = 3
status = "/c"
"#;

#[test]
fn all_errors_are_reported_at_once() {
    let site = Site::new();
    let mut command = site.configured(MANY_FAULTS);
    command.env("CLOAKROOM_IDLE_TIMEOUT", "soon");
    let output = check(&mut command);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let found = lines(&output);
    let expected = [
        "CLOAKROOM_IDLE_TIMEOUT: invalid value \"soon\"",
        "cloakroom.toml:1: listen: invalid value \"nowhere\"",
        "cloakroom.toml:2: workers: invalid value \"0\"",
        "cloakroom.toml:3: unknown key \"lisen\"",
        "cloakroom.toml:4: host: invalid value \"a b\"",
        "cloakroom.toml:4: host: expected a string or a list of strings",
        "cloakroom.toml:8: queue: ",
        "cloakroom.toml:9: header-time: ",
        "cloakroom.toml:10: unknown key \"result-byte\"",
        "cloakroom.toml:13: per-host: ",
        "cloakroom.toml:14: secrets: ",
        "cloakroom.toml:17: timeout: ",
        "cloakroom.toml:18: unknown key \"env\"",
        "cloakroom.toml:20: \"nothing\" is not a built-in operation",
        "cloakroom.toml:29: unknown key \"require\"",
        "cloakroom.toml:30: ",
        "cloakroom.toml:33: command: ",
        "cloakroom.toml:33: command: ",
        "cloakroom.toml:34: progress: ",
        "cloakroom.toml:34: progress: ",
        "cloakroom.toml:36: output.media-type: ",
        "cloakroom.toml:37: env: ",
        "cloakroom.toml:41: params.width: ",
        "cloakroom.toml:42: params.height: ",
        "cloakroom.toml:64: submit: ",
        "cloakroom.toml:65: status: ",
        "cloakroom.toml:51: [[route]]: there is no operation \"none\"",
        "cloakroom.toml:58: [[route]]: submit = \"/a\" clashes with submit = \"/a\"",
        "cloakroom.toml:5: the root /there-is-none cannot be used",
        "cloakroom.toml:5: the root /nor-here cannot be used",
    ];
    assert!(found[0].contains("errors:"), "{found:#?}");
    for (number, expected) in expected.iter().enumerate() {
        let line = found.get(number + 1).map_or("", |line| line.as_str());
        assert!(line.starts_with(expected), "{expected}\nin {found:#?}");
    }
    assert_eq!(found.len(), expected.len() + 1, "{found:#?}");
    assert!(
        !found.concat().contains("s3cr3t"),
        "a secret is not repeated"
    );
}

#[test]
fn server_with_an_invalid_file_reports_all_errors_and_does_not_start() {
    let site = Site::new();
    let mut command = site.configured("data = 'fresh'\nworkers = 0\n[limits]\nqueue = 0");
    let output = command.output().expect("it ends");
    assert_eq!(output.status.code(), Some(2));
    let found = lines(&output).join("\n");
    for part in [
        "2 errors",
        "cloakroom.toml:2: workers",
        "cloakroom.toml:4: queue",
    ] {
        assert!(found.contains(part), "{found}");
    }
    assert!(!site.path().join("fresh").exists());
}

#[test]
fn missing_program_is_a_warning() {
    let site = Site::new();
    let script = site.path().join("script");
    std::fs::write(&script, "#!/bin/sh\n").expect("a file");
    let text = format!(
        "[operations.a]\ntitle = 'A'\ncommand = ['there-is-no-such-program', 'x']\n\
         [operations.b]\ncommand = ['sh']\n\
         [operations.c]\ncommand = ['{0}']\n[operations.d]\ncommand = ['{0}/x']\n\
         [operations.e]\ncommand = ['./script']\n",
        script.display()
    );
    let output = check(&mut site.configured(&text));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(output.stdout, b"configuration is valid\n");
    let found = lines(&output);
    let expected = [
        "cloakroom: cloakroom.toml:3: warning: operations.a.command: the program \"there-is-no-such-program\" is not on PATH",
        &format!(
            "cloakroom: cloakroom.toml:7: warning: operations.c.command: {script:?} is not an executable file"
        ),
        &format!(
            "cloakroom: cloakroom.toml:9: warning: operations.d.command: \"{}/x\" is not an executable file",
            script.display()
        ),
        "cloakroom: cloakroom.toml:11: warning: operations.e.command: \"./script\" is not an executable file",
    ];
    assert_eq!(found, expected);
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    let output = check(&mut site.configured(&text));
    assert_eq!(lines(&output).len(), 2, "{output:?}");
}
