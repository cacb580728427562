//! Programs as operations: input, output, and cleanup.

mod cgroups;
mod chain;
mod declarations;
mod example;
mod limits;
mod params;
mod progress;
mod server_crash;
mod termination;
mod write_only;

use serde_json::{Value, json};

use crate::harness::{Client, Server, Site};

/// A server with one operation `c`, a shell script.
fn serve_script(site: &Site, script: &str, more: &str) -> Server {
    site.serve_configured(&declaration(script, more))
}

fn declaration(script: &str, more: &str) -> String {
    format!("[operations.c]\ncommand = ['sh', '-c', '''{script}''', 'sh', '{{output}}']\n{more}\n")
}

fn submit(client: Client, params: &Value) -> String {
    let reply = client.post("/v1/operations/c", params, 202).json();
    reply["id"].as_str().expect("an id").to_owned()
}

/// Runs a job of `c` to its end.
fn run(client: Client, params: &Value) -> Value {
    client.ended(&submit(client, params))
}

fn result(client: Client, job: &Value) -> String {
    assert_eq!(job["status"], "succeeded", "{job}");
    let id = job["id"].as_str().expect("an id");
    let bytes = client.get(&format!("/v1/downloads/{id}"), 200).body;
    String::from_utf8(bytes).expect("text")
}

/// Sends a form with files.
fn submit_form(client: Client, parts: &[(&str, Option<&str>, &str)], status: u16) -> Value {
    let mut body = String::new();
    for (name, file, text) in parts {
        let file = file.map_or(String::new(), |file| {
            format!("; filename=\"{file}\"\r\ncontent-type: text/plain")
        });
        body.push_str(&format!(
            "--b\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n{text}\r\n"
        ));
    }
    body.push_str("--b--\r\n");
    let form = [("content-type", "multipart/form-data; boundary=b")];
    client
        .ask("POST", "/v1/operations/c", &form, body.as_bytes(), status)
        .json()
}

fn ended(client: Client, job: &Value) -> Value {
    client.ended(job["id"].as_str().expect("an id"))
}

/// All processes whose command line contains a text.
fn processes(marker: &str) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").expect("/proc").flatten();
    let lines = entries.filter_map(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        // The server's own arguments contain a temporary folder; those of commands do not.
        (line.contains(marker) && !line.contains("serve"))
            .then(|| format!("{}: {line}", entry.path().display()))
    });
    lines.collect()
}

impl Server {
    /// The number of child processes, including zombies.
    fn children(&self) -> usize {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid())).expect("tasks");
        let children = tasks.flatten().map(|task| {
            let children = std::fs::read_to_string(task.path().join("children"));
            children.map_or(0, |pids| pids.split_whitespace().count())
        });
        children.sum()
    }

    /// The peak memory in KiB.
    fn peak_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("its status");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = peak.and_then(|peak| peak.split_whitespace().next()?.parse().ok());
        number.expect("a number")
    }
}

fn work_folders(site: &Site) -> usize {
    std::fs::read_dir(site.data().join("work")).map_or(0, Iterator::count)
}

#[test]
fn command_writes_a_file_from_document_and_params() {
    let site = Site::new();
    let server = site.serve_configured(
        "[operations.c]\ntitle = 'Count'\ndescription = 'Counts lines'\n\
         command = ['sh', '-c', 'basename \"$1\"; cat \"$1\" >\"$2\"; echo \"$3\" >>\"$2\"', 'sh', '{input.doc}', '{output}', 'w={width} {words}']\n\
         output = { media-type = 'text/x-count', filename = '{input.doc.stem}-{width}.txt' }\n\
         inputs.doc = { required = true, media-types = ['text/*'] }\n\
         params.width = { type = 'integer', minimum = 1, default = 7 }\n\
         params.words = { type = 'string', default = 'none' }\n",
    );
    let client = server.client();
    let shown = client.get("/v1/operations/c", 200).json();
    assert_eq!(shown["title"], "Count");
    assert_eq!(shown["params"]["description"], "Counts lines");
    assert_eq!(shown["params"]["properties"]["width"]["default"], 7);
    assert_eq!(shown["params"]["required"], json!(["doc"]));
    assert_eq!(
        shown["inputs"],
        json!({ "doc": { "required": true, "list": false, "mediaTypes": ["text/*"] } })
    );

    let words = "two words; `rm -rf /` $HOME \"'\n*";
    let parts = [
        ("doc", Some("my notes.md"), "hello\n"),
        ("words", None, words),
    ];
    let job = ended(client, &submit_form(client, &parts, 202));
    assert_eq!(result(client, &job), format!("hello\nw=7 {words}\n"));
    assert_eq!(job["output"]["filename"], "my notes-7.txt");
    assert_eq!(job["output"]["mediaType"], "text/x-count");

    site.write("a.txt", b"from a root\n");
    let job = run(client, &json!({ "doc": "/docs/a.txt", "width": 3 }));
    assert_eq!(result(client, &job), "from a root\nw=3 none\n");
    assert_eq!(job["output"]["filename"], "a-3.txt");
    let inline = json!({ "doc": { "type": "inline", "value": "in\n" } });
    assert_eq!(result(client, &run(client, &inline)), "in\nw=7 none\n");

    for (bad, pointer) in [
        (json!({}), "#/doc"),
        (json!({ "doc": "/docs/a.txt", "width": 0 }), "#/width"),
        (json!({ "doc": "/etc/passwd" }), "#/doc"),
        (json!({ "doc": "/docs/a.txt", "words": "a\0b" }), "#/words"),
        (json!({ "doc": "/docs/a.txt", "other": 1 }), "#/other"),
        (json!({ "doc": 1 }), "#/doc"),
        (json!({ "doc": { "type": "nothing" } }), "#/doc/type"),
        (json!({ "doc": { "type": "file" } }), "#/doc/path"),
        (
            json!({ "doc": { "type": "inline", "value": 1 } }),
            "#/doc/value",
        ),
    ] {
        let problem = client.post("/v1/operations/c", &bad, 422).json();
        let error = &problem["errors"][0];
        assert_eq!(error["pointer"], pointer, "{problem}");
        let detail = error["detail"].as_str().expect("a detail");
        assert!(
            !detail.contains("anyOf"),
            "{detail} does not say what to do"
        );
    }
    let picture = [("content-type", "image/png")];
    let problem = client
        .ask("POST", "/v1/operations/c", &picture, b"x", 422)
        .json();
    assert_eq!(problem["errors"][0]["pointer"], "#/doc", "{problem}");
    let job = run(client, &json!({ "doc": "/docs/missing.txt" }));
    assert_eq!(job["error"]["code"], "source_not_found", "{job}");
    assert_eq!(work_folders(&site), 0);
    server.stop();
}

#[test]
fn stdout_is_the_default_result() {
    let site = Site::new();
    let server = site.serve_configured(
        "[limits]\nresult-bytes = 3_000_000\n\
         [operations.c]\ncommand = ['sh', '-c', 'echo noise >&2; head -c \"$1\" /dev/zero', 'sh', '{bytes}']\n\
         params.bytes = { type = 'integer', minimum = 0 }\n",
    );
    let client = server.client();
    for bytes in [0, 1, 2_999_999, 3_000_000] {
        let job = run(client, &json!({ "bytes": bytes }));
        assert_eq!(result(client, &job).len(), bytes);
        assert_eq!(job["output"]["filename"], "c");
        assert_eq!(job["output"]["mediaType"], "application/octet-stream");
    }
    let job = run(client, &json!({ "bytes": 3_000_001 }));
    assert_eq!(job["error"]["code"], "result_too_large", "{job}");
    server.stop();
}

#[test]
fn output_folder_is_one_file_or_an_archive() {
    let site = Site::new();
    let server = site.serve_configured(
        "[operations.c]\ncommand = ['sh', '-c', 'cd \"$1\"; eval \"$2\"', 'sh', '{output.dir}', '{script}']\n\
         output = { filename = 'pages' }\nparams.script = { type = 'string' }\n",
    );
    let client = server.client();
    let run = |script: &str| run(client, &json!({ "script": script }));
    let one = run("echo one >'first page.txt'");
    assert_eq!(result(client, &one), "one\n");
    assert_eq!(one["output"]["filename"], "first page.txt");

    let several =
        run("echo 1 >1.txt; mkdir sub; echo 2 >sub/2.txt; ln -s /etc/passwd link; mkfifo fifo");
    assert_eq!(several["output"]["filename"], "pages.zip", "{several}");
    assert_eq!(several["output"]["mediaType"], "application/zip");
    let id = several["id"].as_str().expect("an id");
    let bytes = client.get(&format!("/v1/downloads/{id}"), 200).body;
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).expect("an archive");
    let names: Vec<_> = archive
        .file_names()
        .map(|name| name.expect("UTF-8").into_owned())
        .collect();
    assert_eq!(names, ["1.txt", "sub/", "sub/2.txt"]);
    let text = std::io::read_to_string(archive.by_name("sub/2.txt").expect("it is there"));
    assert_eq!(text.expect("text"), "2\n");

    for nothing in ["true", "ln -s /etc/passwd x; rm x"] {
        assert_eq!(run(nothing)["error"]["code"], "no_result");
    }
    server.stop();
}

#[test]
fn symlink_is_rejected_as_result() {
    let site = Site::new();
    for script in [
        "ln -s /etc/passwd \"$1\"",
        "mkfifo \"$1\"",
        "mkdir \"$1\"",
        "true",
    ] {
        let server = serve_script(&site, script, "");
        let job = run(server.client(), &json!({}));
        assert_eq!(job["error"]["code"], "no_result", "{script}: {job}");
        server.stop();
    }
}

#[test]
fn stdout_and_stderr_are_logged_except_the_result() {
    let site = Site::new();
    let script = "echo out; exec 2>&1; echo err; echo x >\"$1\"";
    let server = serve_script(&site, script, "");
    let client = server.client();
    let log = |job: &Value| {
        let id = job["id"].as_str().expect("an id");
        let log = client.get(&format!("/v1/jobs/{id}/log"), 200).body;
        String::from_utf8(log).expect("text")
    };
    assert_eq!(log(&run(client, &json!({}))), "out\nerr\n");
    server.stop();
    let server = site.serve_configured(
        "[operations.c]\ncommand = ['sh', '-c', 'echo result; head -c 300000 /dev/zero | tr \"\\0\" x >&2; echo end >&2']",
    );
    let client = server.client();
    let job = run(client, &json!({}));
    assert_eq!(result(client, &job), "result\n");
    let id = job["id"].as_str().expect("an id");
    let log = client.get(&format!("/v1/jobs/{id}/log"), 200).body;
    assert_eq!(log.len(), 256 * 1024);
    assert!(log.ends_with(b"xend\n"));
    server.stop();
}

#[test]
fn command_environment_has_path_and_named_variables_only() {
    let site = Site::new();
    let path = site.path().join("cloakroom.toml");
    let text = "[operations.c]\ncommand = ['sh', '-c', 'env; pwd; [ \"$HOME\" = \"$1\" ] && ls -A', 'sh', '{work}']\nenv = ['NAMED', 'UNSET']\n";
    std::fs::write(&path, text).expect("a file");
    let mut command = site.command();
    command.arg("--config").arg(&path);
    command.env("NAMED", "named").env("SECRET", "s3cr3t");
    let server = site.serve_with(command);
    let client = server.client();
    let said = result(client, &run(client, &json!({})));
    let mut names: Vec<_> = said
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0))
        .collect();
    names.sort_unstable();
    // The shell adds variables of its own.
    names.retain(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name));
    assert_eq!(
        names,
        ["CLOAKROOM_ATTEMPT", "HOME", "NAMED", "PATH", "TMPDIR"]
    );
    assert!(!said.contains("s3cr3t"));
    let data = site.data().canonicalize().expect("a path");
    assert!(
        said.contains(&format!("HOME={}", data.join("work").display())),
        "{said}"
    );
    assert!(
        said.trim_end().ends_with("/home"),
        "the folder is its own and empty: {said}"
    );
    server.stop();
}

#[test]
fn values_with_leading_dash_need_permission_by_schema() {
    let site = Site::new();
    let server = site.serve_configured(
        "[operations.c]\ncommand = ['echo', '{free}', '--x={free}', '{word}', '{number}']\n\
         params.free = { type = 'string', default = '' }\n\
         params.word = { type = 'string', enum = ['-a', 'b'], default = 'b' }\n\
         params.number = { type = 'integer', default = 1 }\n",
    );
    let client = server.client();
    let problem = client
        .post("/v1/operations/c", &json!({ "free": "-rf" }), 422)
        .json();
    assert_eq!(problem["errors"][0]["pointer"], "#/free", "{problem}");
    let job = run(
        client,
        &json!({ "free": "a -rf", "word": "-a", "number": -5 }),
    );
    assert_eq!(result(client, &job), "a -rf --x=a -rf -a -5\n");
    server.stop();
}

#[test]
fn schema_permits_leading_dash_in_any_subschema() {
    let site = Site::new();
    let server = site.serve_configured(
        "[operations.c]\ncommand = ['echo', '{before}{behind}', '{flags}', '{either}', '{own}', '{level}']\n\
         params.before = { type = 'string', default = '' }\n\
         params.behind = { type = 'string', default = '' }\n\
         params.flags = { type = 'array', items = { type = 'string', enum = ['-a', 'b'] }, default = [] }\n\
         params.either = { anyOf = [{ const = '-e' }, { type = 'string', maxLength = 3 }], default = 'e' }\n\
         params.own = { type = 'string', default = '-o' }\n\
         params.level = { type = ['integer', 'null'], default = -1 }\n",
    );
    let client = server.client();
    let params = json!({ "before": "x", "behind": "-y", "flags": ["b", "-a"], "either": "-e" });
    let job = run(client, &params);
    assert_eq!(result(client, &job), "x-y b -a -e -o -1\n");
    for (bad, pointer) in [
        (json!({ "behind": "-y" }), "#/behind"),
        (json!({ "before": "-", "behind": "y" }), "#/before"),
        (json!({ "either": "-f" }), "#/either"),
        (json!({ "own": "-p" }), "#/own"),
    ] {
        let problem = client.post("/v1/operations/c", &bad, 422).json();
        let errors = problem["errors"].as_array().expect("errors");
        assert_eq!(errors.len(), 1, "{problem}");
        assert_eq!(errors[0]["pointer"], pointer, "{problem}");
    }
    server.stop();
}

#[test]
fn failure_has_exit_status_and_last_lines_of_stderr() {
    let site = Site::new();
    let server = serve_script(&site, "echo first >&2; echo last words >&2; exit 3", "");
    let client = server.client();
    let job = run(client, &json!({}));
    assert_eq!(job["error"]["code"], "exit_status");
    assert_eq!(job["error"]["innererror"]["exitStatus"], 3, "{job}");
    assert_eq!(job["error"]["innererror"]["stderr"], "first\nlast words");
    let message = &job["error"]["message"];
    assert_eq!(message, "The command ended with exit status 3: last words");
    let id = job["id"].as_str().expect("an id");
    let log = client.get(&format!("/v1/jobs/{id}/log"), 200).body;
    assert_eq!(log, b"first\nlast words\n");
    server.stop();
    let server = serve_script(&site, "kill -9 $$", "");
    let job = run(server.client(), &json!({}));
    assert_eq!(job["error"]["innererror"]["signal"], 9, "{job}");
    server.stop();
    let server = site.serve_configured("[operations.c]\ncommand = ['/nowhere/at-all']\n");
    let job = run(server.client(), &json!({}));
    assert_eq!(job["error"]["code"], "not_started", "{job}");
    assert_eq!(work_folders(&site), 0);
    server.stop();
}
