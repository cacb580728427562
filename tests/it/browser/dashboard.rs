//! The dashboard in a real browser.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use serde_json::{Value, json};

use super::page::Page;
use crate::harness::{Client, Server, Site, wait_for};

/// An expression: is there a row of a job in this state that contains this text?
fn row(state: &str, with: &str) -> String {
    format!(
        "[...document.querySelectorAll('#list .row')].some((row) => row.querySelector('.{state}') && row.textContent.includes({with:?}))"
    )
}

fn open(server: &Server) -> Option<Page> {
    let url = format!("http://{}/", server.address());
    Page::open(&url, server.address())
}

/// Opens the form for an operation.
fn new_job(page: &mut Page, operation: &str) {
    page.click("#new");
    page.ask(&format!(
        "(() => {{ const all = document.getElementById('operation'); all.value = {operation:?};
                   all.dispatchEvent(new Event('change')); }})()"
    ));
}

/// Clicks the button with this text in the open job.
fn act(page: &mut Page, text: &str) {
    let find = format!(
        "[...document.querySelectorAll('.actions > *')].find((one) => one.textContent === {text:?})"
    );
    page.until("document.querySelector('#details .id').textContent === location.hash.slice(1)");
    page.until(&format!("Boolean({find})"));
    page.ask(&format!("{find}.click()"));
}

fn text(page: &mut Page, selector: &str) -> String {
    let text = page.ask(&format!("document.querySelector({selector:?}).textContent"));
    text.as_str().expect("text").to_owned()
}

#[test]
fn job_is_submitted_followed_canceled_and_deleted_without_reloading() {
    let site = Site::new();
    site.write("a", b"a");
    site.write_zeros("long", 64 << 30);
    let server = site.serve();
    let Some(mut page) = open(&server) else {
        return;
    };
    page.until("!document.getElementById('none').hidden");
    page.ask("window.isOld = true");
    new_job(&mut page, "zip");
    // Errors are shown at their field, by the browser or by the server.
    page.click("#submit .primary");
    assert_eq!(page.ask("document.activeElement.id"), "param-path");
    page.ask("document.getElementById('param-path').focus()");
    page.write("/elsewhere/a");
    page.click("#submit .primary");
    page.until("document.querySelector('[data-param=path] .fault').textContent.includes('docs')");
    page.ask("document.getElementById('param-path').value = ''");
    page.write("/docs/a");
    page.click("#submit .primary");
    page.until(&row("succeeded", "/docs/a"));
    page.until("document.querySelector('#details .status').className.includes('succeeded')");
    let download = page.ask("document.querySelector('.actions a').href");
    let fetched = format!("fetch({download}).then((reply) => reply.headers.get('content-type'))");
    assert_eq!(page.ask(&fetched), "application/zip");
    act(&mut page, "Run again");
    page.until("document.querySelectorAll('#list .succeeded').length === 2");

    // Jobs of other clients are shown too, with progress.
    server.client().zip("/docs/long");
    page.until(&row("running", "/docs/long"));
    page.until("document.querySelector('#list progress').value > 0");
    page.ask("[...document.querySelectorAll('.row')].find((row) => row.querySelector('.running')).click()");
    act(&mut page, "Cancel");
    page.until(&row("canceled", "/docs/long"));
    act(&mut page, "Delete");
    page.until("document.querySelectorAll('#list li').length === 2");
    assert_eq!(page.ask("location.hash + window.isOld"), "true");

    // The link to another page opens in this one.
    let list = server.client().get("/v1/jobs", 200).json();
    let id = list["jobs"][0]["id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/jobs/{id}");
    server.client().ask("DELETE", &path, &[], b"", 200);
    page.until("document.querySelectorAll('#list li').length === 1");
    assert_eq!(page.errors(), Vec::<Value>::new());
    server.stop();
}

#[test]
fn markup_in_job_text_is_escaped_and_the_keyboard_suffices() {
    let site = Site::new();
    let hostile = "<img src=x onerror=window.hacked=1><b>bold</b>&amp;";
    std::fs::write(
        site.path().join("cloakroom.toml"),
        r#"
[operations.echo]
title = "<i>Echo</i>"
command = ["sh", "-c", "printf %s \"$1\" >&2; cat \"$2\"; exit $3", "sh", "{words}", "{input.file}", "{code}"]
inputs = { file = { required = true } }
params.words = { type = "string" }
params.code = { type = "integer", minimum = 0, maximum = 9, default = 0 }
params.kind = { type = "string", enum = ["<u>one</u>", "two"] }
params.loud = { type = "boolean" }
"#,
    )
    .expect("a file");
    let file = site.path().join("<s>name<s>.txt");
    std::fs::write(&file, b"content").expect("a file");
    let mut command = site.command();
    command
        .arg("--config")
        .arg(site.path().join("cloakroom.toml"));
    let server = site.serve_with(command);
    let Some(mut page) = open(&server) else {
        return;
    };
    page.until("!document.getElementById('none').hidden");
    new_job(&mut page, "echo");
    page.choose("#param-file", &file);
    page.ask("document.querySelector('#fields details').open = true");
    page.ask("document.getElementById('param-words').focus()");
    page.write(hostile);
    page.ask("document.getElementById('param-code').focus()");
    page.write("3");
    page.ask("document.getElementById('param-kind').value = '0'");
    page.click("#param-loud");
    page.click("#submit .primary");
    page.until(&row("failed", "<s>name<s>.txt"));
    let list = server.client().get("/v1/jobs", 200).json();
    let job = &list["jobs"][0];
    assert_eq!(job["params"]["words"], hostile);
    assert_eq!(job["params"]["code"], 3);
    assert_eq!(job["params"]["kind"], "<u>one</u>");
    assert_eq!(job["params"]["loud"], true);
    assert_eq!(job["params"]["file"]["size"], 7);
    assert_eq!(job["error"]["code"], "exit_status");

    page.until(&format!(
        "document.getElementById('log').textContent === {hostile:?}"
    ));
    let details = text(&mut page, "#details");
    assert!(details.contains("<i>Echo</i>"), "{details}");
    assert_eq!(details.matches("exit_status").count(), 1, "{details}");
    assert_eq!(details.matches("onerror").count(), 4, "{details}");
    for markup in ["img", "#main i", "#main u", "#main s", "#details b"] {
        let found = page.ask(&format!("document.querySelectorAll({markup:?}).length"));
        assert_eq!(found, 0, "{markup}");
    }
    assert_eq!(page.ask("typeof window.hacked"), "undefined");

    // Escape closes a job and focuses its row; Enter opens it again.
    page.press("Escape", 27, "");
    page.until("document.getElementById('details').hidden");
    assert_eq!(page.ask("document.activeElement.className"), "row");
    page.press("Enter", 13, "\r");
    page.until("!document.getElementById('details').hidden");
    assert_eq!(page.errors(), Vec::<Value>::new());
    // The policy's purpose: text that would become markup by mistake stops the script instead.
    let mistake = "(() => { try { document.body.innerHTML = '' } catch { return 'refused' } })()";
    assert_eq!(page.ask(mistake), "refused");
    server.stop();
}

#[test]
fn signed_in_user_sees_own_jobs_with_and_without_cookies() {
    let site = Site::new();
    site.write("a", b"a");
    let (anna, boss) = (site.token("anna", &[]), site.token("boss", &["--admin"]));
    let server = site.serve();
    let client = server.client();
    client.zip_as(&anna, "/docs/a");
    client.zip_as(&boss, "/docs/a");
    let plain = |token: &str| token.strip_prefix("Bearer ").expect("a scheme").to_owned();
    let Some(mut page) = open(&server) else {
        return;
    };
    page.until("!document.getElementById('sign-in').hidden");
    let sign_in = |page: &mut Page, token: &str| {
        page.until("document.activeElement.id === 'token'");
        page.ask("document.getElementById('token').value = ''");
        page.write(token);
        page.press("Enter", 13, "\r");
    };
    sign_in(&mut page, "wrong");
    page.until(
        "document.querySelector('#sign-in .fault').textContent === 'This token is not valid.'",
    );
    sign_in(&mut page, &plain(&anna));
    page.until("document.querySelectorAll('#list .succeeded').length === 1");
    // The page stores no token; the browser stores a cookie that scripts cannot read.
    page.reload();
    page.until("document.querySelectorAll('#list .succeeded').length === 1");
    assert_eq!(page.ask("document.cookie"), "");
    page.click(".row");
    page.until("document.querySelector('.actions a').pathname.startsWith('/v1/downloads/')");
    // The session ends with its token.
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cloakroom"));
    command.args(["token", "remove", "anna", "--data"]);
    assert!(
        command
            .arg(site.data())
            .status()
            .expect("it runs")
            .success()
    );
    wait_for("the end of the token", || {
        let headers = [("authorization", anna.as_str())];
        let reply = client.try_ask("GET", "/v1/jobs", &headers, b"");
        (reply.expect("a reply").status == 401).then_some(())
    });
    page.reload();
    page.until("!document.getElementById('sign-in').hidden");

    // From another machine over plain HTTP, browsers send no Sec-Fetch-Site, and cookies are ignored.
    page.go("http://appliance.test/");
    page.until("!document.getElementById('sign-in').hidden");
    sign_in(&mut page, &plain(&boss));
    page.until("document.querySelectorAll('#list .succeeded').length === 2");
    page.click(".row");
    page.until("document.querySelector('.actions a').pathname.startsWith('/monitor/')");
    let link = "fetch(document.querySelector('.actions a').href)";
    let fetched = page.ask(&format!("{link}.then((reply) => reply.status)"));
    assert_eq!(fetched, 200);
    client.zip_as(&boss, "/docs/a");
    page.until("document.querySelectorAll('#list .succeeded').length === 3");
    assert_eq!(page.errors(), Vec::<Value>::new());
    server.stop();
}

#[test]
fn long_list_is_paged_filtered_and_survives_a_restart() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve();
    let client = server.client();
    for number in 0..60 {
        let path = if number % 20 == 0 {
            "/docs/none"
        } else {
            "/docs/a"
        };
        client.ended(&client.zip(path));
    }
    let Some(mut page) = open(&server) else {
        return;
    };
    let rows = |page: &mut Page, expected: usize| {
        page.until(&format!(
            "document.querySelectorAll('#list li').length === {expected}"
        ));
    };
    rows(&mut page, 50);
    page.click("#more");
    rows(&mut page, 60);
    page.until("document.getElementById('more').hidden");
    assert_eq!(page.ask("document.activeElement.className"), "row");
    let order = "[...document.querySelectorAll('#list li')].map((row) => Number(row.dataset.seq))";
    let newest_first: Vec<_> = (1..=60).rev().collect();
    assert_eq!(page.ask(order), json!(newest_first));
    page.click("input[value=failed]");
    rows(&mut page, 3);
    page.click("input[value='']");
    rows(&mut page, 50);

    let port = server.address().port();
    server.stop();
    page.until("document.getElementById('health').className === 'bad'");
    let mut command = site.command();
    command.args(["--listen", &format!("127.0.0.1:{port}")]);
    let server = site.serve_with(command);
    Client::new(SocketAddr::from(([127, 0, 0, 1], port))).zip("/docs/none");
    page.until("Number(document.querySelector('#list li').dataset.seq) > 60");
    page.until("document.querySelector('#list .row').firstChild.className === 'status failed'");
    page.until("document.getElementById('health').className === 'good'");
    assert_eq!(page.errors(), Vec::<Value>::new());
    server.stop();
}

#[test]
fn dashboard_works_below_a_path_behind_a_proxy() {
    let site = Site::new();
    site.write("a", b"a");
    let token = site.token("anna", &[]);
    let front = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/below/", front.local_addr().expect("its address"));
    let mut command = site.command();
    command.args(["--public-url", url.trim_end_matches('/')]);
    let server = site.serve_with(command);
    let back = server.address();
    std::thread::spawn(move || {
        for stream in front.incoming().flatten() {
            // The browser may close the connection early.
            std::thread::spawn(move || drop(pass_on(stream, back)));
        }
    });
    let Some(mut page) = Page::open(&url, back) else {
        return;
    };
    page.until("document.activeElement.id === 'token'");
    page.write(token.strip_prefix("Bearer ").expect("a scheme"));
    page.press("Enter", 13, "\r");
    page.until("!document.getElementById('none').hidden");
    server.client().zip_as(&token, "/docs/a");
    page.until(&row("succeeded", "/docs/a"));
    page.click(".row");
    let link = "document.querySelector('.actions a')";
    page.until(&format!(
        "{link}.pathname.startsWith('/below/v1/downloads/')"
    ));
    let fetched = page.ask(&format!("fetch({link}.href).then((reply) => reply.status)"));
    assert_eq!(fetched, 200);
    assert_eq!(page.errors(), Vec::<Value>::new());
    server.stop();
}

/// Forwards one request without the first segment of its path, as a proxy does, and returns the reply.
fn pass_on(stream: TcpStream, back: SocketAddr) -> std::io::Result<()> {
    let mut server = TcpStream::connect(back)?;
    let mut client = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    client.read_line(&mut line)?;
    let line = line.replacen(" /below/", " /", 1);
    write!(
        server,
        "{line}connection: close\r\nx-forwarded-for: 192.0.2.1\r\n"
    )?;
    loop {
        let mut line = String::new();
        client.read_line(&mut line)?;
        if !line.to_ascii_lowercase().starts_with("connection:") {
            server.write_all(line.as_bytes())?;
        }
        if line.trim_end().is_empty() {
            break;
        }
    }
    let (mut to, mut answer) = (server.try_clone()?, stream);
    std::thread::spawn(move || drop(std::io::copy(&mut client, &mut to)));
    std::io::copy(&mut server, &mut answer)?;
    answer.shutdown(std::net::Shutdown::Both)
}
