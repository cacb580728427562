//! XML in encodings other than UTF-8: a charset given outside of a document overrides its declaration.

use std::io::Read;

use serde_json::{Value, json};

use crate::harness::{Client, Site, wait_for};
use crate::origin::{Origin, reply, write};

const COMPARE: &str = "/v1/operations/compare";
const LATIN_1: &str = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><r>é</r>";
const OTHER: &str = "<r>x</r>";

fn latin_1(text: &str) -> Vec<u8> {
    let byte = |c| u8::try_from(u32::from(c)).expect("Latin-1");
    text.chars().map(byte).collect()
}

fn inline(text: &str) -> Value {
    json!({ "type": "inline", "value": text })
}

/// Submits a comparison; returns the finished job.
fn ended(client: Client, content_type: &str, body: &[u8]) -> Value {
    let headers = [("content-type", content_type)];
    let job = client.ask("POST", COMPARE, &headers, body, 202).json();
    client.ended(job["id"].as_str().expect("an id"))
}

fn compared(client: Client, params: &Value) -> Value {
    ended(client, "application/json", params.to_string().as_bytes())
}

/// The special letter must be in the job's result.
fn check_kept(client: Client, job: &Value, label: &str) {
    assert_eq!(job["status"], "succeeded", "{label}: {job}");
    let id = job["id"].as_str().expect("an id");
    let delta = client.get(&format!("/v1/downloads/{id}"), 200);
    let delta = String::from_utf8(delta.body).expect("UTF-8");
    assert!(delta.contains(">é<"), "{label}: {delta}");
}

/// A form whose part `a` has this type, and `b` is [`OTHER`].
fn form(a: &[u8], media_type: &str) -> Vec<u8> {
    let head = |name: &str, media_type: &str| {
        format!(
            "--B\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{name}.xml\"\r\n\
             Content-Type: {media_type}\r\n\r\n"
        )
    };
    let end = format!("\r\n{}{OTHER}\r\n--B--\r\n", head("b", "text/xml"));
    [head("a", media_type).as_bytes(), a, end.as_bytes()].concat()
}

#[test]
fn declaration_in_a_json_string_is_ignored() {
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    for name in ["ISO-8859-1", "utf-16", "UTF-8", "windows-1252", "US-ASCII"] {
        let text = format!("<?xml version=\"1.0\" encoding=\"{name}\"?><r>é</r>");
        for text in [text.clone(), format!("\u{feff}{text}")] {
            let job = compared(client, &json!({ "a": inline(&text), "b": inline(OTHER) }));
            check_kept(client, &job, &text);
        }
    }
}

#[test]
fn charset_of_a_form_part_overrides_the_declaration() {
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    let submit = |a: &[u8], media_type: &str| {
        ended(
            client,
            "multipart/form-data; boundary=B",
            &form(a, media_type),
        )
    };
    let undeclared = latin_1("<r>é</r>");
    let job = submit(&undeclared, "application/xml; charset=ISO-8859-1");
    check_kept(client, &job, "no declaration");
    let a = &job["params"]["a"];
    assert_eq!(a["mediaType"], "application/xml", "{job}");
    assert_eq!(a["charset"], "ISO-8859-1", "{job}");
    let job = submit(LATIN_1.as_bytes(), "text/xml; charset=\"utf-8\"");
    check_kept(client, &job, "another declaration");
    let marked = format!("\u{feff}{LATIN_1}");
    let job = submit(marked.as_bytes(), "text/xml; charset=ISO-8859-1");
    check_kept(client, &job, "a byte order mark");

    let job = submit(&undeclared, "application/xml; charset=klingon");
    assert_eq!(job["error"]["code"], "not_well_formed", "{job}");
    let message = job["error"]["message"].as_str().expect("a message");
    assert!(message.contains("klingon"), "{message}");
}

#[test]
fn form_field_is_decoded_by_its_charset() {
    let site = Site::new();
    site.write("é.xml", LATIN_1.as_bytes());
    let server = site.serve();
    let submit = |charset: &str, expected: u16| {
        let field = |name: &str| {
            format!(
                "--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\
                 Content-Type: text/plain{charset}\r\n\r\n/docs/é.xml\r\n"
            )
        };
        let body = latin_1(&format!("{}{}--B--\r\n", field("a"), field("b")));
        let headers = [("content-type", "multipart/form-data; boundary=B")];
        let reply = server.client();
        reply.ask("POST", COMPARE, &headers, &body, expected).json()
    };
    let job = submit("; charset=ISO-8859-1", 202);
    assert_eq!(job["params"]["a"], "/docs/é.xml", "{job}");
    for (charset, named) in [("", "UTF-8"), ("; charset=klingon", "klingon")] {
        let detail = submit(charset, 400)["detail"].to_string();
        assert!(detail.contains(named), "{detail}");
    }
}

#[test]
fn charset_of_a_raw_body_survives_a_restart() {
    let site = Site::new();
    let server = site.serve();
    let delta = compared(
        server.client(),
        &json!({ "a": inline("<r>é</r>"), "b": inline(OTHER) }),
    );
    let id = delta["id"].as_str().expect("an id");
    let delta = server.client().get(&format!("/v1/downloads/{id}"), 200);
    let text = String::from_utf8(delta.body).expect("UTF-8");
    let text = text.replace("encoding=\"UTF-8\"", "encoding=\"utf-16\"");
    server.stop();

    // This job occupies the only worker, so the next job is still queued when the server is killed.
    let hanging = Origin::new(|_, stream| drop(stream.read(&mut [0])));
    let mut command = site.command();
    command.args(["--workers", "1"]);
    let server = site.serve_with(command);
    let fetch = json!({ "uri": hanging.url("/") });
    server.client().post("/v1/operations/fetch", &fetch, 202);
    wait_for("the fetch job's request", || {
        (!hanging.asked().is_empty()).then_some(())
    });
    let headers = [("content-type", "application/xml; charset=ISO-8859-1")];
    let path = "/v1/operations/extract?version=A";
    let job = server
        .client()
        .ask("POST", path, &headers, &latin_1(&text), 202);
    let id = job.json()["id"].as_str().expect("an id").to_owned();
    server.kill();

    let server = site.serve();
    let job = server.client().ended(&id);
    check_kept(server.client(), &job, "extracted");
}

#[test]
fn charset_of_a_reply_overrides_the_declaration() {
    let origin = Origin::new(|ask, stream| {
        let (media_type, body) = match ask.path.as_str() {
            "/latin" => ("text/xml; charset=iso-8859-1", latin_1("<r>é</r>")),
            _ => ("application/xml;charset=UTF-8", LATIN_1.into()),
        };
        let headers = format!("content-type: {media_type}\r\n");
        write(stream, &reply("200 OK", &headers, &body));
    });
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    for path in ["/latin", "/declared"] {
        let uri = origin.url(path);
        let http = json!({ "type": "http", "uri": uri });
        let job = compared(client, &json!({ "a": http, "b": inline(OTHER) }));
        check_kept(client, &job, path);
        // The same for the result of another job, which has the media type of the reply.
        let fetch = client.post("/v1/operations/fetch", &json!({ "uri": uri }), 202);
        let id = fetch.json()["id"].as_str().expect("an id").to_owned();
        client.ended(&id);
        let fetched = json!({ "type": "job", "id": id });
        let job = compared(client, &json!({ "a": fetched, "b": inline(OTHER) }));
        check_kept(client, &job, path);
    }
}

#[test]
fn encoding_of_a_file_comes_from_its_declaration() {
    let site = Site::new();
    site.write("declared.xml", &latin_1(LATIN_1));
    let server = site.serve();
    let client = server.client();
    let job = compared(
        client,
        &json!({ "a": "/docs/declared.xml", "b": inline(OTHER) }),
    );
    check_kept(client, &job, "declared.xml");
}

#[test]
fn deltaxml_request_is_decoded_by_its_charset() {
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    let request = |a: &str| {
        let a = a.replace('&', "&amp;").replace('<', "&lt;");
        format!(
            "<compare><input-a type='inline'><value>{a}</value></input-a>\
             <input-b type='inline'><value>&lt;r>x&lt;/r></value></input-b></compare>"
        )
    };
    let check = |body: &[u8], media_type: &str, expected: u16| {
        let headers = [("content-type", media_type)];
        let path = "/api/xml-data-compare/v1/compare";
        let reply = client
            .try_ask("POST", path, &headers, body)
            .expect("a reply");
        let text = String::from_utf8(reply.body).expect("UTF-8");
        assert_eq!(reply.status, expected, "{media_type}: {text}");
        assert_eq!(
            text.contains(">é<"),
            expected == 200,
            "{media_type}: {text}"
        );
        text
    };
    let (xml, plain) = ("application/xml", request("<r>é</r>"));
    let declared = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>".to_owned() + &plain;
    check(request(LATIN_1).as_bytes(), xml, 200);
    check(&latin_1(&declared), xml, 200);
    check(declared.as_bytes(), "application/xml; charset=utf-8", 200);
    check(&latin_1(&plain), "text/xml; charset=ISO-8859-1", 200);
    let text = check(plain.as_bytes(), "text/xml; charset=klingon", 400);
    assert!(text.contains("klingon"), "{text}");
}
