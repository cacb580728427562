//! Callbacks when jobs end.

use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::harness::{Client, Site, wait_for};
use crate::origin::{Ask, Origin, reply};

const SECRETS: [&str; 2] = [
    "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3",
    "whsec_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4",
];

fn settings(schedule: &str) -> String {
    format!("[callbacks]\nsecrets = {SECRETS:?}\nschedule = {schedule}\n")
}

/// Submits a job that zips one small file; returns its id.
fn zip(client: &Client, site: &Site, options: &str) -> String {
    site.write("a.txt", b"a");
    let path = format!("/v1/operations/zip?{options}");
    let job = client.post(&path, &json!({ "path": "/docs/a.txt" }), 202);
    job.json()["id"].as_str().expect("an id").to_owned()
}

/// Waits until the job's callback is over; returns the job.
fn called_back(client: &Client, id: &str) -> Value {
    wait_for("the callback", || {
        let job = client.get(&format!("/v1/jobs/{id}"), 200).json();
        let state = job["callback"]["state"]
            .as_str()
            .expect("a state")
            .to_owned();
        (state != "pending").then_some(job)
    })
}

/// A receiver that gives these replies in turn, and the last one forever.
fn receiver(answers: &'static [&'static str]) -> Origin {
    Origin::new(move |ask, stream| {
        let answer = answers[ask.before.min(answers.len() - 1)];
        let (status, headers) = answer.split_once('|').unwrap_or((answer, ""));
        crate::origin::write(stream, &reply(status, headers, b""));
    })
}

fn verify(secret: &str, ask: &Ask) -> bool {
    let mut headers = http::HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        headers.insert(name, ask.header(name).parse().expect("a header"));
    }
    let webhook = Webhook::new(secret).expect("a secret");
    webhook.verify(&ask.body, &headers).is_ok()
}

#[test]
fn get_callback_names_the_job_and_post_callback_is_signed() {
    let site = Site::new();
    let server = site.serve_configured(&settings("[]"));
    let client = server.client();
    let receiver = receiver(&["204 No Content"]);
    let options = format!("callback={}%3Fx=1", receiver.url("/done"));
    let id = zip(&client, &site, &options);
    let job = called_back(&client, &id);
    let expected = json!({ "url": receiver.url("/done?x=1"), "state": "delivered", "attempts": 1, "lastError": null });
    assert_eq!(job["callback"], expected);
    let get = &receiver.asked()[0];
    assert_eq!(
        (&*get.method, &*get.path),
        ("GET", &*format!("/done?x=1&jobId={id}"))
    );

    let options = format!("callback={}&callback-method=POST", receiver.url("/hook"));
    let id = zip(&client, &site, &options);
    called_back(&client, &id);
    let asked = receiver.asked();
    let post = &asked[1];
    assert_eq!((&*post.method, &*post.path), ("POST", "/hook"));
    assert_eq!(post.header("webhook-id"), id);
    for secret in SECRETS {
        assert!(verify(secret, post), "{post:?}");
    }
    assert!(!verify("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY4", post));
    let event: Value = serde_json::from_slice(&post.body).expect("JSON");
    assert_eq!(event["type"], "job.succeeded");
    assert_eq!(event["data"]["id"], *id);
    assert_eq!(event["data"]["params"]["path"], "/docs/a.txt");
    assert_eq!(event["timestamp"], event["data"]["finishedAt"]);
    server.stop();
}

#[test]
fn failed_and_canceled_jobs_are_called_back_with_truncated_messages() {
    let site = Site::new();
    let server = site.serve_configured(&settings("[]"));
    let client = server.client();
    let receiver = receiver(&["200 OK"]);
    let options = format!("callback={}&callback-method=POST", receiver.url("/"));
    let nothing: Vec<_> = (0..900).map(|n| format!("/docs/{n:0>30}")).collect();
    let params = json!({ "path": nothing });
    let path = format!("/v1/operations/zip?{options}");
    let id = client.post(&path, &params, 202).json()["id"].clone();
    called_back(&client, id.as_str().expect("an id"));
    let asked = receiver.asked();
    assert!(asked[0].body.len() < 20_000, "{}", asked[0].body.len());
    let event: Value = serde_json::from_slice(&asked[0].body).expect("JSON");
    assert_eq!(event["type"], "job.failed");
    assert_eq!(event["data"]["error"]["code"], "source_not_found");
    assert_eq!(event["data"]["params"], Value::Null);
    server.stop();
}

#[test]
fn callback_is_retried_by_schedule_and_retry_after() {
    let site = Site::new();
    let server = site.serve_configured(&settings(r#"["100ms", "100ms"]"#));
    let client = server.client();
    let cases: [(&'static [&'static str], &str, u64, &str); 4] = [
        (
            &[
                "503 Unavailable|retry-after: 1\r\n",
                "500 Broken",
                "202 Accepted",
            ],
            "delivered",
            3,
            "",
        ),
        (&["500 Broken"], "failed", 3, "500"),
        (&["410 Gone"], "failed", 1, "410"),
        // Redirects are not followed, so the other address is never requested.
        (&["302 Found|location: /elsewhere\r\n"], "failed", 3, "302"),
    ];
    for (answers, state, attempts, error) in cases {
        let receiver = receiver(answers);
        let id = zip(&client, &site, &format!("callback={}", receiver.url("/")));
        let job = called_back(&client, &id);
        assert_eq!(job["callback"]["state"], state, "{job}");
        assert_eq!(job["callback"]["attempts"], attempts, "{job}");
        let said = job["callback"]["lastError"].as_str().unwrap_or_default();
        assert!(
            said.contains(error) && said.is_empty() == error.is_empty(),
            "{job}"
        );
        let asked = receiver.asked();
        assert_eq!(asked.len() as u64, attempts);
        assert!(
            asked.iter().all(|ask| ask.path.starts_with("/?jobId=")),
            "{asked:?}"
        );
    }
    server.stop();
}

#[test]
fn callback_is_retried_after_a_kill() {
    let site = Site::new();
    let settings = settings(r#"["1s", "1s"]"#);
    let is_up = Arc::new(AtomicBool::new(false));
    let receiver = Origin::new({
        let is_up = Arc::clone(&is_up);
        move |_, stream| {
            let status = if is_up.load(Ordering::Relaxed) {
                "200 OK"
            } else {
                "503 Unavailable"
            };
            crate::origin::write(stream, &reply(status, "", b""));
        }
    });
    let server = site.serve_configured(&settings);
    let id = zip(
        &server.client(),
        &site,
        &format!("callback={}", receiver.url("/")),
    );
    wait_for("an attempt that fails", || {
        let job = server.client().get(&format!("/v1/jobs/{id}"), 200).json();
        (job["callback"]["attempts"] == 1).then_some(())
    });
    server.kill();
    is_up.store(true, Ordering::Relaxed);
    let server = site.serve_configured(&settings);
    let job = called_back(&server.client(), &id);
    assert_eq!(job["callback"]["state"], "delivered", "{job}");
    assert_eq!(receiver.asked().len(), 2);
    server.stop();
}

#[test]
fn job_does_not_expire_before_its_callback_ends() {
    let site = Site::new();
    let settings = format!("idle-timeout = \"1s\"\n{}", settings(r#"["3s"]"#));
    let server = site.serve_configured(&settings);
    let client = server.client();
    let receiver = receiver(&["503 Unavailable", "200 OK"]);
    let id = zip(&client, &site, &format!("callback={}", receiver.url("/")));
    // No client reads the job for three times its idle timeout.
    wait_for("the second attempt", || {
        (receiver.asked().len() == 2).then_some(())
    });
    assert_eq!(client.get("/v1/jobs", 200).json()["jobs"][0]["id"], *id);
    wait_for("its end", || {
        let jobs = client.get("/v1/jobs", 200).json();
        (jobs["jobs"] == json!([])).then_some(())
    });
    client.get(&format!("/v1/jobs/{id}"), 404);
    server.stop();
}

#[test]
fn hanging_receiver_delays_no_other_callback() {
    let site = Site::new();
    let server = site.serve_configured(&settings(r#"["1h"]"#));
    let client = server.client();
    // The receiver accepts connections and never answers.
    let silent = TcpListener::bind("127.0.0.2:0").expect("a port");
    let silent = silent.local_addr().expect("its address");
    for _ in 0..4 {
        zip(&client, &site, &format!("callback=http://{silent}/"));
    }
    let endless = Origin::new(|_, stream| {
        let piece = [b'x'; 4096];
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        while stream
            .write_all(b"1000\r\n")
            .and_then(|()| stream.write_all(&piece))
            .and_then(|()| stream.write_all(b"\r\n"))
            .is_ok()
        {}
    });
    let id = zip(&client, &site, &format!("callback={}", endless.url("/")));
    let began = std::time::Instant::now();
    assert_eq!(called_back(&client, &id)["callback"]["state"], "delivered");
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    server.stop();
}

#[test]
fn receiver_that_resets_or_trickles_fails_only_the_callback() {
    let site = Site::new();
    let server = site.serve_configured(&settings(r#"["10ms"]"#));
    let client = server.client();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let resetting = format!("http://{}/", listener.local_addr().expect("its address"));
    thread::spawn(move || {
        for stream in listener.incoming() {
            // Unread input turns the close into a reset.
            let _ = stream.and_then(|stream| stream.peek(&mut [0]));
        }
    });
    let trickling = Origin::new(|_, stream| {
        for byte in b"HTTP/1.1 200 OK\r\nx-slow: yes" {
            crate::origin::write(stream, &[*byte]);
            thread::sleep(Duration::from_millis(10));
        }
    });
    let ids = [resetting, trickling.url("/")].map(|url| {
        zip(
            &client,
            &site,
            &format!("callback={url}&callback-method=POST"),
        )
    });
    for id in ids {
        let job = client.ended(&id);
        assert_eq!(job["status"], "succeeded", "{job}");
        let shown = called_back(&client, &id);
        let callback = &shown["callback"];
        assert_eq!(
            (&callback["state"], &callback["attempts"]),
            (&json!("failed"), &json!(2))
        );
        let reason = callback["lastError"].as_str().expect("a reason");
        assert!(reason.starts_with("the connection broke: "), "{reason}");
        assert_eq!(
            (&shown["status"], &shown["error"]),
            (&job["status"], &Value::Null)
        );
        client.get(&format!("/v1/downloads/{id}"), 200);
    }
    server.stop();
}

#[test]
fn forbidden_callback_address_is_rejected_at_submission() {
    let site = Site::new();
    site.write("a.txt", b"a");
    let server = site.serve();
    let client = server.client();
    for url in [
        "http://169.254.169.254/",
        "ftp://a.example/",
        "http://u:p@a.example/",
        "x",
        "http://[fe80::1]/",
    ] {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("callback", url)
            .finish();
        let path = format!("/v1/operations/zip?{query}");
        let refused = client
            .post(&path, &json!({ "path": "/docs/a.txt" }), 422)
            .json();
        assert_eq!(
            refused["errors"][0]["pointer"], "?callback",
            "{url}: {refused}"
        );
    }
    assert_eq!(client.get("/v1/jobs", 200).json()["jobs"], json!([]));
    server.stop();
}
