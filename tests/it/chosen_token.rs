//! A run token that the parent process chooses, and the platform's data folder.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::{Server, Site};

const TOKEN: &str = "3f9a1c0e5b7d2468ace013579bdf2468";

/// The server accepts this token only, and has not written it anywhere.
fn check_token(site: &Site, server: &Server, token: &str) {
    let client = server.client();
    client.get("/v1/jobs", 401);
    let bearer = format!("Bearer {token}");
    client.ask("GET", "/v1/jobs", &[("authorization", &bearer)], b"", 200);
    let wrong = format!("Bearer {}", token.replace('3', "4"));
    client.ask("GET", "/v1/jobs", &[("authorization", &wrong)], b"", 401);
    let announced = std::fs::read(site.data().join("server.json")).expect("a file");
    let announced: Value = serde_json::from_slice(&announced).expect("JSON");
    assert_eq!(announced["token"], Value::Null);
    assert!(!site.data().join("tokens").exists());
    for name in ["environ", "cmdline"] {
        let path = format!("/proc/{}/{name}", server.pid());
        let text = std::fs::read(path).expect("a process");
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(!text.contains(token), "{name}: {text}");
    }
}

#[test]
fn token_from_standard_input_leaves_the_rest_to_exit_with_parent() {
    let site = Site::new();
    let mut command = site.command();
    command.args(["--token-fd", "0", "--exit-with-parent"]);
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    command.stdin(reader);
    // Two lines: the second is the parent's own business.
    writer
        .write_all(format!("{TOKEN}\r\nmore\n").as_bytes())
        .expect("it is sent");
    let mut server = site.serve_with(command);
    check_token(&site, &server, TOKEN);
    drop(writer);
    assert!(server.wait().success());
}

#[test]
fn token_from_a_descriptor_may_end_without_a_line_break() {
    let site = Site::new();
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    writer.write_all(TOKEN.as_bytes()).expect("it is sent");
    drop(writer);
    // The shell gives the pipe the number 5.
    let serve = site.command();
    let mut command = Command::new("sh");
    let script = "exec 5<&0 </dev/null && exec \"$@\"";
    command.stdin(reader).args(["-c", script, "sh"]);
    command.arg(serve.get_program());
    command.args(serve.get_args()).args(["--token-fd", "5"]);
    let server = site.serve_with(command);
    check_token(&site, &server, TOKEN);
    server.stop();
}

#[test]
fn token_from_the_environment_is_removed_from_it() {
    let site = Site::new();
    let settings = "[operations.environment]\ncommand = ['env']\noutput = { media-type = 'text/plain' }\n\
                    env = ['CLOAKROOM_RUN_TOKEN']\n";
    let config = site.path().join("cloakroom.toml");
    std::fs::write(&config, settings).expect("a file");
    let mut command = site.command();
    command.arg("--config").arg(config);
    let server = site.serve_with(command_with(command, TOKEN));
    check_token(&site, &server, TOKEN);
    let client = server.client();
    let bearer = format!("Bearer {TOKEN}");
    let auth = ("authorization", bearer.as_str());
    let headers = [auth, ("prefer", "wait=30")];
    let path = "/v1/operations/environment";
    let reply = client.ask("POST", path, &headers, b"", 200);
    let text = String::from_utf8_lossy(&reply.body);
    assert!(text.contains("PATH=") && !text.contains(TOKEN), "{text}");
    server.stop();
}

fn command_with(mut command: Command, token: &str) -> Command {
    command.env("CLOAKROOM_RUN_TOKEN", token);
    command
}

#[test]
fn unusable_tokens_are_refused_before_anything_is_written() {
    let site = Site::new();
    let refused = |mut command: Command, expected: &str| {
        let output = command.output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(expected), "{said}");
        assert!(
            !said.contains("secret"),
            "the token is not repeated: {said}"
        );
        assert!(!site.data().exists(), "nothing was written");
    };
    let with_flags = |flags: &[&str]| {
        let mut command = site.command();
        command.args(flags).stdin(Stdio::null());
        command
    };
    refused(
        command_with(site.command(), "secret"),
        "fewer than 22 characters",
    );
    refused(
        command_with(site.command(), &"secret".repeat(10)),
        "fewer than 7 different",
    );
    refused(
        command_with(site.command(), &"3f9a1c0secret".repeat(50)),
        "more than 512 characters",
    );
    refused(with_flags(&["--token-fd", "0"]), "fewer than 22 characters");
    refused(
        with_flags(&["--token-fd", "1"]),
        "descriptor 1 is for output",
    );
    refused(with_flags(&["--token-fd", "9"]), "descriptor 9 is not open");
    refused(with_flags(&["--token-fd", "x"]), "invalid value 'x'");
    refused(
        command_with(with_flags(&["--token-fd", "0"]), TOKEN),
        "choose one",
    );
    // A host that keeps the pipe open without a line is not waited for forever.
    let (reader, _writer) = std::io::pipe().expect("a pipe");
    let mut silent = with_flags(&["--token-fd", "0"]);
    silent.stdin(reader);
    refused(silent, "no line within 10 seconds");
}

#[test]
fn data_auto_is_the_folder_of_the_platform() {
    let site = Site::new();
    let home = site.path().join("home");
    let data = home.join(".local/share/cloakroom");
    let own = |command: &mut Command| {
        command.env("HOME", &home).env_remove("XDG_DATA_HOME");
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
    command.args(["serve", "--data", "auto", "--listen", "127.0.0.1:0"]);
    command
        .args(["--announce", "json"])
        .env("CLOAKROOM_LOG", "warn");
    own(&mut command);
    let server = site.serve_with(command);
    assert!(data.join("cloakroom.db").exists());
    // Clients find it by the same word.
    let mut jobs = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
    jobs.args(["jobs", "--data", "auto", "--json"]);
    own(&mut jobs);
    let output = jobs.output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    server.kill();

    // XDG_DATA_HOME counts; a relative path there does not.
    let check = |variable: &str, expected: &std::path::Path| {
        let mut token = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
        token.args(["token", "add", "anna", "--data", "auto"]);
        own(&mut token);
        let output = token.env("XDG_DATA_HOME", variable).output();
        assert!(output.expect("it runs").status.success());
        assert!(expected.join("tokens").exists(), "{variable}");
    };
    let elsewhere = site.path().join("xdg");
    check(&elsewhere.to_string_lossy(), &elsewhere.join("cloakroom"));
    check("relative", &data);
}
