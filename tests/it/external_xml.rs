//! External entities in documents are never loaded.

use std::net::TcpListener;

use serde_json::json;

use crate::harness::Site;

#[test]
fn external_entities_are_never_opened() {
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    // Connections would be noticed, and opening the pipe would hang: it has no writer.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a listener");
    let pipe = site.docs().join("pipe");
    let (mode, fifo) = (
        rustix::fs::Mode::from_raw_mode(0o600),
        rustix::fs::FileType::Fifo,
    );
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, fifo, mode, 0).expect("a pipe");
    let url = format!("http://{}/x", listener.local_addr().expect("bound"));
    let file = format!("file://{}", pipe.display());
    let check = |text: &str, status: &str| {
        let document = json!({ "type": "inline", "value": text });
        let params = json!({ "a": document, "b": document });
        let accepted = client.post("/v1/operations/compare", &params, 202).json();
        let job = client.ended(accepted["id"].as_str().expect("an id"));
        assert_eq!(job["status"], status, "{text}: {job}");
        if status == "failed" {
            assert_eq!(job["error"]["code"], "not_well_formed", "{text}");
        }
        let connected = listener.accept().map(|(_, from)| from);
        assert!(connected.is_err(), "{text}: {connected:?}");
    };
    for place in [url.as_str(), &file, "pipe"] {
        let external = format!("SYSTEM '{place}'");
        let whole = [
            format!("<!DOCTYPE r {external}><r/>"),
            format!("<!DOCTYPE r PUBLIC '-//x' '{place}'><r/>"),
            format!("<!DOCTYPE r [<!ENTITY % p {external}>%p;]><r/>"),
            format!("<!DOCTYPE r [<!ENTITY e {external}>]><r/>"),
            format!("<!DOCTYPE r {external}><r>&e;</r>"),
            format!("<!DOCTYPE r [<!ENTITY % p {external}>%p;]><r>&e;</r>"),
            format!(
                "<!DOCTYPE r [<!NOTATION n {external}><!ENTITY e {external} NDATA n>]><r a='e'/>"
            ),
            format!("<?xml-stylesheet href='{place}'?><r/>"),
            format!("<i:include xmlns:i='http://www.w3.org/2001/XInclude' href='{place}'/>"),
            format!(
                "<r xmlns:i='http://www.w3.org/2001/XMLSchema-instance' i:schemaLocation='u {place}'/>"
            ),
        ];
        for text in whole {
            check(&text, "succeeded");
        }
        let lacking = [
            format!("<!DOCTYPE r [<!ENTITY e {external}>]><r>&e;</r>"),
            format!("<!DOCTYPE r [<!ENTITY e {external}>]><r a='&e;'/>"),
        ];
        for text in lacking {
            check(&text, "failed");
        }
    }
    server.stop();
}
