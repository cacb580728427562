//! Listen addresses that cannot be used.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::Command;

use crate::harness::Site;

/// A server with this data folder and these addresses, which does not start; returns its exit code and message.
fn refused(site: &Site, data: &str, listen: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
    command.arg("serve").current_dir(site.path());
    command.args(["--data", data]);
    for address in listen {
        command.args(["--listen", address]);
    }
    let output = command.output().expect("it runs");
    assert!(output.stdout.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stderr).expect("text");
    (output.status.code().expect("an exit code"), text)
}

#[test]
fn address_in_use_is_exit_4_and_creates_no_data() {
    let site = Site::new();
    let holder = TcpListener::bind("127.0.0.1:0").expect("a port");
    let tcp = holder.local_addr().expect("its address").to_string();
    let _socket = UnixListener::bind(site.path().join("socket")).expect("a socket");
    std::fs::write(site.path().join("file"), b"").expect("a file");
    for (listen, reason) in [
        (&[tcp.as_str()][..], "in use"),
        (&["127.0.0.1:0", &tcp], "in use"),
        (&["unix:free", &tcp], "in use"),
        (&["unix:socket"], "in use"),
        (&["unix:file"], "not a socket"),
        (&["unix:twice", "unix:twice"], "in use"),
    ] {
        let (code, text) = refused(&site, "new/data", listen);
        assert_eq!(code, 4, "{listen:?}: {text}");
        assert!(text.contains("cannot listen on"), "{listen:?}: {text}");
        assert!(text.contains(reason), "{listen:?}: {text}");
        assert!(!site.path().join("new").exists(), "{listen:?}");
    }
    for name in ["free", "twice"] {
        assert!(!site.path().join(name).exists(), "{name}");
    }
}

#[test]
fn data_in_use_is_reported_before_the_address() {
    let site = Site::new();
    let server = site.serve();
    let address = server.address().to_string();
    let data = site.data();
    let data = data.to_str().expect("UTF-8");
    let (code, text) = refused(&site, data, &[&address]);
    assert_eq!(code, 3, "{text}");
    let holder = format!("in use by process {}", server.pid());
    assert!(text.contains(&holder), "{text}");
    server.stop();
    // The check left no lock behind.
    site.serve().stop();
}
