//! The examples, run as their docs say. Examples with custom operations are tested next to what they show.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::harness::{Client, Site, example, run, skipped, wait_for};

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";

/// A program whose output is read; killed on drop.
struct Program {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Program {
    fn start(command: &mut Command) -> Self {
        let spawned = command.stdout(Stdio::piped()).spawn();
        let mut child = spawned.expect("it starts");
        let stdout = child.stdout.take().expect("it is piped");
        let lines = BufReader::new(stdout).lines();
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        self.lines.next().expect("a line").expect("text")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn file(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(name)
}

#[test]
fn primes_example_runs_on_fresh_and_existing_data() {
    let site = Site::new();
    for _ in 0..2 {
        let mut command = Command::new(example("embedded"));
        let output = command.arg(site.data()).arg("10000").output();
        let output = output.expect("it runs");
        assert!(output.status.success(), "{output:?}");
        assert_eq!(output.stdout, b"1229 primes below 10000\n");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            said.ends_with("succeeded Some(100.0) %\n0 other jobs\n"),
            "{said}"
        );
    }
    site.check_tables();
}

#[test]
fn receiver_example_verifies_signatures_and_deduplicates() {
    let site = Site::new();
    site.write("a", b"a");
    let mut command = Command::new(example("callback_receiver"));
    let mut receiver = Program::start(command.arg("127.0.0.1:0").env("SECRET", SECRET));
    let url = receiver.line();
    let settings = format!("[callbacks]\nsecrets = ['{SECRET}']\nschedule = []\n");
    let server = site.serve_configured(&settings);
    let path = format!("/v1/operations/zip?callback-method=POST&callback={url}/");
    let params = json!({ "path": "/docs/a" });
    let job = server.client().post(&path, &params, 202).json();
    let id = job["id"].as_str().expect("an id");
    assert_eq!(receiver.line(), format!("job.succeeded {id}"));
    let job = wait_for("the callback", || {
        let path = format!("/v1/jobs/{id}");
        let job = server.client().get(&path, 200).json();
        (job["callback"]["state"] != "pending").then_some(job)
    });
    assert_eq!(job["callback"]["state"], "delivered", "{job}");

    let address = url.strip_prefix("http://").expect("a URL").parse();
    let client = Client::new(address.expect("an address"));
    let send = |id: &str, age: i64, secret: &str, body: &str| {
        let now = std::time::UNIX_EPOCH.elapsed().expect("a clock").as_secs() as i64;
        let webhook = Webhook::new(secret).expect("a secret");
        let signature = webhook.sign(id, now - age, body.as_bytes());
        let time = (now - age).to_string();
        let headers = [
            ("webhook-id", id),
            ("webhook-timestamp", &time),
            ("webhook-signature", &signature.expect("a signature")),
        ];
        let reply = client.try_ask("POST", "/", &headers, body.as_bytes());
        reply.expect("a reply").status
    };
    let event = r#"{"type":"job.failed"}"#;
    // First with the server's own data, then with other data.
    assert_eq!(send(id, 0, SECRET, event), 204);
    assert_eq!(send("forged", 0, &SECRET.replace('3', "4"), event), 401);
    assert_eq!(send("old", 600, SECRET, event), 401);
    assert_eq!(send("odd", 0, SECRET, "{"), 400);
    assert_eq!(send("long", 0, SECRET, &" ".repeat(100_000)), 413);
    assert_eq!(
        client
            .try_ask("GET", "/", &[], b"")
            .expect("a reply")
            .status,
        405
    );
    assert_eq!(send("next", 0, SECRET, event), 204);
    assert_eq!(receiver.line(), "job.failed next");
    server.stop();
}

/// Runs a desktop example: it zips a folder, shows the progress, saves the archive and leaves nothing else behind.
fn check_desktop(interpreter: &str, example: &str) {
    let site = Site::new();
    site.write("a", b"a");
    site.write_zeros("long", 1 << 30);
    let archive = site.path().join("out.zip");
    let command = |folder: &Path| {
        let mut command = Command::new(interpreter);
        command.arg(file(example)).arg(folder).arg(&archive);
        command.arg(env!("CARGO_BIN_EXE_cloakroom"));
        command
            .env("CLOAKROOM_LOG", "error")
            .env("TMPDIR", site.path());
        command
    };
    let output = match command(&site.docs()).output() {
        Ok(output) => output,
        Err(error) => return skipped(&format!("{interpreter}: {error}")),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let lines = said.trim_end();
    // Python prints floats, JavaScript numbers.
    let is_whole = lines.ends_with("succeeded 100.0 %") || lines.ends_with("succeeded 100 %");
    assert!(said.contains("running ") && is_whole, "{said}");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim_end(),
        archive.to_string_lossy()
    );
    let opened = std::fs::File::open(&archive).expect("an archive");
    let mut opened = zip::ZipArchive::new(opened).expect("it is one");
    assert_eq!(
        opened.by_name("source/long").expect("it is there").size(),
        1 << 30
    );
    assert_eq!(crate::copy::names(site.path()), ["docs", "out.zip"]);

    let output = command(&site.path().join("nothing")).output();
    let output = output.expect("it runs");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(crate::copy::names(site.path()), ["docs", "out.zip"]);
}

#[test]
fn python_example_shows_progress_and_saves_the_archive() {
    check_desktop("python3", "sidecar.py");
}

#[test]
fn node_example_shows_progress_and_saves_the_archive() {
    check_desktop("node", "sidecar.mjs");
}

#[test]
fn example_configuration_serves_its_operations() {
    let site = Site::new();
    let mut command = site.command();
    command.arg("--config").arg(file("cloakroom.toml"));
    let server = site.serve_with(command);
    let all = server.client().get("/v1/operations", 200).json();
    let names = all["operations"].as_array().expect("operations");
    let names: Vec<_> = names
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    for declared in [
        "convert-video",
        "convert-document",
        "office-to-pdf",
        "monthly-report",
        "zip",
    ] {
        assert!(names.contains(&declared), "{names:?}");
    }
    let report = server
        .client()
        .get("/v1/operations/monthly-report", 200)
        .json();
    assert_eq!(report["restart"], "fail", "{report}");
    assert_ne!(report["params"], Value::Null);
    let params = json!({ "month": "2016" });
    let refused = server.client().post("/start-report", &params, 422);
    assert_eq!(refused.json()["errors"][0]["pointer"], "#/month");
    server.stop();
}

#[test]
fn systemd_unit_is_valid() {
    let folder = tempfile::tempdir().expect("a folder");
    let unit = folder.path().join("cloakroom.service");
    let text = std::fs::read_to_string(file("cloakroom.service")).expect("the unit");
    // systemd checks that the named programs exist.
    let text = text.replace("/usr/local/bin/cloakroom", env!("CARGO_BIN_EXE_cloakroom"));
    std::fs::write(&unit, text).expect("a file");
    if let Err(error) = Command::new("systemd-analyze").arg("--version").output() {
        return skipped(&format!("systemd-analyze: {error}"));
    }
    let mut verify = Command::new("systemd-analyze");
    run(verify.args(["verify", "--man=no"]).arg(&unit)).expect("it is in order");
}
