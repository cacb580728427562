//! `https`: commands through a TLS proxy with a path prefix.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

use super::words;
use crate::certificates::{CertificateAuthority, VALID};
use crate::harness::{Site, incompressible};
use crate::tls_proxy::TlsProxy;

/// A command that trusts no certificate authorities except given ones.
fn cloakroom(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
    command.args(arguments).env_remove("SSL_CERT_DIR");
    command.env("SSL_CERT_FILE", "/dev/null");
    command
}

/// The command must succeed; returns its output.
fn said(mut command: Command) -> Vec<u8> {
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{command:?}: {output:?}");
    output.stdout
}

fn line(command: Command) -> String {
    String::from_utf8(said(command))
        .expect("text")
        .trim()
        .to_owned()
}

/// The command must fail and report this in one line.
fn check_fails(mut command: Command, code: i32, part: &str) {
    let output: Output = command.output().expect("it runs");
    let text = words(&output);
    assert_eq!(output.status.code(), Some(code), "{command:?}: {text}");
    assert!(text.contains(part), "{command:?}: {text}");
    assert_eq!(text.trim_end().lines().count(), 1, "{command:?}: {text}");
}

fn file(site: &Site, name: &str, text: &str) -> PathBuf {
    let path = site.path().join(name);
    std::fs::write(&path, text).expect("a file");
    path
}

#[test]
fn every_command_works_over_https_below_a_path() {
    let site = Site::new();
    let ours = CertificateAuthority::new("ours");
    let tls = ours.server(&["localhost", "127.0.0.1"], VALID);
    let front = TlsProxy::new(Some(tls), "/cloak/room");
    let token = site.token("anna", &[]);
    let token = token.trim_start_matches("Bearer ");
    let url = format!("https://localhost:{}/cloak/room/", front.port());
    let mut command = site.command();
    command.args(["--public-url", &url]);
    let server = site.serve_with(command);
    front.forward_to(server.address());
    site.write("a", &incompressible(100_000));
    let authorities = file(&site, "ours.pem", &ours.pem());
    let command = |arguments: &[&str]| {
        let mut command = cloakroom(arguments);
        command
            .env("CLOAKROOM_URL", &url)
            .env("CLOAKROOM_TOKEN", token);
        command.env("CLOAKROOM_CA", &authorities);
        command
    };

    let id = line(command(&["submit", "-q", "zip", "path=/docs/a"]));
    said(command(&["wait", "-q", &id]));
    let job: Value =
        serde_json::from_str(&line(command(&["status", "--json", &id]))).expect("JSON");
    let own = job["links"]["self"].as_str().expect("a link");
    assert_eq!(own, format!("{url}v1/jobs/{id}"));
    let got = said(command(&["get", "-q", &id, "-o", "-"]));
    assert_eq!(job["output"]["size"], got.len());
    assert!(line(command(&["jobs"])).contains(&id));
    assert!(line(command(&["operations"])).contains("zip"));
    said(command(&["log", &id]));
    let again = line(command(&["retry", &id]));
    said(command(&["wait", "-q", &again]));
    said(command(&["delete", &again]));
    let zip = ["run", "-q", "zip", "path=/docs/a", "-o", "-", "--url", &url];
    assert!(!said(command(&zip)).is_empty());
    assert!(
        front
            .seen()
            .iter()
            .all(|line| line.contains(" /cloak/room/v1/"))
    );

    // Addressed by IP, by flags, and with the system's trusted certificates.
    let url = format!("https://127.0.0.1:{}/cloak/room", front.port());
    let flags = ["jobs", "--token", token, "--url", &url];
    let named = ["--ca", authorities.to_str().expect("text")];
    said(cloakroom(&[&flags[..], &named].concat()));
    let mut trusting = cloakroom(&flags);
    trusting.env("SSL_CERT_FILE", &authorities);
    said(trusting);
    // Outside of the prefix there is another server.
    let wrong = format!("https://localhost:{}/cloak", front.port());
    check_fails(command(&["jobs", "--url", &wrong]), 1, "502");
    check_fails(command(&["jobs", "--token", "wrong"]), 1, "token");
    server.stop();
}

#[test]
fn untrusted_certificates_are_rejected_before_any_request() {
    let site = Site::new();
    let server = site.serve();
    let (ours, theirs) = (
        CertificateAuthority::new("ours"),
        CertificateAuthority::new("theirs"),
    );
    let impostor = CertificateAuthority::new("ours");
    let authorities = file(&site, "ours.pem", &ours.pem());
    let check = |tls, part: &str| {
        let front = TlsProxy::new(tls, "");
        front.forward_to(server.address());
        let url = format!("https://localhost:{}", front.port());
        for arguments in [&["jobs"][..], &["run", "zip", "path=/docs"]] {
            let mut command = cloakroom(arguments);
            command.args(["--url", &url, "--token", "secret"]);
            command.env("CLOAKROOM_CA", &authorities);
            check_fails(command, 1, part);
        }
        assert!(front.seen().is_empty(), "nothing was said to it");
    };
    let tls = |authority: &CertificateAuthority, name, lifetime| {
        Some(authority.server(&[name], lifetime))
    };
    for authority in [theirs, impostor] {
        check(
            tls(&authority, "localhost", VALID),
            "not signed by a trusted authority; use --ca",
        );
    }
    check(
        tls(&ours, "example.org", VALID),
        "not for localhost, but for example.org",
    );
    check(tls(&ours, "127.0.0.1", VALID), "not for localhost");
    check(tls(&ours, "localhost", (2020, 2021)), "expired");
    check(tls(&ours, "localhost", (2998, 2999)), "not valid yet");

    let https = ["jobs", "--url", "https://localhost:1"];
    check_fails(cloakroom(&https), 2, "--ca");
    for (name, text, part) in [
        ("none.pem", "", "certificate"),
        ("words.pem", "no certificate", "certificate"),
    ] {
        let path = file(&site, name, text);
        let mut command = cloakroom(&https);
        command.arg("--ca").arg(path);
        check_fails(command, 2, part);
    }
    let mut command = cloakroom(&https);
    command.args(["--ca", "/nonexistent.pem"]);
    check_fails(command, 2, "/nonexistent.pem");
    // A server without TLS.
    let plain = format!("https://{}", server.address());
    let mut command = cloakroom(&["jobs", "--url", &plain]);
    command.env("CLOAKROOM_CA", &authorities);
    check_fails(command, 1, "securely");
    server.stop();
}
