//! The configuration file, the environment and the flags.

use std::process::{Command, Output};

use crate::harness::{Server, Site, incompressible};

impl Site {
    /// Writes a configuration file; returns the command line of a server with that file and no other options.
    pub(crate) fn configured(&self, text: &str) -> Command {
        let path = self.path().join("cloakroom.toml");
        std::fs::write(&path, text).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
        command.arg("serve").current_dir(self.path());
        command.args(["--config", "cloakroom.toml"]);
        command
    }

    /// A server with the usual test flags and this file.
    pub(crate) fn serve_configured(&self, text: &str) -> Server {
        self.serve_with(self.command_configured(text))
    }

    /// The command line of [`Site::serve_configured`].
    pub(crate) fn command_configured(&self, text: &str) -> Command {
        let path = self.path().join("cloakroom.toml");
        std::fs::write(&path, text).expect("a file");
        let mut command = self.command();
        command.arg("--config").arg(path);
        command
    }
}

fn said(output: &Output) -> &str {
    str::from_utf8(&output.stderr).expect("UTF-8")
}

#[track_caller]
pub(crate) fn check_refused(command: &mut Command, parts: &[&str]) {
    let output = command.arg("--check-config").output().expect("it runs");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(output.stdout.is_empty());
    for part in parts {
        assert!(
            said(&output).contains(part),
            "no {part:?} in {:?}",
            said(&output)
        );
    }
}

#[test]
fn errors_in_the_configuration_have_line_numbers() {
    let site = Site::new();
    let cases: &[(&str, &[&str])] = &[
        (
            "\n\nlisen = 1",
            &[
                "cloakroom.toml:3: unknown key \"lisen\", expected one of \"data\", \"listen\"",
                "\"limits\"",
                "did you mean \"listen\"?",
            ],
        ),
        ("data = [", &["cloakroom.toml:1: "]),
        ("config = 'x'", &["1: unknown key \"config\""]),
        (
            "listen = [\"127.0.0.1:0\",\n \"nowhere\"]",
            &[
                "1: listen: invalid value \"nowhere\": expected IP:PORT or unix:PATH",
                "expected IP:PORT",
            ],
        ),
        (
            "idle-timeout = 90",
            &[
                "1: idle-timeout: invalid value \"90\"",
                "expected a duration like",
            ],
        ),
        (
            "idle-timeout = 'soon'",
            &["1: idle-timeout: invalid value \"soon\": expected a duration like \"90s\""],
        ),
        (
            "listen = 3",
            &["1: listen: expected a string or a list of strings, found an integer"],
        ),
        (
            "workers = 0",
            &["1: workers: invalid value \"0\"", "1..=65535"],
        ),
        (
            "announce = 'xml'",
            &[
                "1: announce: invalid value \"xml\"",
                "expected one of text, json",
            ],
        ),
        (
            "insecure-no-token = 'no'",
            &["1: insecure-no-token: expected true or false, found a string"],
        ),
        (
            "data = ['a']",
            &["1: data: expected a string, found an array"],
        ),
        ("listen = '0.0.0.0:7070'", &["--insecure-no-token"]),
        (
            "[roots]\ndocs = 'x'\n'a b' = 'x'",
            &["3: ", "invalid root name \"a b\""],
        ),
        (
            "[roots]\nhere = '/'\ndocs = '/there-is-none:ro'",
            &[
                "toml:3: the root /there-is-none cannot be used",
                "expected a folder",
            ],
        ),
        (
            "\nroot = ['/', 'docs=/there-is-none']",
            &["toml:2: the root /there-is-none cannot be used"],
        ),
        (
            "root = 'docs=/'\n[roots]\ndocs = '/tmp'",
            &["toml:3: the root /tmp cannot be used: another root is already named /docs"],
        ),
        (
            "data = 5",
            &["1: data: expected a string, found an integer"],
        ),
        (
            "host = [5]",
            &["1: host: expected a string or a list of strings, found an integer"],
        ),
        (
            "dialects = ['onedrive', 'x']",
            &["1: dialects: ", "unknown dialect \"x\""],
        ),
        (
            "limits = 5",
            &["1: limits: expected a table, found integer 5"],
        ),
        ("[operations]\nzip = 5", &["2: ", "expected a table"]),
        (
            "[limits]\nqueue = '1'",
            &["2: queue: expected a whole number, found string \"1\""],
        ),
        ("[callbacks]\nallow = 'a'", &["2: ", "expected a list"]),
        (
            "[limits]\nqueue = 1\nresult-byte = 1",
            &[
                "3: unknown key \"result-byte\", expected one of \"params-bytes\"",
                "did you mean \"result-bytes\"?",
            ],
        ),
        (
            "[limits]\nresult-bytes = '1 barrel'",
            &[
                "2: ",
                "\"1 barrel\"",
                "expected bytes as a number or with a unit",
            ],
        ),
        (
            "[limits]\nresult-bytes = -1",
            &["2: result-bytes: expected bytes", "found integer -1"],
        ),
        (
            "[limits]\nqueue = 0",
            &["2: queue: ", "at least 1, found integer 0"],
        ),
        (
            "[limits]\nheader-time = '0s'",
            &["2: ", "expected a duration"],
        ),
        (
            "[callbacks]\nallow = ['10.0.0.0/99']",
            &["2: ", "neither a host's name, an address, nor a network"],
        ),
        (
            "[callbacks]\nsecrets = ['s3cr3t']",
            &["2: secrets: ", "whsec_"],
        ),
        (
            "[callbacks]\nschedule = ['5s', 'soon']",
            &["2: ", "expected a duration"],
        ),
        (
            "[operations]\nzap.timeout = '1s'",
            &["2: \"zap\" is not a built-in operation"],
        ),
        (
            "[operations.zip]\nenv = ['A']",
            &["2: unknown key \"env\", expected one of \"timeout\""],
        ),
        (
            "[operations.zip]\non-restart = 'retry'",
            &["2: on-restart: unknown value \"retry\", expected \"requeue\" or \"fail\""],
        ),
        (
            "[[route]]\noperation = 'zip'",
            &["1: missing key \"submit\""],
        ),
        (
            "[[route]]\noperation = 'zip'\nsubmit = '/a'\nstatus = '/b'\nresult = '/c/{id}'",
            &["4: ", "with one {id} in it"],
        ),
    ];
    for (text, parts) in cases {
        check_refused(&mut site.configured(text), parts);
    }
    let secret = "[callbacks]\nsecrets = ['s3cr3t']";
    let output = site.configured(secret).output().expect("it runs");
    assert!(
        !said(&output).contains("s3cr3t"),
        "a secret is not repeated"
    );
}

#[test]
fn invalid_variable_or_flag_is_named_in_the_error() {
    let site = Site::new();
    let mut command = site.configured("");
    command.env("CLOAKROOM_WORKERS", "many");
    check_refused(&mut command, &["CLOAKROOM_WORKERS: invalid value \"many\""]);
    let mut command = site.configured("");
    command.env("CLOAKROOM_INSECURE_NO_TOKEN", "perhaps");
    check_refused(
        &mut command,
        &["CLOAKROOM_INSECURE_NO_TOKEN: invalid value \"perhaps\""],
    );
    let mut command = site.configured("");
    command.env("CLOAKROOM_LOG", "hyper=loud");
    check_refused(
        &mut command,
        &["CLOAKROOM_LOG: invalid value \"hyper=loud\": expected a level (off, error, warn"],
    );
    let mut command = site.configured("");
    check_refused(
        command.args(["--workers", "many"]),
        &["'many'", "--workers"],
    );
    let mut command = site.configured("");
    check_refused(
        command.args(["--public-url", "ftp://example.org"]),
        &["--public-url", "http(s)://HOST[:PORT][/PATH]"],
    );
    let mut command = site.configured("");
    let docs = site.docs();
    for _ in 0..2 {
        command
            .arg("--root")
            .arg(format!("twice={}", docs.display()));
    }
    check_refused(&mut command, &["another root is already named /twice"]);
    let mut command = site.configured("");
    command.env("CLOAKROOM_CONFIG", "elsewhere.toml");
    assert!(
        command
            .arg("--check-config")
            .status()
            .expect("it runs")
            .success(),
        "the flag counts"
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
    command
        .arg("serve")
        .env("CLOAKROOM_CONFIG", "elsewhere.toml");
    check_refused(&mut command, &["cannot read elsewhere.toml"]);
}

#[test]
fn check_config_accepts_a_valid_file_and_changes_nothing() {
    let site = Site::new();
    let text = format!(
        "data = 'fresh'\nlisten = ['127.0.0.1:0', '[::1]:0']\nroot = ['{0}:ro']\nworkers = 3\nhost = 'a.test'\n\
         idle-timeout = '1h 30m'\ndrain-timeout = '1s'\nannounce = 'json'\ninsecure-no-token = false\n\
         dialects = ['onedrive', 'custom']\n\
         [roots]\nmore = '{0}'\n\
         [limits]\nparams-bytes = 1000\nupload-bytes = '1 GiB'\nresult-bytes = '1.5 GiB'\ndocument-bytes = 9\ndocument-memory = '1 GiB'\n\
         database-bytes = '10 GiB'\nfree-disk-bytes = 0\nqueue = 5\nconnections = 6\nheader-time = '1s'\n\
         idle-time = '2s'\nbody-idle-time = '3s'\n\
         [callbacks]\nallow = ['hooks.test', '10.0.0.0/8']\nschedule = ['1s']\nper-host = 1\n\
         secrets = ['whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3']\n\
         [operations.zip]\ntimeout = '1m'\nconcurrency = 1\non-restart = 'fail'\nmax-attempts = 1\nidle-timeout = '1s'",
        site.docs().display()
    );
    let output = site
        .configured(&text)
        .arg("--check-config")
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(output.stdout, b"configuration is valid\n");
    assert_eq!(said(&output), "");
    assert!(
        !site.path().join("fresh").exists(),
        "the data is not touched"
    );
}

#[test]
fn flag_beats_environment_beats_file() {
    let site = Site::new();
    let port = |command: &mut Command| {
        let server = site.try_serve_with(std::mem::replace(command, Command::new("true")));
        server.expect("the server starts").address().port()
    };
    // Three ports that are probably free.
    let taken: Vec<_> = (0..3)
        .map(|_| std::net::TcpListener::bind("127.0.0.1:0").expect("a port"))
        .collect();
    let ports: Vec<_> = taken
        .iter()
        .map(|listener| listener.local_addr().expect("its address").port())
        .collect();
    drop(taken);
    let text = format!(
        "announce = 'json'\ndata = 'data'\nlisten = '127.0.0.1:{}'",
        ports[0]
    );
    let mut command = site.configured(&text);
    assert_eq!(port(&mut command), ports[0]);
    let mut command = site.configured(&text);
    command.env("CLOAKROOM_LISTEN", format!("127.0.0.1:{}", ports[1]));
    assert_eq!(port(&mut command), ports[1]);
    let mut command = site.configured(&text);
    command.env("CLOAKROOM_LISTEN", format!("127.0.0.1:{}", ports[1]));
    command.args(["--listen", &format!("127.0.0.1:{}", ports[2])]);
    assert_eq!(port(&mut command), ports[2]);
}

#[test]
fn operations_list_max_interrupted_attempts() {
    let site = Site::new();
    let server = site.serve_configured(
        "[operations.zip]\non-restart = 'fail'\n[operations.compare]\nmax-attempts = 5\n\
         [operations.c]\ncommand = ['true']\n[operations.d]\ncommand = ['true']\nmax-attempts = 1",
    );
    for (name, attempts) in [
        ("c", 3),
        ("d", 1),
        ("merge", 3),
        ("fetch", 3),
        ("copy", 10),
        ("compare", 5),
        ("zip", 1),
    ] {
        let path = format!("/v1/operations/{name}");
        let operation = server.client().get(&path, 200).json();
        assert_eq!(operation["maxAttempts"], attempts, "{name}");
    }
    server.stop();
}

#[test]
fn built_in_operations_are_configured_by_the_file() {
    let site = Site::new();
    let server = site.serve_configured("[operations.zip]\ntimeout = '1ms'\non-restart = 'fail'\n");
    let zip = server.client().get("/v1/operations/zip", 200).json();
    assert_eq!(zip["restart"], "fail");
    // Longer than a millisecond on any machine.
    site.write_zeros("zeros", 1 << 30);
    let job = server.client().ended(&server.client().zip("/docs/zeros"));
    assert_eq!(job["status"], "failed");
    assert_eq!(job["error"]["code"], "timed_out", "{job}");
    server.stop();
}

#[test]
fn result_over_the_size_limit_fails_its_job() {
    let site = Site::new();
    site.write("a.txt", &incompressible(100_000));
    let server = site.serve_configured("[limits]\nresult-bytes = '64 KiB'\n");
    let job = server.client().ended(&server.client().zip("/docs/a.txt"));
    assert_eq!(job["error"]["code"], "result_too_large", "{job}");
    site.write("a.txt", &incompressible(10_000));
    let job = server.client().ended(&server.client().zip("/docs/a.txt"));
    assert_eq!(job["status"], "succeeded");
    server.stop();
}

#[test]
fn every_key_of_the_file_is_documented() {
    let site = Site::new();
    let output = site.configured("xyzzy = 1").arg("--check-config").output();
    let output = output.expect("it runs");
    let (_, known) = said(&output).split_once("expected one of ").expect("keys");
    let known: Vec<_> = known.split('"').skip(1).step_by(2).collect();
    assert!(known.contains(&"listen") && known.contains(&"route"));
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
    let page = std::fs::read_to_string(page).expect("the page");
    for key in known {
        let is_there = |text: String| page.contains(&text);
        assert!(
            is_there(format!("| `--{key}` |"))
                || is_there(format!("\n## `[{key}"))
                || is_there(format!("\n## `[[{key}")),
            "docs/configuration.md does not describe {key:?}"
        );
    }
}
