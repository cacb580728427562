//! The code blocks of the README, each of which is run or compiled.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;
use yaml_rust2::YamlLoader;

use crate::harness::{Server, example, run, skipped};

const README: &str = include_str!("../../README.md");

/// The stand-in for cargo: `cargo run` runs the program under test, and `cargo test` would run this test again.
const CARGO: &str = r#"#!/bin/sh
case "$*" in
    "run --release -- "*) shift 3; exec "$CLOAKROOM" "$@" ;;
    test) ;;
    *) echo "unexpected: cargo $*" >&2; exit 1 ;;
esac
"#;

/// The program of the README, which cargo compiles as an example.
const PROGRAM: &str = include_str!("../../examples/quickstart.rs");

/// The blocks of a language, in order.
fn blocks(language: &str) -> Vec<&'static str> {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut rest = README;
    while let Some((_, fenced)) = rest.split_once("\n```") {
        let (language, fenced) = fenced.split_once('\n').expect("a block has lines");
        let (block, after) = fenced.split_once("\n```\n").expect("a block ends");
        all.entry(language).or_default().push(block);
        rest = after;
    }
    // A block of another language needs a test here.
    let languages: Vec<_> = all.keys().copied().collect();
    let known = ["console", "mermaid", "rust", "sh", "toml", "yaml"];
    assert_eq!(languages, known);
    all.remove(language).unwrap_or_default()
}

/// A folder in which a reader pastes the blocks.
struct Reader {
    folder: TempDir,
    programs: TempDir,
}

impl Reader {
    fn new() -> Self {
        let [folder, programs] = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
        fs::create_dir(folder.path().join("src")).expect("a folder");
        fs::write(folder.path().join("src/main.rs"), "fn main() {}\n").expect("a file");
        let cargo = programs.path().join("cargo");
        fs::write(&cargo, CARGO).expect("a file");
        fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).expect("a mode");
        let program = programs.path().join("cloakroom");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_cloakroom"), program).expect("a link");
        Self { folder, programs }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A shell that runs `script` here.
    fn shell(&self, script: &str) -> Command {
        let path = std::env::var("PATH").expect("a path");
        let mut shell = Command::new("sh");
        shell.args(["-euc", script]).current_dir(self.path());
        shell.env("PATH", format!("{}:{path}", self.programs.path().display()));
        shell.env("CLOAKROOM", env!("CARGO_BIN_EXE_cloakroom"));
        // The default port may be in use, and the test wants to read the announcement.
        shell.env("CLOAKROOM_LISTEN", "127.0.0.1:0");
        shell.env("CLOAKROOM_ANNOUNCE", "json");
        shell.env("CLOAKROOM_LOG", "warn");
        shell
    }

    fn serve(&self, script: &str) -> Server {
        let command = self.shell(&format!("exec {script}"));
        Server::of(command, self.path().join("cloakroom-data"))
    }

    fn run(&self, script: &str) -> Output {
        let output = self.shell(script).output().expect("a shell");
        assert!(output.status.success(), "{script}: {output:?}");
        output
    }

    fn names(&self) -> Vec<String> {
        crate::copy::names(self.path())
    }
}

/// The commands of a console block, each with the output that the README shows.
fn session(block: &str) -> Vec<(&str, &str)> {
    let commands = block.split("$ ").skip(1);
    commands
        .map(|part| part.split_once('\n').unwrap_or((part, "")))
        .map(|(command, output)| (command, output.trim()))
        .collect()
}

/// The keys of a JSON object that is shown up to `...`.
fn shown_keys(json: &str) -> Vec<String> {
    let (shown, _) = json
        .rsplit_once(", ...}")
        .expect("the README shortens jobs");
    let shown: serde_json::Map<String, Value> =
        serde_json::from_str(&format!("{shown}}}")).expect("JSON");
    shown.keys().cloned().collect()
}

/// Checks that the first keys of `json` are those that are shown.
fn check_keys(json: &str, shown: &str) -> Value {
    let value: Value = serde_json::from_str(json).expect("JSON");
    let keys = value.as_object().expect("an object").keys().cloned();
    let expected = shown_keys(shown);
    assert_eq!(keys.take(expected.len()).collect::<Vec<_>>(), expected);
    value
}

#[test]
fn readme_commands_work_when_pasted_in_order_in_one_folder() {
    if let Err(error) = run(Command::new("curl").arg("--version")) {
        return skipped(&error);
    }
    let reader = Reader::new();
    let scripts = blocks("sh");
    let [first, serve, test] = scripts[..] else {
        panic!("a new sh block needs its place in this test: {scripts:?}");
    };
    reader.run(first);
    let made = File::open(reader.path().join("sources.zip")).expect("an archive");
    let made = zip::ZipArchive::new(made).expect("an archive");
    assert_eq!(made.len(), 2);

    let server = reader.serve(serve);
    let [console] = blocks("console")[..] else {
        panic!("a new console block needs its place in this test");
    };
    let session = session(console);
    let [(submit, replied), (wait, awaited), (download, "")] = session[..] else {
        panic!("a new command needs its place in this test: {session:?}");
    };
    let at_server = |command: &str| {
        assert!(command.contains("localhost:7070"), "{command}");
        let command = command.replace("localhost:7070", &server.address().to_string());
        String::from_utf8(reader.run(&command).stdout).expect("text")
    };
    let reply = at_server(submit);
    let (head, body) = reply.split_once("\r\n\r\n").expect("a head");
    let (shown_head, shown_body) = replied.split_once("\n\n").expect("a head");
    let names = |head: &str| -> Vec<String> {
        let (status, fields) = head.split_once('\n').expect("a status line");
        let names = fields
            .lines()
            .map(|line| line.split(':').next().unwrap_or(line));
        std::iter::once(status.trim())
            .chain(names)
            .map(str::to_ascii_lowercase)
            .collect()
    };
    let (sent, shown) = (names(head), names(shown_head));
    assert_eq!(sent, shown, "the README shows the head of the reply");
    let job = check_keys(body, shown_body);
    let old_id = shown_body.split('"').nth(3).expect("an id");
    let id = job["id"].as_str().expect("an id");
    let job = check_keys(&at_server(&wait.replace(old_id, id)), awaited);
    assert_eq!(job["status"], "succeeded", "{job}");
    at_server(&download.replace(old_id, id));
    assert_eq!(
        reader.names(),
        ["cloakroom-data", "sources.zip", "src", "src.zip"]
    );
    let fetched = File::open(reader.path().join("src.zip")).expect("an archive");
    assert_eq!(zip::ZipArchive::new(fetched).expect("an archive").len(), 2);
    assert_eq!(test, "cargo test");
    server.stop();
}

#[test]
fn readme_program_is_an_example_that_runs() {
    let (docs, program) = PROGRAM.split_once("\n\n").expect("docs");
    assert!(docs.starts_with("//! "), "{docs}");
    assert_eq!(blocks("rust"), [program.trim_end()]);
    let reader = Reader::new();
    for _ in 0..2 {
        let mut command = Command::new(example("quickstart"));
        let output = command.current_dir(reader.path()).output();
        let output = output.expect("it runs");
        assert!(output.status.success(), "{output:?}");
        assert_eq!(output.stdout, b"Hello, world!\n");
    }
    assert_eq!(reader.names(), ["greetings", "src"]);
}

#[test]
fn readme_configuration_is_valid() {
    let reader = Reader::new();
    let mut text = String::new();
    for block in blocks("toml") {
        text.push_str(block);
        text.push('\n');
        fs::write(reader.path().join("cloakroom.toml"), &text).expect("a file");
        reader.run("cloakroom serve --config cloakroom.toml --check-config");
    }
    assert_eq!(reader.names(), ["cloakroom.toml", "src"]);
}

#[test]
fn readme_prometheus_configuration_is_yaml() {
    for block in blocks("yaml") {
        let documents = YamlLoader::load_from_str(block).expect("YAML");
        let job = &documents[0]["scrape_configs"][0];
        assert_eq!(job["job_name"].as_str(), Some("cloakroom"));
        let file = job["authorization"]["credentials_file"].as_str();
        assert!(file.is_some_and(|file| file.starts_with('/')), "{file:?}");
        let target = job["static_configs"][0]["targets"][0].as_str();
        assert_eq!(target, Some("localhost:7070"));
    }
}

#[test]
fn readme_diagram_has_the_states_of_the_api() {
    let arrows: Vec<_> = blocks("mermaid")
        .iter()
        .flat_map(|block| block.lines().filter(|line| line.contains("-->")))
        .collect();
    let mut states: Vec<_> = arrows
        .iter()
        .flat_map(|arrow| {
            let (from, to) = arrow.split_once("-->").expect("an arrow");
            [from, to.split(':').next().unwrap_or(to)].map(str::trim)
        })
        .filter(|state| *state != "[*]")
        .collect();
    states.sort_unstable();
    states.dedup();
    let known = ["canceled", "failed", "queued", "running", "succeeded"];
    assert_eq!(states, known);
}
