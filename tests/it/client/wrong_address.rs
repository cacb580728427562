//! What commands say about wrong URLs and tokens.

use super::{cloakroom, said, words};
use crate::certificates::{CertificateAuthority, VALID};
use crate::harness::Site;
use crate::tls_proxy::TlsProxy;

#[test]
fn wrong_address_or_token_gets_a_hint() {
    let site = Site::new();
    let mut command = site.command();
    command.arg("--token-per-run");
    let server = site.serve_with(command);
    let address = server.address();
    let check = |arguments: &[&str], code, part: &str| {
        let output = cloakroom(&site, &[&["jobs"], arguments].concat());
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let text = words(&output);
        assert!(text.contains(part), "{arguments:?}: {text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    };
    said(&site, &["jobs"]);
    let hint = format!("did you mean http://{address}?");
    check(&["--url", &address.to_string()], 2, &hint);
    check(
        &["--url", "localhost:7070"],
        2,
        "did you mean http://localhost:7070?",
    );
    let plain = format!("http://{address}");
    check(&["--url", &plain], 1, "give one with --token");
    check(
        &["--url", &plain, "--token", "x"],
        1,
        "does not know this token",
    );
    let encrypted = format!("https://{address}");
    let hint = format!("does not use TLS, write {plain}");
    check(&["--url", &encrypted], 1, &hint);

    let authority = CertificateAuthority::new("ours");
    let front = TlsProxy::new(Some(authority.server(&["localhost"], VALID)), "");
    front.forward_to(address);
    let plain = format!("http://localhost:{}", front.port());
    let hint = format!("if it uses TLS, write https://localhost:{}", front.port());
    check(&["--url", &plain], 1, &hint);
    server.stop();
}
