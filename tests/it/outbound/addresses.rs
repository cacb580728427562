//! Private addresses in every notation; none is dialled.

use std::net::SocketAddr;

use cloakroom::address::{Allow, Policy, may_reach_private};
use cloakroom::outbound::{Error, Refusal};

use super::{Net, allowing, get, private_too, public_only};
use crate::origin::{Origin, reply};

/// Each URL leads to an address that is not public.
const DISGUISED: &[&str] = &[
    // Plain notation.
    "http://127.0.0.1/",
    "http://127.0.0.1:80/",
    "https://127.0.0.1/",
    "http://127.255.255.254/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",
    "http://100.127.255.255/",
    "http://169.254.169.254/latest/meta-data/",
    "http://168.63.129.16/",
    "http://192.0.0.192/",
    "http://192.0.2.1/",
    "http://198.51.100.7/",
    "http://203.0.113.9/",
    "http://198.18.0.1/",
    "http://198.19.255.255/",
    "http://192.88.99.1/",
    "http://224.0.0.1/",
    "http://239.255.255.255/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://0.0.0.0/",
    "http://0.1.2.3/",
    // Old notations of IPv4 that are still accepted by some parsers.
    "http://2130706433/",
    "http://017700000001/",
    "http://0x7f000001/",
    "http://0x7F000001/",
    "http://0177.0.0.1/",
    "http://0x7f.0.0.1/",
    "http://0x7f.0x0.0x0.0x1/",
    "http://0177.0x0.0.01/",
    "http://127.1/",
    "http://127.0.1/",
    "http://127.65530/",
    "http://0/",
    "http://0x0/",
    "http://00/",
    "http://10.1/",
    "http://192.168.257/",
    "http://0xa9fea9fe/",
    "http://2852039166/",
    "http://0251.0376.0251.0376/",
    "http://127.0.0.1./",
    "http://2130706433./",
    "http://0x7f.1./",
    // Notations that URLs allow.
    "HTTP://127.0.0.1/",
    "hTtPs://127.0.0.1/",
    "http:127.0.0.1/",
    "http:/127.0.0.1/",
    "http:///127.0.0.1/",
    "http:\\\\127.0.0.1\\",
    " http://127.0.0.1/ ",
    "ht\ntp://127.0.0.1/",
    "http://127.0.0.1\t/",
    "http://127.0.0.%31/",
    "http://%31%32%37.0.0.1/",
    "http://127%2E0%2E0%2E1/",
    "http://127.0.0.1#@public.test/",
    "http://127.0.0.1?@public.test/",
    "http://127.0.0.1\\@public.test/",
    "http://@127.0.0.1/",
    // Digits and dots of other scripts.
    "http://１２７.０.０.１/",
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
    "http://𝟏𝟐𝟕.𝟎.𝟎.𝟏/",
    // IPv6.
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[0000:0000:0000:0000:0000:0000:0000:0001]/",
    "http://[::]/",
    "http://[::0.0.0.1]/",
    "http://[fe80::1]/",
    "http://[febf::1]/",
    "http://[fec0::1]/",
    "http://[fc00::1]/",
    "http://[fd12:3456::1]/",
    "http://[fd00:ec2::254]/",
    "http://[ff02::1]/",
    "http://[2001:db8::1]/",
    "http://[3fff::1]/",
    "http://[100::1]/",
    "http://[5f00::1]/",
    "http://[2001:2::1]/",
    "http://[2001:10::1]/",
    "http://[4000::1]/",
    // IPv4 inside IPv6.
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::FFFF:7F00:0001]/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]/",
    "http://[::ffff:10.0.0.1]/",
    "http://[::ffff:169.254.169.254]/",
    "http://[::ffff:0.0.0.0]/",
    "http://[::127.0.0.1]/",
    "http://[::7f00:1]/",
    "http://[::8.8.8.8]/",
    "http://[::ffff:0:127.0.0.1]/",
    "http://[64:ff9b::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[64:ff9b::10.0.0.1]/",
    "http://[64:ff9b:1::7f00:1]/",
    "http://[64:ff9b:1:7f00:0:100::]/",
    "http://[64:ff9b:1::8.8.8.8]/",
    "http://[2002:7f00:1::]/",
    "http://[2002:a00:1::1]/",
    "http://[2002:a9fe:a9fe::1]/",
    "http://[2001:0:808:808::80ff:fffe]/",
    "http://[2001:0:7f00:1::f7f7:f7f7]/",
    "http://[2001:0:808:808::f7f7:f7f7]/",
    "http://[2606:4700::5efe:127.0.0.1]/",
    "http://[2606:4700::200:5efe:10.0.0.1]/",
];

/// Names that resolve to private addresses.
const NAMES: &[&str] = &[
    "http://localhost/",
    "http://LOCALHOST/",
    "http://localhost./",
    "http://ｌｏｃａｌｈｏｓｔ/",
    "http://loopback.test/",
    "http://loopback.test./",
    "http://LoopBack.Test/",
    "http://mapped.test/",
    "http://meta.test/",
    "http://nat64.test/",
    "http://mixed.test/",
    "http://mixed-last.test/",
    "http://zero.test/",
];

/// Not HTTP, without a host, or with extra parts.
const MALFORMED: &[&str] = &[
    "",
    "/",
    "public.test",
    "//public.test/",
    "http://",
    "http:///",
    "http://./",
    "http://[::1/",
    "http://[::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://256.256.256.256/",
    "http://1.2.3.4.5/",
    "http://0x7f.0.0.0.1/",
    "http://127.0.0.1:99999/",
    "http://public.test:x/",
    "http://pub lic.test/",
    "http://public.test%00/",
    "http://a\0.test/",
    "http://٠/",
    "http://１２７.０.０.１٠/",
    "http://user@public.test/",
    "http://user:secret@public.test/",
    "http://:secret@public.test/",
    "http://public.test@127.0.0.1/",
    "http://127.0.0.1@public.test/",
    "ftp://public.test/",
    "file:///etc/passwd",
    "file://127.0.0.1/etc/passwd",
    "gopher://127.0.0.1:6379/_SET",
    "dict://127.0.0.1:11211/",
    "ws://public.test/",
    "unix:///run/docker.sock",
    "data:text/plain,hello",
    "javascript:alert(1)",
    "jar:http://public.test/!/",
    "http+unix://%2Frun%2Fdocker.sock/",
];

fn net(server: Option<SocketAddr>) -> std::sync::Arc<Net> {
    Net::new(
        &[
            ("localhost", &[&["127.0.0.1", "::1"]]),
            ("localhost.", &[&["127.0.0.1"]]),
            ("loopback.test", &[&["127.0.0.1"]]),
            ("loopback.test.", &[&["127.0.0.1"]]),
            ("mapped.test", &[&["::ffff:127.0.0.1"]]),
            ("meta.test", &[&["169.254.169.254"]]),
            ("meta.test.", &[&["169.254.169.254"]]),
            ("nat64.test", &[&["64:ff9b::7f00:1"]]),
            ("mixed.test", &[&["10.0.0.1", "93.184.216.34"]]),
            (
                "mixed-last.test",
                &[&["93.184.216.34", "2606:2800::1", "::1"]],
            ),
            ("zero.test", &[&["0.0.0.0"]]),
            ("public.test", &[&["93.184.216.34"]]),
            ("both.test", &[&["2606:2800::1", "93.184.216.34"]]),
            ("xn--bcher-kva.test", &[&["93.184.216.34"]]),
            ("rebinding.test", &[&["93.184.216.34"], &["127.0.0.1"]]),
        ],
        server,
    )
}

#[tokio::test]
async fn no_disguised_private_address_is_dialled() {
    for url in DISGUISED {
        let net = net(None);
        let refusal = net.client(&public_only()).check(url);
        assert!(
            matches!(refusal, Err(Refusal::Address { .. })),
            "{url:?} is rejected without resolving: {refusal:?}"
        );
    }
    for url in DISGUISED.iter().chain(NAMES) {
        let net = net(None);
        let error = get(&net.client(&public_only()), url).await;
        let error = error.expect_err(url);
        assert!(
            matches!(error, Error::Refused(Refusal::Address { .. })),
            "{url:?}: {error}"
        );
        assert_eq!(net.dialled(), [], "{url:?}");
        assert!(!error.is_transient(), "{url:?}");
    }
    assert!(DISGUISED.len() > 80);
}

#[tokio::test]
async fn malformed_urls_are_rejected_without_resolving() {
    for url in MALFORMED {
        for policy in [public_only(), private_too()] {
            let net = net(None);
            let refusal = net.client(&policy).check(url).expect_err(url).to_string();
            assert_eq!((net.resolved(), net.dialled().len()), (0, 0), "{url:?}");
            assert!(!refusal.contains("secret"), "{url:?}: {refusal}");
        }
    }
    let long = format!("http://public.test/{}", "a".repeat(9000));
    let refusal = net(None).client(&public_only()).check(&long);
    assert_eq!(refusal, Err(Refusal::TooLong));
}

#[tokio::test]
async fn public_names_are_dialled_by_resolved_address() {
    let origin = Origin::saying(reply("200 OK", "", b"hello"));
    let check = async |url: &str, expected: &[&str], host: &str| {
        let net = net(Some(origin.address()));
        let reply = get(&net.client(&public_only()), url).await.expect(url);
        assert_eq!(reply.first_bytes(100).await.expect(url), b"hello");
        let expected: Vec<SocketAddr> = expected.iter().map(|a| a.parse().expect(a)).collect();
        assert_eq!(net.dialled(), expected, "{url}");
        let asked = origin.asked().pop().expect("it was asked");
        assert_eq!(asked.headers["host"], host, "{url}");
    };
    check(
        "http://93.184.216.34/",
        &["93.184.216.34:80"],
        "93.184.216.34",
    )
    .await;
    check(
        "http://93.184.216.34:8080/",
        &["93.184.216.34:8080"],
        "93.184.216.34:8080",
    )
    .await;
    check(
        "http://0x5d.184.55330./",
        &["93.184.216.34:80"],
        "93.184.216.34",
    )
    .await;
    check(
        "http://[::ffff:93.184.216.34]/",
        &["93.184.216.34:80"],
        "[::ffff:5db8:d822]",
    )
    .await;
    check(
        "http://[2606:2800::1]:81/",
        &["[2606:2800::1]:81"],
        "[2606:2800::1]:81",
    )
    .await;
    check(
        "http://[64:ff9b::93.184.216.34]/",
        &["[64:ff9b::5db8:d822]:80"],
        "[64:ff9b::5db8:d822]",
    )
    .await;
    check(
        "http://[2002:5db8:d822::1]/",
        &["[2002:5db8:d822::1]:80"],
        "[2002:5db8:d822::1]",
    )
    .await;
    check(
        "http://PUBLIC.test:80/",
        &["93.184.216.34:80"],
        "public.test",
    )
    .await;
    check(
        "http://bücher.test/",
        &["93.184.216.34:80"],
        "xn--bcher-kva.test",
    )
    .await;
    check("http://both.test/", &["[2606:2800::1]:80"], "both.test").await;
    for public in [
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "169.253.0.1",
        "223.255.255.255",
        "1.1.1.1",
    ] {
        check(
            &format!("http://{public}/"),
            &[&format!("{public}:80")],
            public,
        )
        .await;
    }
}

#[tokio::test]
async fn name_is_resolved_once_and_the_checked_address_dialled() {
    let net = net(None);
    let client = net.client(&public_only());
    // The connection is refused, which is no reason to resolve again.
    let error = get(&client, "http://rebinding.test/")
        .await
        .expect_err("the connection is refused");
    assert!(matches!(error, Error::Connect(..)), "{error}");
    assert!(error.is_transient());
    assert_eq!(net.resolved(), 1);
    assert_eq!(
        net.dialled(),
        ["93.184.216.34:80".parse().expect("an address")]
    );
    // The next call resolves again, and gets the new address.
    let error = get(&client, "http://rebinding.test/")
        .await
        .expect_err("it is refused");
    assert!(matches!(error, Error::Refused(_)), "{error}");
    assert_eq!((net.resolved(), net.dialled().len()), (2, 1));
}

#[tokio::test]
async fn all_resolved_addresses_are_tried_in_turn() {
    let net = net(None);
    let error = get(&net.client(&public_only()), "http://both.test/")
        .await
        .expect_err("the connection is refused");
    assert!(matches!(error, Error::Connect(..)), "{error}");
    assert_eq!(net.dialled().len(), 2);
}

#[tokio::test]
async fn private_addresses_are_allowed_for_local_clients() {
    let reached = async |policy: &Policy, url: &str| {
        let net = net(None);
        let error = get(&net.client(policy), url)
            .await
            .expect_err("the connection is refused");
        assert_eq!(
            matches!(error, Error::Connect(..)),
            !net.dialled().is_empty(),
            "{url}: {error}"
        );
        !net.dialled().is_empty()
    };
    for url in [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://[::1]/",
        "http://10.0.0.1/",
        "http://192.168.1.1/",
        "http://172.16.0.1/",
        "http://[fd12:3456::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://mixed.test/",
        "http://1.1.1.1/",
    ] {
        assert!(reached(&private_too(), url).await, "{url}");
    }
    for url in [
        "http://169.254.169.254/",
        "http://[fe80::1]/",
        "http://meta.test/",
        "http://[::ffff:169.254.169.254]/",
        "http://100.64.0.1/",
        "http://0.0.0.0/",
        "http://[::]/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "http://192.0.2.1/",
        "http://[::127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[64:ff9b:1::1]/",
        "http://[2002:7f00:1::]/",
        "http://[fec0::1]/",
        "http://[fd00:ec2::254]/",
    ] {
        assert!(!reached(&private_too(), url).await, "{url}");
    }
}

#[tokio::test]
async fn allow_list_permits_named_hosts_only() {
    let reached = async |names: &[&str], url: &str| {
        let net = net(None);
        let error = get(&net.client(&allowing(names)), url)
            .await
            .expect_err("the connection is refused");
        matches!(error, Error::Connect(..))
    };
    for (name, url) in [
        ("127.0.0.1", "http://127.0.0.1/"),
        ("127.0.0.1", "http://[::ffff:7f00:1]/"),
        ("::ffff:127.0.0.1", "http://127.1/"),
        ("127.0.0.0/8", "http://loopback.test/"),
        ("192.168.0.0/16", "http://192.168.1.1/"),
        ("[::1]", "http://[::1]/"),
        ("fe80::/10", "http://[fe80::1]/"),
        ("169.254.169.254", "http://169.254.169.254/"),
        ("meta.test", "http://meta.test/"),
        ("META.test.", "http://meta.test./"),
        ("mixed.test", "http://mixed.test/"),
        ("64:ff9b:1::/48", "http://[64:ff9b:1::1]/"),
        ("0.0.0.0/0", "http://10.0.0.1/"),
        ("::/0", "http://[fd12::1]/"),
    ] {
        assert!(reached(&[name], url).await, "{name} {url}");
    }
    for (name, url) in [
        ("127.0.0.2", "http://127.0.0.1/"),
        ("192.168.0.0/24", "http://192.168.1.1/"),
        ("meta.test", "http://loopback.test/"),
        ("meta.test", "http://evil-meta.test/"),
        ("10.0.0.0/8", "http://[64:ff9b::10.0.0.1]/"),
        ("0.0.0.0/0", "http://[::1]/"),
        ("::/0", "http://127.0.0.1/"),
        ("test", "http://loopback.test/"),
    ] {
        assert!(!reached(&[name], url).await, "{name} {url}");
    }
}

#[test]
fn allow_list_entry_is_a_host_or_a_network() {
    for text in [
        "backup.local",
        "10.1.2.3",
        "::1",
        "[::1]",
        "10.0.0.0/8",
        "fd00::/8",
    ] {
        let allow: Allow = text.parse().expect(text);
        assert_eq!(allow.to_string(), text.trim_matches(['[', ']']), "{text}");
    }
    for text in [
        "",
        "10.0.0.0/33",
        "::/129",
        "10.0.0.0/-1",
        "10.0.0/8",
        "http://a.test/",
        "a.test/8",
        "0x7f.1",
        "127.1",
        "a b",
        "/8",
    ] {
        assert!(text.parse::<Allow>().is_err(), "{text}");
    }
}

#[test]
fn private_addresses_are_allowed_on_loopback_servers_only() {
    let check = |listen: &[&str], has_public_url, expected| {
        let addresses: Vec<_> = listen.iter().map(|a| a.parse().expect(a)).collect();
        assert_eq!(
            may_reach_private(&addresses, has_public_url),
            expected,
            "{listen:?}"
        );
    };
    check(&["127.0.0.1:7070"], false, true);
    check(&["127.0.0.1:0", "[::1]:0", "127.1.2.3:1"], false, true);
    // Only Unix sockets.
    check(&[], false, true);
    check(&["127.0.0.1:7070"], true, false);
    check(&["0.0.0.0:7070"], false, false);
    check(&["127.0.0.1:0", "192.168.1.2:0"], false, false);
    check(&["[::]:7070"], false, false);
}
